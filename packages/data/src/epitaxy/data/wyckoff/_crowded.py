"""Crystals for which a search for symmetry has no meaning, found before it is begun.

Where atoms of one element lie within the tolerance of each other, nearly every displacement counts as a
translation of the crystal: spglib then looks at all of them, for minutes (27 atoms 0.2 angstrom apart take it
6 seconds, 64 take more than a hundred), and finds no group or one that says nothing.
"""

from itertools import product

import numpy as np
from jaxtyping import Float

from epitaxy.data._crystal import Crystal
from epitaxy.data.errors import UnusableRecordError

REACH = 5.0
"""Tolerances within which neighbours of the same element are counted."""

LARGEST = 0.1
"""Angstrom: no atoms are refused for being farther apart than this, or `REACH` times this, however large the
tolerance: they may be real ones."""

CROWD = 6
"""An atom may have so many of them, its own images included: those of a simple cubic lattice."""

_SHIFTS = np.array(list(product((-1, 0, 1), repeat=3)), dtype=np.float64)
_BLOCK = 1 << 18  # pairs looked at at once


def refuse_crowded(crystal: Crystal, symprec: float) -> None:
    """Refuse a crystal in which atoms of one element are within `symprec`, or too many within `REACH` of it.

    Images in the cells around are looked at, and of a cell thinner than `symprec` those are enough.

    Raises:
        UnusableRecordError: if there is such an atom.

    """
    tolerance = min(symprec, LARGEST)
    images = (crystal.positions[:, None] % 1.0 + _SHIFTS).reshape(-1, 3) @ crystal.lattice
    elements = np.repeat(crystal.numbers, len(_SHIFTS))
    cartesian = crystal.positions % 1.0 @ crystal.lattice
    step = max(1, _BLOCK // len(images))
    for first in range(0, len(cartesian), step):
        rows = slice(first, first + step)
        apart = _distances(cartesian[rows], images)
        apart[crystal.numbers[rows, None] != elements] = np.inf
        own = np.arange(len(cartesian))[rows] * len(_SHIFTS) + len(_SHIFTS) // 2
        apart[np.arange(len(own)), own] = np.inf
        nearest = float(apart.min())
        if nearest < tolerance or int((apart < REACH * tolerance).sum(axis=1).max()) > CROWD:
            raise UnusableRecordError(
                f"two atoms of one element, or an atom and its own image, are {nearest:.3f} Å apart, and its "
                f"symmetry cannot be told at symprec {symprec}; use a smaller symprec or drop the record"
            )


def _distances(
    points: Float[np.ndarray, "points 3"], images: Float[np.ndarray, "images 3"]
) -> Float[np.ndarray, "points images"]:
    square = np.zeros((len(points), len(images)))
    for axis in range(3):
        square += np.square(points[:, axis, None] - images[:, axis])
    distances: np.ndarray = np.sqrt(square)
    return distances
