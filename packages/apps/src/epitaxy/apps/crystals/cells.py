"""Generated cells as structures, or the reason why one cannot be written down."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epitaxy.apps.requests.request import Request
from epitaxy.apps.requests.sample import Sample
from epitaxy.data import to_structures
from epitaxy.geometry import CrystalBatch, volume

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


def cell_samples(crystals: CrystalBatch, requests: Sequence[Request]) -> list[Sample]:
    """Return one sample for each crystal, in order, in a right-handed cell."""
    crystals = right_handed(crystals.to("cpu"))
    faults = [_fault(crystals, k) for k in range(len(requests))]
    sound = [k for k, fault in enumerate(faults) if fault is None]
    structures = dict(zip(sound, to_structures(crystals.select(sound)) if sound else [], strict=True))
    return [
        Sample(request=request, structure=structures.get(k), reason=faults[k])
        for k, request in enumerate(requests)
    ]


def right_handed(crystals: CrystalBatch) -> CrystalBatch:
    """Return the same crystals with the vectors of left-handed cells turned round.

    A CIF has lengths and angles only: of a left-handed cell it would hold the mirror image.
    """
    left = torch.linalg.det(crystals.lattice.nan_to_num()) < 0
    turned = torch.remainder(-crystals.positions, 1.0)
    turned = torch.where(turned >= 1.0, torch.zeros_like(turned), turned)
    return replace(
        crystals,
        lattice=torch.where(left[:, None, None], -crystals.lattice, crystals.lattice),
        positions=torch.where(crystals.segments.expand(left)[:, None], turned, crystals.positions),
    )


def _fault(crystals: CrystalBatch, k: int) -> str | None:
    """Say why crystal ``k`` cannot be written down, or None."""
    lattice = crystals.lattice[k]
    start, end = int(crystals.segments.offsets[k]), int(crystals.segments.offsets[k + 1])
    if not (lattice.isfinite().all() and crystals.positions[start:end].isfinite().all()):
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
