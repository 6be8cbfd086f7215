"""The formula of a CIF, as far as it can be read for certain: what its atoms are counted against."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pymatgen.core.composition import Composition

from epitaxy.data import _elements
from epitaxy.data._cif_text import Block
from epitaxy.geometry.typography import plain_formula

_LONGEST = 1000
_COUNT = r"\d+/\d+|\d*\.?\d+|\d+\."
_TERM = re.compile(rf"([A-Za-z]{{1,2}})(?:({_COUNT})(?:\(\d+\))?)?[-+]?", re.ASCII)
_RUN = re.compile(rf"[A-Z][a-z]?(?:{_COUNT})?|.", re.ASCII)
_TOTAL_CHARGE = re.compile(r"\s\d*[-+]\s*$", re.ASCII)


@dataclass(frozen=True)
class Formula:
    """Atoms by symbol.

    Attributes:
        tag: where the file has them.
        amounts: atoms of each element; deuterium as D or H.
        slack: what rounding may have changed an amount by.

    """

    tag: str
    amounts: dict[str, float]
    slack: float

    @property
    def symbols(self) -> frozenset[str]:
        """Its elements."""
        return frozenset(self.amounts)


def formula(block: Block) -> Formula | None:
    """Return the sum formula, or where it is missing or no formula, that of the moieties; None without."""
    for tag, read in (("_chemical_formula_sum", _sum), ("_chemical_formula_moiety", _moieties)):
        text = block.one(tag)
        amounts = None if text is None or len(text) > _LONGEST else read(plain_formula(text))
        if amounts and text is not None:
            return Formula(tag, amounts, _slack(text))
    return None


def looser_formula(block: Block, elements: frozenset[str]) -> Formula | None:
    """Return one of the formulas that have no one grammar, if it can be one of these atoms.

    A name such as YBCO reads as a formula too: one that lacks an element of the atoms is none.
    """
    for kind in ("structural", "iupac", "analytical"):
        tag = f"_chemical_formula_{kind}"
        text = block.one(tag)
        amounts = None if text is None or len(text) > _LONGEST else _moieties(plain_formula(text))
        if not amounts or text is None or not elements <= {"H" if s == "D" else s for s in amounts}:
            continue
        if kind == "analytical" and _slack(text):
            continue  # measured amounts
        return Formula(tag, amounts, _slack(text))
    return None


def is_full(amounts: Mapping[str, int | float], units: int) -> bool:
    """Whether a formula may be the content of the whole cell, of so many reduced units."""
    if any(amount != int(amount) for amount in amounts.values()):
        return False
    divisor = math.gcd(*(int(amount) for amount in amounts.values()))
    return units in (divisor, divisor // 2)  # O2, Na2O2: their reduced formulas keep the pair


def _slack(text: str) -> float:
    """Return half a unit of the last place of the number with the fewest places after the point."""
    places = [len(part) for part in re.findall(r"\.(\d+)", plain_formula(text))]
    return 0.5 * 10.0 ** -min(places) if places else 0.0


def _sum(text: str) -> dict[str, float] | None:
    """Read elements with their counts, divided by spaces or, in one word, by their capitals."""
    terms = _TOTAL_CHARGE.sub("", text).split()
    whole = [_TERM.fullmatch(term) for term in terms]
    if len(terms) == 1 or not all(whole):
        runs = [run for term in terms for run in _RUN.findall(term)]
        whole = [_TERM.fullmatch(run) if run[0].isupper() else None for run in runs]
        if any(term is None or term[1] not in (*_elements.NUMBERS, "D", "T") for term in whole):
            return None
    counts: dict[str, float] = {}
    capitals = any(m[1][1:].isupper() and not _divides(m[1]) for m in whole if m)
    for term in whole:
        charged = term is not None and term[0][-1] in "+-"
        if term is None or (charged and term[2]):  # Ca2+ is one atom or two
            return None
        if _divides(term[1]) and not capitals:
            return None
        symbol = term[1].title()
        counts[symbol] = counts.get(symbol, 0.0) + _amount(term[2])
    return counts or None


def _divides(letters: str) -> bool:
    """Whether two capitals are an element as well as two: CO, carbon and oxygen or cobalt."""
    return letters in _elements.NAMES


def _amount(text: str | None) -> float:
    if not text:
        return 1.0
    above, _, below = text.partition("/")
    return float(above) / (float(below or 1) or float("inf"))


_CHARGES = re.compile(
    r"[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]*[\u207a\u207b]"
    r"|(?<=[\s)\]])(?:\d*[-+]|[-+]\d+)(?=[\s,)\]]|$)|(?<=[A-Za-z])[-+](?=[\s,)\]]|$)"
)
_BETWEEN = re.compile(r"\s*[,\u00b7\u2022\u22c5*]\s*|\s+\.\s+|\s*\.(?=\s*\()")
_PART = re.compile(rf"(?:({_COUNT})\s*(?=[(\[A-Z]))?([A-Za-z0-9.()\[\]\s]+)", re.ASCII)
_UNCLEAR = re.compile(r"\d\s+\d|T(?![a-z])|[A-Za-z)\]][1-9]\d*\.\d+\s*[A-Z(\[]")
"""`CuSO4.5H2O` has 4 and 5, or 4.5; T is a tetrahedral site as often as tritium."""


def _moieties(text: str) -> dict[str, float] | None:
    """Read moieties, each with a multiplier before it, brackets and charges; None for whatever else is said.

    `2(C6 H6), H2 O`; `(Cd 2+)3, (C6 N6 Cr 3-)2, 2(H2 O)`; `CaSO4 . 2H2O`; but neither `x(H2 O)` nor `Ca2+`.
    """
    counts: dict[str, float] = {}
    for moiety in _BETWEEN.split(_CHARGES.sub("", text).strip()):
        part = _PART.fullmatch(moiety.strip())
        if part is None or _UNCLEAR.search(part[2]):
            return None
        try:
            composition = Composition("".join(part[2].split()), strict=True)
        except (ValueError, KeyError, TypeError, RecursionError):  # all that it raises for what is no formula
            return None
        for symbol, amount in composition.as_dict().items():
            counts[symbol] = counts.get(symbol, 0.0) + _amount(part[1]) * amount
    return counts if counts and all(counts.values()) else None
