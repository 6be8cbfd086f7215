"""What to sample: one request per structure, each with its own seed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pymatgen.core import Composition, Element

from epitaxy.apps.errors import UsageError
from epitaxy.data import Statistics
from epitaxy.geometry import structure_seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One structure to generate.

    Attributes:
        id: the material it is a candidate for; a running number where there is none.
        seed: the seed of all its randomness.
        num_atoms: atoms in the cell.
        numbers: atomic numbers where the composition is given, else None.
        refusal: why no structure can be made, where that is known beforehand.
    """

    id: str
    seed: int
    num_atoms: int
    numbers: tuple[int, ...] | None = None
    refusal: str | None = None


def de_novo(statistics: Statistics, *, num: int, seed: int) -> list[Request]:
    """Return ``num`` requests whose cell sizes follow the training split's."""
    requests = []
    for number in range(num):
        own = structure_seed(seed, number)
        size = _draw(statistics.atoms_per_cell, own)
        requests.append(Request(id=f"{number:06d}", seed=own, num_atoms=size))
    return requests


def for_formulas(
    formulas: Sequence[str], statistics: Statistics, *, num: int, seed: int, formula_units: int | None = None
) -> list[Request]:
    """Return ``num`` requests for each formula.

    Args:
        formulas: such as ``SrTiO3``.
        statistics: of the training split: its elements and its cell sizes.
        num: structures per formula.
        seed: the user's seed.
        formula_units: formula units in the cell; None draws among all that give a cell size seen in training,
            as often as training cells had that size.

    Raises:
        UsageError: not a formula, an element the model does not know, or no cell size that fits.
    """
    requests: list[Request] = []
    for formula in formulas:
        unit = parse_formula(formula)
        check_elements(unit, statistics, what=formula)
        for _ in range(num):
            own = structure_seed(seed, len(requests))
            units = formula_units or _draw(sensible_units(formula, unit, statistics), own)
            numbers = _expand(unit, units)
            requests.append(
                Request(id=f"{len(requests):06d}", seed=own, num_atoms=len(numbers), numbers=numbers)
            )
    return requests


def for_compositions(
    compositions: Mapping[str, Sequence[int]], statistics: Statistics, *, num: int, seed: int
) -> list[Request]:
    """Return ``num`` requests for each known cell, given as atomic numbers by material id.

    One with an element that the model does not know is refused, not left out: it counts as a failure.
    """
    requests: list[Request] = []
    for name, numbers in compositions.items():
        cell = tuple(sorted(int(z) for z in numbers))
        unknown = unknown_elements(cell, statistics)
        refusal = f"the model was not trained on {', '.join(unknown)}" if unknown else None
        for _ in range(num):
            own = structure_seed(seed, len(requests))
            requests.append(Request(id=name, seed=own, num_atoms=len(cell), numbers=cell, refusal=refusal))
    return requests


def parse_formula(formula: str) -> dict[int, int]:
    """Return the smallest integer counts of each element, by atomic number.

    Raises:
        UsageError: text that is no formula, or counts that are not whole numbers.
    """
    try:
        composition = Composition(formula, strict=True)
        reduced, factor = composition.get_integer_formula_and_factor()
        counts = {Element(str(e)).Z: int(n) for e, n in Composition(reduced).items()}
    except (ValueError, KeyError, TypeError, ZeroDivisionError, IndexError):
        raise UsageError(f"'{formula}' is not a chemical formula: write it like SrTiO3 or Mg2SiO4") from None
    if not counts or sum(counts.values()) > 10_000 or factor <= 0:
        raise UsageError(f"'{formula}' is not a formula with whole numbers of atoms: write it like SrTiO3")
    return counts


def check_elements(counts: Mapping[int, int], statistics: Statistics, *, what: str) -> None:
    """Refuse elements outside the model's vocabulary.

    Raises:
        UsageError: naming the elements that are missing.
    """
    unknown = unknown_elements(counts, statistics)
    if unknown:
        known = ", ".join(statistics.vocabulary.symbols)
        raise UsageError(f"{what}: the model was not trained on {', '.join(unknown)}; it knows {known}")


def unknown_elements(numbers: Iterable[int], statistics: Statistics) -> list[str]:
    """Return the symbols of those elements that training never saw."""
    return [Element.from_Z(z).symbol for z in sorted(set(numbers) - set(statistics.vocabulary.numbers))]


def sensible_units(formula: str, unit: Mapping[int, int], statistics: Statistics) -> dict[int, int]:
    """Return the numbers of formula units that give a cell size seen in training, with its training count.

    Raises:
        UsageError: there is none; the sentence says what the sizes are.
    """
    size = sum(unit.values())
    fitting = {
        atoms // size: seen for atoms, seen in statistics.atoms_per_cell.items() if seen and atoms % size == 0
    }
    if not fitting:
        seen = sorted(statistics.atoms_per_cell)
        sizes = f"{seen[0]} to {seen[-1]}" if len(seen) > 1 else f"{seen[0]}"
        raise UsageError(
            f"{formula} has {size} atoms a formula unit and the model was trained on cells of {sizes} atoms: "
            "no whole number of units fits; name one with --formula-units to try all the same"
        )
    return fitting


def _expand(unit: Mapping[int, int], units: int) -> tuple[int, ...]:
    return tuple(z for z, count in sorted(unit.items()) for _ in range(count * units))


def _draw(weights: Mapping[int, int], seed: int) -> int:
    """Draw a key with probability proportional to its weight, as a function of ``seed`` alone."""
    total = sum(weights.values())
    mark = structure_seed(seed, -1) % total
    for key in sorted(weights):
        mark -= weights[key]
        if mark < 0:
            return key
    raise AssertionError("weights are positive")
