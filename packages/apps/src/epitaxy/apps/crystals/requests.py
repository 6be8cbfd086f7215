"""Requests for crystals: de novo, for formulas, for known compositions."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from epitaxy.apps.crystals.data import compositions, load_crystals
from epitaxy.apps.crystals.recipe import CrystalRecipe
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.requests.elements import ANY, Palette
from epitaxy.apps.requests.formulas import check_elements, parse_formula, unknown_elements
from epitaxy.apps.requests.known import refuse_beside_compositions
from epitaxy.apps.requests.request import TargetedRequest, draw
from epitaxy.apps.requests.sizes import check_sizes
from epitaxy.apps.requests.start import Start
from epitaxy.data import Statistics
from epitaxy.geometry import structure_seed


@dataclass(frozen=True, slots=True, kw_only=True)
class CrystalRequest(TargetedRequest):
    """One cell to generate.

    Attributes:
        numbers: its atomic numbers where the composition is given.
        composition_guidance: how far what they change is exaggerated; None: as the recipe says.
    """

    numbers: tuple[int, ...] | None = None
    composition_guidance: float | None = None

    @property
    def composition_given(self) -> bool:
        """Whether the atomic numbers are."""
        return self.numbers is not None

    @property
    def notes(self) -> Mapping[str, str | int | float]:
        """Return the targets, and the guidance by the composition where it was said."""
        said = self.composition_guidance
        # Zero arguments of super() fail in a dataclass with slots.
        notes = super(CrystalRequest, self).notes
        return notes if said is None else {**notes, "composition_guidance": said}


def check_composition_guidance(recipe: CrystalRecipe, guidance: float | None) -> None:
    """Refuse guidance by the composition that a model cannot have; None is as the recipe says.

    Raises:
        UsageError: no number from 0, a model that chooses its composition, or that never did without one.
    """
    if guidance is None:
        return
    if not (math.isfinite(guidance) and guidance >= 0):
        raise UsageError(f"--composition-guidance {guidance:g}: give a number from 0, which is none, upwards")
    if recipe.task != "csp":
        raise UsageError("--composition-guidance: this model chooses its composition; leave it out")
    if guidance and not recipe.conditioning.hide_elements:
        raise UsageError(
            "--composition-guidance compares with hidden elements, and this model's training hid none: leave "
            "it out, or train with --set conditioning.hide_elements=0.1"
        )


def with_composition_guidance(
    requests: Sequence[CrystalRequest], recipe: CrystalRecipe, guidance: float | None
) -> list[CrystalRequest]:
    """Return the requests with this guidance by their composition; None: as the recipe says.

    Raises:
        UsageError: see ``check_composition_guidance``.
    """
    check_composition_guidance(recipe, guidance)
    return [replace(request, composition_guidance=guidance) for request in requests]


def like_crystal(
    start: Start,
    statistics: Statistics,
    *,
    num: int,
    seed: int,
    given: bool,
    targets: Mapping[str, float] | None = None,
    guidance: float = 0.0,
    palette: Palette = ANY,
) -> list[CrystalRequest]:
    """Return ``num`` requests that begin from a crystal; its composition is kept where it is ``given``.

    Raises:
        UsageError: an element that the model does not know, or fewer atoms than there must be elements.
    """
    numbers = tuple(start.batch.numbers.tolist())
    check_elements(Counter(numbers), statistics.vocabulary, what="--like")
    palette.check_size(len(numbers))
    if start.pins is not None:
        start.pins.check(numbers, palette)
    return [
        CrystalRequest(
            id=f"{number:06d}",
            seed=structure_seed(seed, number),
            num_atoms=len(numbers),
            numbers=numbers if given else None,
            targets=targets or {},
            guidance=guidance,
            palette=palette,
            start=start,
        )
        for number in range(num)
    ]


def de_novo(
    statistics: Statistics,
    *,
    num: int,
    seed: int,
    sizes: Sequence[int] = (),
    targets: Mapping[str, float] | None = None,
    guidance: float = 0.0,
    palette: Palette = ANY,
) -> list[CrystalRequest]:
    """Return ``num`` requests (for each number of atoms that is named), else of sizes as training had them.

    Raises:
        UsageError: no cell of training has as many atoms as there must be elements, or a size that is named.
    """
    check_sizes(sizes, statistics.atoms_per_cell, palette, noun="cell")
    drawn = {} if sizes else palette.fitting(statistics.atoms_per_cell, noun="cells")
    requests = []
    for number in range(num * max(len(sizes), 1)):
        own = structure_seed(seed, number)
        size = sizes[number // num] if sizes else draw(drawn, own)
        requests.append(
            CrystalRequest(
                id=f"{number:06d}",
                seed=own,
                num_atoms=size,
                targets=targets or {},
                guidance=guidance,
                palette=palette,
            )
        )
    return requests


def for_formulas(
    formulas: Sequence[str],
    statistics: Statistics,
    *,
    num: int,
    seed: int,
    formula_units: int | None = None,
    targets: Mapping[str, float] | None = None,
    guidance: float = 0.0,
) -> list[CrystalRequest]:
    """Return ``num`` requests for each formula.

    Args:
        formulas: such as ``SrTiO3``.
        statistics: of the training split: its elements and its cell sizes.
        num: structures per formula.
        seed: the user's seed.
        formula_units: formula units in the cell; None draws among all that give a cell size seen in training,
            as often as training has that number for formula units of that many atoms.
        targets: what is asked of properties.
        guidance: how far to go beyond what the targets ask.

    Raises:
        UsageError: not a formula, an element the model does not know, or no cell size that fits.
    """
    requests: list[CrystalRequest] = []
    for formula in formulas:
        unit = parse_formula(formula)
        check_elements(unit, statistics.vocabulary, what=formula)
        if formula_units:
            _say_beyond(formula, sum(unit.values()) * formula_units, statistics)
        for _ in range(num):
            own = structure_seed(seed, len(requests))
            units = formula_units or draw(sensible_units(formula, unit, statistics), own)
            numbers = _expand(unit, units)
            requests.append(
                CrystalRequest(
                    id=f"{len(requests):06d}",
                    seed=own,
                    num_atoms=len(numbers),
                    numbers=numbers,
                    targets=targets or {},
                    guidance=guidance,
                )
            )
    return requests


def for_compositions(
    compositions: Mapping[str, Sequence[int]], statistics: Statistics, *, num: int, seed: int
) -> list[CrystalRequest]:
    """Return ``num`` requests for each known cell, given as atomic numbers by material id.

    One with an element that the model does not know is refused, not left out: it counts as a failure.
    """
    requests: list[CrystalRequest] = []
    for name, numbers in compositions.items():
        cell = tuple(sorted(int(z) for z in numbers))
        unknown = unknown_elements(cell, statistics.vocabulary)
        refusal = f"the model was not trained on {', '.join(unknown)}" if unknown else None
        for _ in range(num):
            own = structure_seed(seed, len(requests))
            requests.append(
                CrystalRequest(id=name, seed=own, num_atoms=len(cell), numbers=cell, refusal=refusal)
            )
    return requests


def sensible_units(formula: str, unit: Mapping[int, int], statistics: Statistics) -> dict[int, int]:
    """Return the numbers of formula units that give a cell size seen in training, each with its weight.

    Raises:
        UsageError: there is none; the sentence says what the sizes are.
    """
    size = sum(unit.values())
    fitting = statistics.units_of(size)
    if not fitting:
        seen = sorted(statistics.atoms_per_cell)
        sizes = f"{seen[0]} to {seen[-1]}" if len(seen) > 1 else f"{seen[0]}"
        raise UsageError(
            f"{formula} has {size} atoms a formula unit and the model was trained on cells of {sizes} atoms: "
            "no whole number of units fits; take a model of such cells (--formula-units goes beyond "
            "training, and what comes of it is a guess, most often with atoms too close)"
        )
    return fitting


def _say_beyond(formula: str, size: int, statistics: Statistics) -> None:
    """Say aloud that training had no cells of this size."""
    seen = statistics.atoms_per_cell
    if not seen.get(size):
        sizes = f"{min(seen)} to {max(seen)}" if len(seen) > 1 else f"{min(seen)}"
        notify(
            f"{formula}: cells of {size} atoms, and training had cells of {sizes}: a guess beyond training"
        )


def _expand(unit: Mapping[int, int], units: int) -> tuple[int, ...]:
    return tuple(z for z, count in sorted(unit.items()) for _ in range(count * units))


def for_dataset(
    name: str,
    recipe: CrystalRecipe,
    statistics: Statistics,
    *,
    split: str,
    limit: int | None,
    root: Path | None,
    num: int,
    seed: int,
    others: Mapping[str, object],
) -> list[CrystalRequest]:
    """Return ``num`` requests for each composition of known crystals.

    Args:
        name: a dataset, or a path of crystals.
        recipe: the model's.
        statistics: of its training data.
        split: which split of the dataset.
        limit: only so many crystals, drawn with a fixed seed.
        root: where datasets lie.
        num: structures a composition.
        seed: of the requests' own seeds.
        others: words that do not go with it, as :meth:`CrystalGenerator.requests` takes them.

    Raises:
        UsageError: another word, a de novo model, or no such crystals.
    """
    if recipe.task != "csp":
        raise UsageError("--compositions needs a model trained with --task csp; this one chooses its own")
    refuse_beside_compositions(others)
    dataset = load_crystals(name, split, root=root, limit=limit)
    return for_compositions(compositions(dataset), statistics, num=num, seed=seed)
