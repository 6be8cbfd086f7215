"""Generated cells as structures, or the reason why one cannot be written down."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from epitaxy.apps.requests.request import Request
from epitaxy.apps.requests.sample import Sample
from epitaxy.data import to_structures
from epitaxy.geometry import CrystalBatch, Segments, volume

MIN_VOLUME = 0.1
"""Cubic angstrom; a flatter cell is no crystal and is named as rejected, not written."""
MAX_LENGTH = 1e3
"""Angstrom."""
MIN_SHAPE = 1e-4
"""Volume over the cube of the longest edge: below, which lattice point is nearest is a matter of rounding."""


def sound_cells(lattice: Float[Tensor, "graphs 3 3"]) -> Bool[Tensor, " graphs"]:
    """Mark the cells that geometry can be done in."""
    longest = lattice.norm(dim=-1).amax(-1)
    usable = lattice.isfinite().all(-1).all(-1) & (longest <= MAX_LENGTH)
    full = volume(lattice) >= (MIN_SHAPE * longest**3).clamp(min=MIN_VOLUME)
    return torch.logical_and(usable, full)


def cell_samples(
    segments: Segments,
    lattice: Float[Tensor, "graphs 3 3"],
    positions: Float[Tensor, "atoms 3"],
    numbers: Int[Tensor, " atoms"],
    requests: Sequence[Request],
) -> list[Sample]:
    """Return one sample for each crystal, in order, in a right-handed cell.

    Args:
        segments: which atoms belong to which crystal.
        lattice: angstrom; what was decoded, which may be no cell.
        positions: fractional; what was decoded, which may be no number.
        numbers: atomic numbers.
        requests: what was asked for, one a crystal.

    """
    segments, lattice = segments.to("cpu"), lattice.cpu()
    lattice, positions = _right_handed(segments, lattice, positions.cpu())
    lost = segments.sum((~positions.isfinite()).any(1).long()) > 0
    faults = [_fault(cell, bool(gone)) for cell, gone in zip(lattice, lost, strict=True)]
    sound = [k for k, fault in enumerate(faults) if fault is None]
    crystals = CrystalBatch(
        segments=segments,
        lattice=lattice.nan_to_num(),
        positions=positions.nan_to_num(),
        numbers=numbers.cpu(),
        ids=tuple(request.id for request in requests),
    )
    structures = dict(zip(sound, to_structures(crystals.select(sound)) if sound else [], strict=True))
    return [
        Sample(request=request, structure=structures.get(k), reason=faults[k])
        for k, request in enumerate(requests)
    ]


def _right_handed(
    segments: Segments, lattice: Float[Tensor, "graphs 3 3"], positions: Float[Tensor, "atoms 3"]
) -> tuple[Float[Tensor, "graphs 3 3"], Float[Tensor, "atoms 3"]]:
    """Return the same lattices and positions with the vectors of left-handed cells turned round.

    A CIF has lengths and angles only: of a left-handed cell it would hold the mirror image.
    """
    left = torch.linalg.det(lattice.nan_to_num()) < 0
    turned = torch.remainder(-positions, 1.0)
    turned = torch.where(turned >= 1.0, torch.zeros_like(turned), turned)
    return (
        torch.where(left[:, None, None], -lattice, lattice),
        torch.where(segments.expand(left)[:, None], turned, positions),
    )


def _fault(lattice: Float[Tensor, "3 3"], lost: bool) -> str | None:
    """Say why a crystal of this cell cannot be written down, or None; lost is what has no place."""
    if lost or not lattice.isfinite().all():
        return "a coordinate or lattice entry is not a number"
    space = float(volume(lattice))
    if not space >= MIN_VOLUME:
        return f"the cell is flat: {space:.2g} cubic angstrom"
    longest = float(lattice.norm(dim=-1).max())
    if space < MIN_SHAPE * longest**3:
        return f"the cell is flat: {space:.3g} cubic angstrom, with an edge of {longest:.3g} angstrom"
    if not (longest <= MAX_LENGTH and math.isfinite(longest)):
        return f"a cell edge of {longest:.3g} angstrom"
    return None
