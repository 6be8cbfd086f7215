"""Requests for crystals of space groups that are drawn, named, or limited to a crystal system."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from epitaxy.apps.asymmetric_units.occupations import Occupation, drawn_occupation, fitting, group_for
from epitaxy.apps.asymmetric_units.symmetry import Symmetry
from epitaxy.apps.crystals.data import compositions, load_crystals
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.requests.elements import ANY, Palette
from epitaxy.apps.requests.formulas import check_elements, parse_formula, unknown_elements
from epitaxy.apps.requests.known import refuse_beside_compositions
from epitaxy.apps.requests.request import TargetedRequest, draw
from epitaxy.apps.requests.start import Start
from epitaxy.data.wyckoff import WyckoffStatistics
from epitaxy.geometry import structure_seed
from epitaxy.geometry.symmetry import (
    lattice_points,
)

_GROUP, _ORBITS, _UNITS, _WAY = -2, -3, -4, -5
"""What a structure's seed is mixed with, so that its draws are independent."""


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


def for_groups(
    symmetry: Symmetry,
    statistics: WyckoffStatistics,
    *,
    num: int,
    seed: int,
    targets: Mapping[str, float],
    guidance: float = 0.0,
    palette: Palette = ANY,
) -> list[WyckoffRequest]:
    """Return ``num`` requests (for each group that is named), with numbers of orbits as training has them.

    Raises:
        UsageError: the elements that there must be are more than the orbits that training has.
    """
    weights = {} if symmetry.groups else _roomy(symmetry.weights(statistics), statistics, palette)
    known = {number: statistics.orbits_of(number) for number in symmetry.groups or weights}
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
                )
            )
    return requests


def like_unit(
    start: Start,
    statistics: WyckoffStatistics,
    *,
    num: int,
    seed: int,
    given: bool,
    targets: Mapping[str, float],
    guidance: float = 0.0,
    palette: Palette = ANY,
) -> list[WyckoffRequest]:
    """Return ``num`` requests that begin from a crystal: its group, its number of orbits.

    Where the model is ``given`` the composition, each orbit keeps its element and its Wyckoff position. More
    orbits than training has in that group are said aloud.

    Raises:
        UsageError: an element that the model does not know, or fewer orbits than there must be elements.
    """
    numbers, sites = start.batch.numbers.tolist(), start.batch.sites.tolist()
    what = "--like" if start.pins is None else "--fix"
    check_elements(Counter(numbers), statistics.vocabulary, what=what)
    palette.check_size(len(numbers))
    if start.pins is not None:
        start.pins.check(numbers, palette)
    group = int(start.batch.space_groups)
    most = max(statistics.orbits_of(group))
    if len(numbers) > most:
        notify(f"{what}: {len(numbers)} orbits, where training has at most {most} in group {group}: a guess")
    return [
        WyckoffRequest(
            id=f"{number:06d}",
            seed=structure_seed(seed, number),
            num_atoms=len(numbers),
            space_group=group,
            occupation=tuple(zip(numbers, sites, strict=True)) if given else None,
            targets=targets,
            guidance=guidance,
            palette=palette,
            start=start,
        )
        for number in range(num)
    ]


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
        fits = fitting(formula, unit, symmetry, statistics, formula_units)
        weights = {} if symmetry.groups else symmetry.weights(statistics)
        drawn = {number: weights[number] for number in fits if number in weights}
        for group in symmetry.groups or (None,):
            for _ in range(num):
                own = structure_seed(seed, len(requests))
                number = group or draw(drawn, structure_seed(own, _GROUP))
                occupation = drawn_occupation(unit, number, fits[number], statistics, own)
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
            number = None if refusal else group_for(cell, weights, statistics, own)
            if number is None:
                refusal = refusal or f"{len(numbers)} atoms of its kinds fit no space group that may be drawn"
                blank = WyckoffRequest(id=name, seed=own, num_atoms=1, space_group=1, refusal=refusal)
                requests.append(blank)
                continue
            occupation = drawn_occupation(cell, number, [lattice_points(number)], statistics, own)
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
    refuse_beside_compositions(others)
    cells = compositions(load_crystals(name, split, root=root, limit=limit))
    symmetry = Symmetry.parse(groups, systems)
    return for_compositions(cells, symmetry, statistics, num=num, seed=seed)
