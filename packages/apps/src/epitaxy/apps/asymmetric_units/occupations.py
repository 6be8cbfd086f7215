"""How the atoms of a composition are put on the Wyckoff positions of a group that they fit."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch

from epitaxy.apps.asymmetric_units.symmetry import Symmetry
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.messages import notify_once
from epitaxy.apps.requests.request import draw
from epitaxy.data.wyckoff import WyckoffStatistics
from epitaxy.geometry import structure_seed
from epitaxy.geometry.symmetry import MAX_ATOMS, draw_occupation, lattice_points, occupation_possible

MAX_CELL = 200
"""Atoms of a conventional cell up to which numbers of formula units are tried."""
_GROUP, _UNITS, _WAY = -2, -4, -5
"""What a structure's seed is mixed with, so that its draws are independent."""

Occupation = tuple[tuple[int, int], ...]
"""Atomic number and Wyckoff position of each orbit."""


def group_for(
    cell: Mapping[int, int], weights: Mapping[int, int], statistics: WyckoffStatistics, seed: int
) -> int | None:
    """Draw a group that a primitive cell fits; None if there is none."""
    left = dict(weights)
    while left:
        number = draw(left, structure_seed(structure_seed(seed, _GROUP), len(left)))
        conventional = {z: count * lattice_points(number) for z, count in cell.items()}
        limit = max(statistics.orbits_of(number))
        if sum(conventional.values()) <= MAX_ATOMS and occupation_possible(
            number, conventional, max_orbits=limit
        ):
            return number
        del left[number]
    return None


def fitting(
    formula: str,
    unit: Mapping[int, int],
    symmetry: Symmetry,
    statistics: WyckoffStatistics,
    formula_units: int | None,
) -> dict[int, list[int]]:
    """Return the numbers of formula units that fit each group that is named, or that may be drawn.

    Raises:
        UsageError: none fits a group that is named, or any.
    """
    most = max(MAX_CELL // sum(unit.values()), 1)
    size = sum(unit.values())
    if size * (formula_units or 1) > MAX_ATOMS:
        raise UsageError(
            f"{formula}: a cell of {size * (formula_units or 1)} atoms is beyond what can be put on Wyckoff "
            f"positions, {MAX_ATOMS} at most: ask for fewer formula units, or for a smaller formula"
        )
    tried = [formula_units] if formula_units else range(1, most + 1)
    found: dict[int, list[int]] = {}
    beyond: list[int] = []
    for number in symmetry.groups or symmetry.weights(statistics):
        possible = partial(_possible, unit, number, limit=max(statistics.orbits_of(number)))
        # Counting the ways of large cells is slow: sizes that training lacks are looked at last, if at all.
        known = [units for units in tried if _seen(statistics, number, size * units) and possible(units)]
        if known:
            found[number] = known
            continue
        if not (symmetry.groups or formula_units):
            continue
        fits = [units for units in tried if possible(units)]
        if fits:
            found[number] = fits if formula_units else fits[:1]
            beyond.append(number)
        elif symmetry.groups:
            raise UsageError(
                f"{formula} is impossible in space group {number}: the atoms of {_units(tried)} cannot "
                f"be put on its Wyckoff positions in at most {max(statistics.orbits_of(number))} orbits; "
                "name another group"
            )
    if beyond:
        groups = ", ".join(map(str, beyond[:5])) + (", ..." if len(beyond) > 5 else "")
        notify_once(f"{formula} in group {groups}: cells larger than any in training, a guess beyond it")
    if not found:
        raise UsageError(f"{formula} fits no space group that the model was trained on: try --formula-units")
    return found


def _possible(unit: Mapping[int, int], number: int, units: int, *, limit: int) -> bool:
    """Whether the atoms of so many formula units fit a group's positions in at most ``limit`` orbits."""
    return occupation_possible(number, {z: n * units for z, n in unit.items()}, max_orbits=limit)


def _seen(statistics: WyckoffStatistics, number: int, atoms: int) -> int:
    """Return how many training crystals have as large a primitive cell as this one; 1 if not known."""
    if statistics.atoms_per_cell is None:
        return 1
    primitive, rest = divmod(atoms, lattice_points(number))
    return 0 if rest else statistics.atoms_per_cell.get(primitive, 0)


def _units(tried: Sequence[int]) -> str:
    """Say how many formula units, as in ``1 to 40 formula units``."""
    if len(tried) == 1:
        return f"{tried[0]} formula unit" + ("s" if tried[0] > 1 else "")
    return f"{tried[0]} to {tried[-1]} formula units"


def drawn_occupation(
    unit: Mapping[int, int], number: int, units: Sequence[int], statistics: WyckoffStatistics, seed: int
) -> Occupation:
    """Draw a number of units and the positions; one way of each number stands for it."""
    seen = statistics.orbits_of(number)
    rng = torch.Generator().manual_seed(structure_seed(seed, _WAY))
    ways = {
        n: draw_occupation(number, {z: k * n for z, k in unit.items()}, rng=rng, max_orbits=max(seen))
        for n in units
    }
    size, points = sum(unit.values()), lattice_points(number)
    often = statistics.units_of(size) or {}
    weights = {n: (1 + 100 * seen.get(len(way), 0)) * often.get(n // points, 1) for n, way in ways.items()}
    return tuple(ways[draw(weights, structure_seed(seed, _UNITS))])
