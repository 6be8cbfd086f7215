"""What is searched: one composition, or any stoichiometry of some elements."""

import re
from dataclasses import dataclass, replace
from functools import reduce
from math import gcd

from pymatgen.core import Composition, Element
from pymatgen.symmetry.groups import sg_symbol_from_int_number

from epitaxy.apps.asymmetric_units.symmetry import group_number
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.requests.formulas import parse_formula

_SYSTEM = re.compile(r"\s*[A-Za-z]{1,3}(\s*[-–]\s*[A-Za-z]{1,3})+\s*")
LARGEST_SYSTEM = 5
"""Elements of a chemical system: of more there are too many stoichiometries to look at any closely."""

Amounts = dict[str, int]
"""Smallest whole numbers of atoms, by element symbol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A formula, or a chemical system.

    Attributes:
        text: in its usual form, ``SrTiO3`` or ``Fe-Li-O``: two spellings of one question have one text.
        elements: symbols, in alphabetical order.
        amounts: of a formula unit; None for a chemical system.
        group: number of the space group that answers have; None for any.
    """

    text: str
    elements: tuple[str, ...]
    amounts: Amounts | None = None
    group: int | None = None

    @property
    def title(self) -> str:
        """The text, and in which space group."""
        return self.text if self.group is None else f"{self.text} in {space_group_name(self.group)}"

    @property
    def is_system(self) -> bool:
        """Whether any stoichiometry is asked for."""
        return self.amounts is None

    @property
    def makes_hull(self) -> bool:
        """Whether a hull can be made of what is found: the elements are seldom of the group asked for."""
        return self.is_system and self.group is None

    def admits(self, group: int | None) -> bool:
        """Whether an answer may have this space group."""
        return self.group is None or group == self.group

    def holds(self, composition: Composition) -> bool:
        """Whether a composition is an answer; of a chemical system its parts are as well."""
        found = {element.symbol for element in composition.elements}
        if self.amounts is None:
            return found <= set(self.elements)
        return amounts_of(composition) == self.amounts


def space_group_name(number: int) -> str:
    """Return symbol and number, as in ``Pm-3m (221)``."""
    return f"{sg_symbol_from_int_number(number)} ({number})"


def parse_question(word: str, spacegroup: int | str | None = None) -> Question:
    """Read ``SrTiO3`` or ``Li-Fe-O``, and in which space group answers must be.

    Raises:
        UsageError: neither, or with a word in it that is no element; or no space group.
    """
    asked = _parsed(word)
    return asked if spacegroup is None else replace(asked, group=group_number(spacegroup))


def _parsed(word: str) -> Question:
    if not _SYSTEM.fullmatch(word):
        counts = parse_formula(word)
        amounts = {Element.from_Z(z).symbol: n for z, n in counts.items()}
        text = Composition(amounts).reduced_formula
        return Question(text=text, elements=tuple(sorted(amounts)), amounts=amounts)
    symbols = [part.strip() for part in re.split("[-–]", word)]
    for symbol in symbols:
        if not Element.is_valid_symbol(symbol) or symbol in ("D", "T"):
            meant = symbol.capitalize()
            known = Element.is_valid_symbol(meant)
            hint = f"; did you mean {meant}?" if known else ": write a system like Li-Fe-O"
            raise UsageError(f"'{word}': {symbol} is no element{hint}")
    if len(set(symbols)) < len(symbols):
        raise UsageError(f"'{word}' names an element twice: name each once, as in Li-Fe-O")
    if len(symbols) > LARGEST_SYSTEM:
        raise UsageError(
            f"'{word}' has {len(symbols)} elements, and at most {LARGEST_SYSTEM} are searched together: name "
            "a formula, or fewer elements"
        )
    return Question(text="-".join(sorted(symbols)), elements=tuple(sorted(symbols)))


def amounts_of(composition: Composition) -> Amounts:
    """Return the smallest whole numbers of atoms of a crystal's composition."""
    counts = {
        symbol: round(amount) for symbol, amount in composition.element_composition.get_el_amt_dict().items()
    }
    divisor = reduce(gcd, counts.values())
    return {symbol: count // divisor for symbol, count in counts.items()}


def formula_of(amounts: Amounts) -> str:
    """Return the formula in its usual form, such as ``SrTiO3``."""
    composition = Composition(amounts)
    return "".join(
        f"{symbol}{count if count > 1 else ''}"
        for symbol, count in ((e.symbol, round(n)) for e, n in composition.items())
    )
