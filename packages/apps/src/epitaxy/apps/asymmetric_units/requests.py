"""Requests for crystals of space groups that are drawn, named, or limited to a crystal system."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from epitaxy.apps.config.base import suggest
from epitaxy.apps.crystals.data import compositions, load_crystals
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.requests.elements import ANY, Palette
from epitaxy.apps.requests.formulas import check_elements, parse_formula, unknown_elements
from epitaxy.apps.requests.request import TargetedRequest, draw
from epitaxy.apps.requests.start import Start
from epitaxy.data.wyckoff import WyckoffStatistics
from epitaxy.geometry import structure_seed
from epitaxy.geometry.symmetry import (
    MAX_ATOMS,
    crystal_system,
    draw_occupation,
    lattice_points,
    occupation_possible,
    space_group_number,
)

MAX_CELL = 200
"""Atoms of a conventional cell up to which numbers of formula units are tried."""
_GROUP, _ORBITS, _UNITS, _WAY = -2, -3, -4, -5
"""What a structure's seed is mixed with, so that its draws are independent."""

Occupation = tuple[tuple[int, int], ...]
"""Atomic number and Wyckoff position of each orbit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WyckoffRequest(TargetedRequest):
    """One asymmetric unit to generate; ``num_atoms`` counts its orbits.

    Attributes:
        space_group: 1 to 230.
        occupation: elements and positions, where the composition is given.
    """

    space_group: int
    occupation: Occupation | None = None

    @property
    def notes(self) -> Mapping[str, str | int | float]:
        """Return the space group and the targets."""
        # A dataclass with slots is made anew: super() without arguments would not find it.
        return {"spacegroup": self.space_group, **super(WyckoffRequest, self).notes}


@dataclass(frozen=True, slots=True, kw_only=True)
class Symmetry:
    """Which space groups are asked for.

    Attributes:
        groups: these, each for as many structures as are asked for; empty: drawn as training has them.
        systems: drawn from these crystal systems alone; empty: from all.
    """

    groups: tuple[int, ...] = ()
    systems: tuple[str, ...] = ()

    @classmethod
    def parse(cls, groups: Sequence[int | str], systems: Sequence[str]) -> "Symmetry":
        """Check the words; groups are numbers or symbols, as ``space_group_number`` takes them.

        Raises:
            UsageError: a word that is no space group or no crystal system, or both kinds.
        """
        numbers = tuple(_number(word) for word in groups)
        known = tuple(dict.fromkeys(crystal_system(number) for number in range(1, 231)))
        for word in systems:
            if word not in known:
                raise UsageError(f"--crystal-system {word}: there is no such system{suggest(word, known)}")
        if numbers and systems:
            raise UsageError("--spacegroup and --crystal-system exclude each other: give one of them")
        return cls(groups=numbers, systems=tuple(systems))

    def weights(self, statistics: WyckoffStatistics) -> dict[int, int]:
        """Return how often training has each group that may be drawn.

        Raises:
            UsageError: training has no crystal of these systems.
        """
        found = {
            number: count
            for number, count in statistics.space_groups.items()
            if not self.systems or crystal_system(number) in self.systems
        }
        if not found:
            raise UsageError(
                f"the model was trained on no {' or '.join(self.systems)} crystals: name space groups with "
                "--spacegroup to try all the same"
            )
        return found


def _number(word: int | str) -> int:
    try:
        return space_group_number(word)
    except ValueError as error:
        raise UsageError(f"--spacegroup {str(word)[:40]}: {error}") from error


def for_groups(
    symmetry: Symmetry,
    statistics: WyckoffStatistics,
    *,
    num: int,
    seed: int,
    targets: Mapping[str, float],
    guidance: float = 0.0,
    palette: Palette = ANY,
    start: Start | None = None,
) -> list[WyckoffRequest]:
    """Return ``num`` requests (for each group that is named), with numbers of orbits as training has them.

    With a ``start`` they have the orbits of that crystal, whose group must be the one that is named.

    Raises:
        UsageError: the elements that there must be are more than the orbits that training has.
    """
    weights = {} if symmetry.groups else _roomy(symmetry.weights(statistics), statistics, palette)
    known = {number: statistics.orbits_of(number) for number in symmetry.groups or weights}
    if start is not None:
        numbers = start.batch.numbers.tolist()
        check_elements(Counter(numbers), statistics.vocabulary, what="--like")
        known = {number: {len(numbers): 1} for number in known}
    orbits = {
        number: palette.fitting(sizes, noun=f"asymmetric units of group {number}")
        for number, sizes in known.items()
    }
    requests: list[WyckoffRequest] = []
    for group in symmetry.groups or (None,):
        for _ in range(num):
            own = structure_seed(seed, len(requests))
            number = group or draw(weights, structure_seed(own, _GROUP))
            requests.append(
                WyckoffRequest(
                    id=f"{len(requests):06d}",
                    seed=own,
                    num_atoms=draw(orbits[number], structure_seed(own, _ORBITS)),
                    space_group=number,
                    targets=targets,
                    guidance=guidance,
                    palette=palette,
                    start=start,
                )
            )
    return requests


def _roomy(weights: Mapping[int, int], statistics: WyckoffStatistics, palette: Palette) -> dict[int, int]:
    """Return the groups that have as many orbits in training as there must be elements.

    Raises:
        UsageError: none has.
    """
    most = {number: max(statistics.orbits_of(number)) for number in weights}
    palette.fitting(dict.fromkeys(most.values(), 1), noun="asymmetric units")
    return {number: count for number, count in weights.items() if most[number] >= len(palette.required)}


def for_formulas(
    formulas: Sequence[str],
    symmetry: Symmetry,
    statistics: WyckoffStatistics,
    *,
    num: int,
    seed: int,
    targets: Mapping[str, float],
    guidance: float = 0.0,
    formula_units: int | None = None,
) -> list[WyckoffRequest]:
    """Return ``num`` requests for each formula (and each group that is named).

    The atoms of some number of formula units are put on the group's Wyckoff positions, each way with equal
    chance; numbers of units are tried as often as training crystals have that many orbits, and primitive
    cells of that many atoms. What goes beyond the sizes that training has is said aloud.

    Raises:
        UsageError: not a formula, an element the model does not know, or no way to put it on the positions.
    """
    requests: list[WyckoffRequest] = []
    for formula in formulas:
        unit = parse_formula(formula)
        check_elements(unit, statistics.vocabulary, what=formula)
        fitting = _fitting(formula, unit, symmetry, statistics, formula_units)
        weights = {} if symmetry.groups else symmetry.weights(statistics)
        drawn = {number: weights[number] for number in fitting if number in weights}
        for group in symmetry.groups or (None,):
            for _ in range(num):
                own = structure_seed(seed, len(requests))
                number = group or draw(drawn, structure_seed(own, _GROUP))
                occupation = _occupation(unit, number, fitting[number], statistics, own)
                requests.append(
                    WyckoffRequest(
                        id=f"{len(requests):06d}",
                        seed=own,
                        num_atoms=len(occupation),
                        space_group=number,
                        targets=targets,
                        guidance=guidance,
                        occupation=occupation,
                    )
                )
    return requests


def for_compositions(
    compositions: Mapping[str, Sequence[int]],
    symmetry: Symmetry,
    statistics: WyckoffStatistics,
    *,
    num: int,
    seed: int,
) -> list[WyckoffRequest]:
    """Return ``num`` requests for each known primitive cell, given as atomic numbers by material id.

    The group is drawn (among those that are named, evenly; else as training has them) from those on whose
    Wyckoff positions the cell's atoms can be put, and then one of the ways, each with equal chance. A cell
    with an element that the model does not know, or that fits no group, is refused, not left out: it counts
    as a failure.
    """
    weights = dict.fromkeys(symmetry.groups, 1) or symmetry.weights(statistics)
    requests: list[WyckoffRequest] = []
    for name, numbers in compositions.items():
        cell = Counter(int(z) for z in numbers)
        unknown = unknown_elements(cell, statistics.vocabulary)
        refusal = f"the model was not trained on {', '.join(unknown)}" if unknown else None
        for _ in range(num):
            own = structure_seed(seed, len(requests))
            number = None if refusal else _group_for(cell, weights, statistics, own)
            if number is None:
                refusal = refusal or f"{len(numbers)} atoms of its kinds fit no space group that may be drawn"
                blank = WyckoffRequest(id=name, seed=own, num_atoms=1, space_group=1, refusal=refusal)
                requests.append(blank)
                continue
            occupation = _occupation(cell, number, [lattice_points(number)], statistics, own)
            requests.append(
                WyckoffRequest(
                    id=name,
                    seed=own,
                    num_atoms=len(occupation),
                    space_group=number,
                    occupation=occupation,
                )
            )
    return requests


def for_dataset(
    name: str,
    statistics: WyckoffStatistics,
    *,
    groups: Sequence[str],
    systems: Sequence[str],
    split: str,
    limit: int | None,
    root: Path | None,
    num: int,
    seed: int,
    others: Mapping[str, object],
) -> list[WyckoffRequest]:
    """Return ``num`` requests for each composition of known crystals, see ``for_compositions``.

    Args:
        name: a dataset, or a path of crystals.
        statistics: of the model's training data.
        groups: space groups that are asked for, if any.
        systems: crystal systems that are asked for, if any.
        split: which split of the dataset.
        limit: only so many crystals, drawn with a fixed seed.
        root: where datasets lie.
        num: structures a composition.
        seed: of the requests' own seeds.
        others: words that do not go with it, as :meth:`SymmBFN.requests` takes them.

    Raises:
        UsageError: another word, or no such crystals.
    """
    said = {word for word, value in others.items() if value}
    if said & {"formula", "formula_units"}:
        raise UsageError("--formula and --compositions exclude each other: give one of them")
    if said & {"properties", "guidance"}:
        raise UsageError("--property does not go with --compositions: take --formula for each composition")
    if said & {"elements", "chemical_system", "without"}:
        raise UsageError("--compositions says which elements: leave out --elements and its like")
    if "like" in said or others.get("strength") is not None:
        raise UsageError("--compositions does not go with --like and --strength: give one of them")
    cells = compositions(load_crystals(name, split, root=root, limit=limit))
    symmetry = Symmetry.parse(groups, systems)
    return for_compositions(cells, symmetry, statistics, num=num, seed=seed)


def _group_for(
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


def _fitting(
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
    tried = [formula_units] if formula_units else range(1, most + 1)
    fitting: dict[int, list[int]] = {}
    beyond: list[int] = []
    for number in symmetry.groups or symmetry.weights(statistics):
        possible = partial(_possible, unit, number, limit=max(statistics.orbits_of(number)))
        # Counting the ways of large cells is slow: sizes that training lacks are looked at last, if at all.
        known = [units for units in tried if _seen(statistics, number, size * units) and possible(units)]
        if known:
            fitting[number] = known
            continue
        if not (symmetry.groups or formula_units):
            continue
        fits = [units for units in tried if possible(units)]
        if fits:
            fitting[number] = fits if formula_units else fits[:1]
            beyond.append(number)
        elif symmetry.groups:
            raise UsageError(
                f"{formula} is impossible in space group {number}: the atoms of {_units(tried)} cannot "
                f"be put on its Wyckoff positions in at most {max(statistics.orbits_of(number))} orbits; "
                "name another group"
            )
    if beyond:
        groups = ", ".join(map(str, beyond[:5])) + (", ..." if len(beyond) > 5 else "")
        notify(f"{formula} in group {groups}: cells larger than any in training, a guess beyond it")
    if not fitting:
        raise UsageError(f"{formula} fits no space group that the model was trained on: try --formula-units")
    return fitting


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


def _occupation(
    unit: Mapping[int, int], number: int, units: Sequence[int], statistics: WyckoffStatistics, seed: int
) -> Occupation:
    """Draw a number of units and the positions; one way of each number stands for it."""
    seen = statistics.orbits_of(number)
    rng = torch.Generator().manual_seed(structure_seed(seed, _WAY))
    ways = {
        n: draw_occupation(number, {z: k * n for z, k in unit.items()}, rng=rng, max_orbits=max(seen))
        for n in units
    }
    size = sum(unit.values())
    weights = {
        n: (1 + 100 * seen.get(len(way), 0)) * max(_seen(statistics, number, size * n), 1)
        for n, way in ways.items()
    }
    return tuple(ways[draw(weights, structure_seed(seed, _UNITS))])
