"""Formulas, and the elements that a model knows."""

import math
import re
from collections.abc import Iterable, Mapping

from pymatgen.core import Composition, Element

from epitaxy.apps.foundation.elements import no_formula
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.data import Vocabulary
from epitaxy.geometry.typography import plain_formula


def parse_formula(formula: str) -> dict[int, int]:
    """Return the smallest integer counts of each element, by atomic number; `SrTiO₃` is SrTiO3.

    They have no common divisor, in elements too: pymatgen's O2 for O3 would be another crystal.

    Raises:
        UsageError: text that is no formula, or counts that are 0 or no whole numbers.
    """
    plain = plain_formula(formula)
    try:
        composition = Composition(plain, strict=True)
        reduced, factor = composition.get_integer_formula_and_factor()
        counts = {Element(str(e)).Z: int(n) for e, n in Composition(reduced).items()}
    except (ValueError, KeyError, TypeError, ZeroDivisionError, IndexError):
        raise no_formula(formula) from None
    if not counts or sum(counts.values()) > 10_000 or factor <= 0:
        raise UsageError(f"'{formula}' is not a formula with whole numbers of atoms: write it like SrTiO3")
    for symbol in re.findall("[A-Z][a-z]*", plain):
        if composition[symbol] == 0:
            raise UsageError(f"'{formula}' has no {symbol}: leave it out of the formula")
    divisor = math.gcd(*counts.values())
    return {z: n // divisor for z, n in counts.items()}


def check_elements(counts: Mapping[int, int], vocabulary: Vocabulary, *, what: str) -> None:
    """Refuse elements outside the model's vocabulary.

    Raises:
        UsageError: naming the elements that are missing.
    """
    unknown = unknown_elements(counts, vocabulary)
    if unknown:
        known = ", ".join(vocabulary.symbols)
        raise UsageError(f"{what}: the model was not trained on {', '.join(unknown)}; it knows {known}")


def unknown_elements(numbers: Iterable[int], vocabulary: Vocabulary) -> list[str]:
    """Return the symbols of those elements that training never saw."""
    return [Element.from_Z(z).symbol for z in sorted(set(numbers) - set(vocabulary.numbers))]
