"""Which two atoms of a cell are too close to be two."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import spglib
from jaxtyping import Float, Int
from scipy.spatial import KDTree

OVERLAP = 0.5
"""Angstrom: no two atoms are closer than this; the shortest bond without hydrogen, N2's, has 1.1."""

OVERLAP_HYDROGEN = 0.3
"""Angstrom: the same where one of them is hydrogen, whose bonds X-rays see too short; H2's has 0.74."""

_FEW = 512  # atoms up to which all pairs are looked at; beyond, a tree is faster and takes no memory


def volume(lattice: Float[np.ndarray, "3 3"]) -> float:
    """Volume of a cell, cubic angstrom. Plain numbers: a call of numpy takes longer than all of them."""
    a, b, c = lattice.tolist()
    return abs(_dot(a, _cross(b, c)))


def thickness(lattice: Float[np.ndarray, "3 3"]) -> float:
    """Smallest distance between neighbouring lattice planes (100), (010), (001), angstrom."""
    a, b, c = lattice.tolist()
    faces = [_cross(b, c), _cross(c, a), _cross(a, b)]
    largest = max(math.hypot(*face) for face in faces)
    return abs(_dot(a, faces[0])) / largest if largest > 0 else 0.0


def _cross(u: Sequence[float], v: Sequence[float]) -> Sequence[float]:
    return (u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])


def _dot(u: Sequence[float], v: Sequence[float]) -> float:
    return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]


def limit(one: int, other: int) -> float:
    """Smallest distance between two elements by their atomic numbers, angstrom."""
    return OVERLAP_HYDROGEN if 1 in (one, other) else OVERLAP


def overlapping_pair(
    lattice: Float[np.ndarray, "3 3"],
    positions: Float[np.ndarray, "atoms 3"],
    numbers: Int[np.ndarray, " atoms"],
) -> tuple[int, int, float] | None:
    """Return the closest pair, in units of its limit, if it is closer than that; a pair may be i and i.

    Rounding fractional differences finds the nearest image of every pair this close, however skew the cell,
    where lattice planes are at least 2 `OVERLAP` apart: such a difference is below 1/2 in every entry.
    Thinner cells are reduced first, and the images next to the nearest are looked at too.
    """
    images = np.zeros((1, 3))
    if thickness(lattice) < 2 * OVERLAP:
        reduced = spglib.delaunay_reduce(lattice, eps=1e-8)
        if reduced is not None:
            positions, lattice = positions @ lattice @ np.linalg.inv(reduced), reduced
        images = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        shortest = float(np.linalg.norm(np.delete(images, 13, axis=0) @ lattice, axis=1).min())
        largest = int(numbers.argmax())
        if shortest < limit(int(numbers[largest]), int(numbers[largest])):
            return largest, largest, shortest
    i, j = _pairs(len(positions)) if len(positions) <= _FEW else near_pairs(lattice, positions)
    if len(i) == 0:
        return None
    difference = positions[i] - positions[j]
    difference -= np.round(difference)
    squared = np.square((difference + images[0]) @ lattice).sum(axis=1)
    for shift in images[1:]:
        np.minimum(squared, np.square((difference + shift) @ lattice).sum(axis=1), out=squared)
    if squared.min() >= OVERLAP**2:
        return None  # nearly always, and without a look at the elements
    light = (numbers[i] == 1) | (numbers[j] == 1)
    share = squared / np.where(light, OVERLAP_HYDROGEN, OVERLAP) ** 2
    closest = int(share.argmin())
    if share[closest] >= 1:
        return None
    return int(i[closest]), int(j[closest]), math.sqrt(squared[closest])


@lru_cache(maxsize=64)
def _pairs(atoms: int) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    return np.triu_indices(atoms, k=1)


def near_pairs(
    lattice: Float[np.ndarray, "3 3"], positions: Float[np.ndarray, "atoms 3"]
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """All pairs that may be within `OVERLAP`, and few others: those near in each fractional coordinate."""
    reach = OVERLAP / thickness(lattice)
    wrapped = positions % 1.0
    wrapped[wrapped >= 1.0] = 0.0
    pairs = KDTree(wrapped, boxsize=np.ones(3)).query_pairs(reach, p=np.inf, output_type="ndarray")
    return pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)
