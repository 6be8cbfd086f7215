"""Between batches and pymatgen Structures."""

import torch
from jaxtyping import Float
from pymatgen.core import Structure
from torch import Tensor

from epitaxy.geometry import CrystalBatch


def to_structures(batch: CrystalBatch) -> list[Structure]:
    """The crystals of a batch as pymatgen Structures, in order."""
    sizes = batch.segments.counts.tolist()
    lattices = batch.lattice.detach().cpu().double().numpy()
    positions = batch.positions.detach().cpu().double().split(sizes)
    numbers = batch.numbers.cpu().split(sizes)
    return [
        Structure(lattice, z.tolist(), x.numpy())
        for lattice, z, x in zip(lattices, numbers, positions, strict=True)
    ]


def positions_as(positions: Float[Tensor, "atoms 3"], dtype: torch.dtype) -> Float[Tensor, "atoms 3"]:
    """Positions in another precision; one that rounds to 1 there becomes 0."""
    rounded = positions.to(dtype)
    return torch.where(rounded >= 1.0, torch.zeros_like(rounded), rounded)
