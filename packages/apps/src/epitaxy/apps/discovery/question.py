"""What is searched: one composition, or any stoichiometry of some elements."""

from dataclasses import dataclass, replace
from functools import reduce
from math import gcd

from pymatgen.core import Composition, Element
from pymatgen.symmetry.groups import sg_symbol_from_int_number

from epitaxy.apps.asymmetric_units.symmetry import group_number
from epitaxy.apps.foundation.elements import system_of
from epitaxy.apps.requests.formulas import parse_formula

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
        return f"{self.text}{self.where}"

    @property
    def where(self) -> str:
        """In which space group, to be said after what is asked for; empty for any."""
        return "" if self.group is None else f" in {space_group_name(self.group)}"

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
    system = system_of(word)
    if system is not None:
        return Question(text="-".join(system), elements=system)
    counts = parse_formula(word)
    amounts = {Element.from_Z(z).symbol: n for z, n in counts.items()}
    text = Composition(amounts).reduced_formula
    return Question(text=text, elements=tuple(sorted(amounts)), amounts=amounts)


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
