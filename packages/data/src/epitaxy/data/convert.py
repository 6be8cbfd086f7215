"""Between batches and pymatgen Structures."""

from itertools import pairwise

import torch
from jaxtyping import Float
from pymatgen.core.structure import Structure
from torch import Tensor

from epitaxy.geometry import CrystalBatch


def to_structures(batch: CrystalBatch) -> list[Structure]:
    """Return the crystals of a batch as pymatgen Structures, in order."""
    lattices = batch.lattice.detach().cpu().double().numpy()
    positions = batch.positions.detach().cpu().double().numpy()
    numbers = batch.numbers.tolist()
    ends = batch.segments.offsets.tolist()
    return [
        Structure(lattice, numbers[first:end], positions[first:end])
        for lattice, (first, end) in zip(lattices, pairwise(ends), strict=True)
    ]


def positions_as(positions: Float[Tensor, "atoms 3"], dtype: torch.dtype) -> Float[Tensor, "atoms 3"]:
    """Positions in another precision; one that rounds to 1 there becomes 0."""
    rounded = positions.to(dtype)
    return torch.where(rounded >= 1.0, torch.zeros_like(rounded), rounded)
