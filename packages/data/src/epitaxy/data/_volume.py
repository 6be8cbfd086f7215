"""Whether the volume a file declares is that of its cell, as far as the digits written can tell."""

import math
import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from epitaxy.data._cif_text import number
from epitaxy.data._distances import volume as volume_of

CLOSEST = 5e-4
"""Part by which a declared volume may always differ: programs have other constants and other averages."""

FARTHEST = 0.02
"""Part by which it never may differ for the cell's digits, however few these are."""

_WRITTEN = re.compile(r"[-+]?\d*\.?(\d*)(?:[eEdD]([-+]?\d{1,3}))?(?:\((\d{1,9})\))?", re.ASCII)
_DEVIATIONS = 3  # standard uncertainties that a measured number may be off by


def other_volume(stated: str | None, parameters: Sequence[str], volume: float) -> bool:
    """Whether a declared volume contradicts the cell.

    Args:
        stated: the volume as the file writes it; what is missing or no number contradicts nothing.
        parameters: the lengths, then the angles in degrees, as the file writes them.
        volume: of these, cubic angstrom.

    """
    return _differs(stated, volume, _rounding(parameters, volume))


def other_volume_of_vectors(stated: str, vectors: Float[np.ndarray, "3 3"], cells: float = 1.0) -> bool:
    """Whether a declared volume contradicts so many cells of three vectors, as many digits as they have.

    Args:
        stated: the volume; what is no number contradicts nothing.
        vectors: rows, angstrom; the one with the most digits shows where all were rounded.
        cells: of how many cells the volume is.

    """
    off = min(doubt(repr(x)) for x in vectors.ravel().tolist())
    faces = np.cross(np.roll(vectors, -1, axis=0), np.roll(vectors, -2, axis=0))
    return _differs(stated, cells * volume_of(vectors), cells * off * float(np.abs(faces).sum()))


def _differs(stated: str | None, volume: float, rounding: float) -> bool:
    declared = None if stated is None else number(stated)
    if stated is None or declared is None:
        return False
    if not math.isfinite(declared):
        return True
    beyond = abs(declared - volume) - CLOSEST * volume
    return beyond > 0 and not beyond <= doubt(stated) + min(rounding, FARTHEST * volume)


def doubt(written: str) -> float:
    """Return what a number may be off by: half a unit of its last place, and its uncertainty thrice."""
    match = _WRITTEN.fullmatch(written.strip())
    if match is None:  # a fraction
        return 0.0
    unit = float(f"1e{int(match[2] or 0) - len(match[1])}")
    return (0.5 + _DEVIATIONS * int(match[3] or 0)) * unit


def _rounding(parameters: Sequence[str], volume: float) -> float:
    """Return how far, to first order, the volume may be off by what its parameters may be off by."""
    values = [number(text) or 0.0 for text in parameters]
    doubts = [doubt(text) for text in parameters]
    parts = sum(off / length for off, length in zip(doubts[:3], values[:3], strict=True))
    a, b, c = (math.cos(math.radians(angle)) for angle in values[3:])
    share = 1 - a * a - b * b - c * c + 2 * a * b * c
    slopes = (a - b * c, b - a * c, c - a * b)
    for off, angle, slope in zip(doubts[3:], values[3:], slopes, strict=True):
        parts += abs(math.sin(math.radians(angle)) * slope) / share * math.radians(off)
    return parts * volume
