"""Which element a word of a file means; none where it may mean two.

A *type* stands where a format has an element: CIF's type symbol, a POSCAR's names. It may have any case, a
charge or an isotope. A *label* names a site. A *column* of a line of XYZ holds types, or labels, and does not
say which. What is also the name of something else (`W1`, water or tungsten) is no element, unless the
file's formula has the one and not the other. Answers are remembered: callers cut words that no file has.
"""

import re
from functools import lru_cache

from pymatgen.core.periodic_table import Element

from epitaxy.geometry.typography import plain_text

NUMBERS: dict[str, int] = {e.symbol: e.Z for e in Element if e.symbol not in ("D", "T")}
"""Atomic numbers by symbol."""

_GROUPS = frozenset(("BH", "CF", "CN", "CO", "HF", "HO", "HS", "NH", "NO", "PO"))
"""Two atoms that are written as one as often as the element of these letters: cobalt or carbonyl."""

NAMES = _GROUPS | {
    *("CA", "CD", "CE", "CM", "CR", "CS", "HE", "HG", "NA", "NB", "ND", "NE", "OG", "OS", "PA", "PB", "SG"),
}
"""These, and atoms' names of the protein data bank and of force fields: calcium or alpha carbon."""

_NO_CRYSTALS = 100  # from fermium on, a numbered symbol is a name: No1, Cn2, Og1
_CHARGE = r"\d*\.?\d*[-+]|[-+]{1,4}|\d?[-+]\d+\.?\d*|\((?:\d*[-+]|[-+]\d*|[IVX]{1,4}|\d)\)"
_TYPE = re.compile(rf"(?:\d{{1,3}})?([A-Za-z]{{1,2}})(?:(\d{{1,4}})|\s?(?:{_CHARGE}))?(?:_(\S*))?", re.ASCII)
_LABEL = re.compile(r"([A-Za-z]+)(|[^A-Za-z/,&|=][^/,&|=]*)", re.ASCII)
_PLACE = re.compile(r"site|pos|vac", re.IGNORECASE)
"""B-site, Y_position: the place of a structure type, and no element."""

_ANOTHER = re.compile(r"([A-Z][a-z])|[-(](?![IV]+\))([A-VX-Z])(?![a-z])")
"""A second element in a label: Fe1Mn1, Na-K1, O(H2)1; but not O(W)1, Fe(II)1."""

_RAISED = {0x2070: "0", 0xB9: "1", 0xB2: "2", 0xB3: "3", 0x207A: "+", 0x207B: "-"} | {
    0x2070 + digit: str(digit) for digit in range(4, 10)
}


_WATER = re.compile(r"[HD]2O\d*[A-Z]?", re.ASCII)
"""Water, or the second hydrogen of an oxygen."""


def number_of(symbol: str) -> int:
    """Return the atomic number of a symbol that one of the functions below returned."""
    return NUMBERS[symbol]


@lru_cache(maxsize=4096)
def of_type(word: str, formula: frozenset[str] | None = None) -> str | None:
    """Return the element of a type: `Fe`, `FE`, `fe`, `Fe3+`, `O--`, `Fe(III)`, `57Fe`, `Fe1`, `C_R`; D is H.

    Args:
        word: the type.
        formula: the elements that the file says it has, if it says.

    """
    found = _split(word)
    if found is None:
        return None
    letters, symbol = found[0], found[0].title()
    if symbol == "T":  # a tetrahedral site as often as tritium
        return "H" if formula is not None and "T" in formula else None
    if letters in _GROUPS and (formula is None or symbol not in formula):
        return None
    return "H" if symbol == "D" else symbol if symbol in NUMBERS else None


@lru_cache(maxsize=4096)
def of_column(word: str) -> str | None:
    """Return the element of a word that may be a type or a label: `Na`, `na`, `Na+`, `Na1`, never `HO1`."""
    found = _split(word)
    if found is None or found[0] in NAMES:
        return None
    symbol = of_type(word)
    return None if symbol is None or (found[1] and _doubtful(symbol)) else symbol


@lru_cache(maxsize=4096)
def of_label(word: str, formula: frozenset[str] | None = None) -> str | None:
    """Return the element of a label: `C1A`, `Ca`, `O1W`, `Fe3+`; of `HO1` and `CU1` only beside a formula.

    With a formula the counts of all atoms are compared with it afterwards, so that no guess stands.
    """
    match = _LABEL.fullmatch(plain_text(word).translate(_RAISED).strip())
    if match is None or any(one in NUMBERS for pair in _ANOTHER.findall(match[2]) for one in pair):
        return None
    if _PLACE.search(match[2]):
        return None
    letters = match[1]
    if formula is None:
        if _WATER.fullmatch(word):
            return None
        symbol = "H" if letters == "D" else letters
        return symbol if symbol in NUMBERS and not _doubtful(symbol) else None
    held = {"H" if symbol in ("D", "T") else symbol for symbol in formula} | (formula & {"T"})
    symbol = "H" if letters == "D" or (letters == "T" and "T" in held) else letters
    if symbol in held:
        return symbol
    possible = {letters[:1], letters[:2].title()} & held if letters[0].isupper() else set()
    return possible.pop() if len(possible) == 1 else None


def _split(word: str) -> tuple[str, str | None] | None:
    match = _TYPE.fullmatch(plain_text(word).translate(_RAISED).strip())
    another = match and match[3] and _ANOTHER.match(match[3])  # Al_Si is both
    return None if match is None or (another and another[1] in NUMBERS) else (match[1], match[2])


def _doubtful(symbol: str) -> bool:
    """Whether a symbol on a site is rather another thing's name."""
    return symbol == "W" or NUMBERS[symbol] >= _NO_CRYSTALS
