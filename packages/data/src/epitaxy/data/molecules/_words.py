"""Numbers and elements as files spell them."""

import re

from ase.data import chemical_symbols

from epitaxy.data._limits import LONGEST_NUMBER
from epitaxy.data.errors import UnusableRecordError

ELEMENTS = 118
"""The last element's atomic number."""

NUMBERS = {s: z for z, s in enumerate(chemical_symbols[: ELEMENTS + 1]) if z > 0} | {"D": 1, "T": 1}
"""Atomic numbers by symbol, deuterium and tritium as hydrogen."""

_REAL = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d{1,4})?|nan|inf(?:inity)?)", re.ASCII | re.I)
_LABEL = re.compile(r"([A-Za-z]{1,2})\d{0,4}(?:[+-]\d?)?", re.ASCII)
_DUMMY = re.compile(
    r"\*|\[.*|NOT.*|[RX]\d*|R#|[AQML]|[AQXM]H|LP|Du|Xx|Bq|Gh\b.*|.*-Bq|Pol|Mod|EP|Tv|@.*", re.IGNORECASE
)
# Elements that are also names of atoms in the protein data bank's way: CA is calcium, or alpha carbon.
_ALSO_LABELS = frozenset(
    ["CA", "CD", "CE", "HE", "HG", "HO", "NA", "NB", "ND", "NE", "NH", "OG", "PA", "PB", "SG"]
)


def real(word: str) -> float:
    """Read a decimal number, with Fortran's D exponents and QM9's 1.2*^-6; NaN and infinities are read too.

    Raises:
        ValueError: if it is none, or longer than `LONGEST_NUMBER`.

    """
    text = word.replace("*^", "e")
    if len(text) > LONGEST_NUMBER or not _REAL.fullmatch(text):
        raise ValueError(f"{word[:20]!r} is no number")
    return float(text.lower().replace("d", "e") if "n" not in text.lower() else text)


def known_number(word: str) -> float:
    """Read a finite number; NaN for anything else."""
    try:
        value = real(word)
    except ValueError:
        return float("nan")
    return value if abs(value) < float("inf") else float("nan")


def whole(text: str) -> int | None:
    """Read a whole number without sign; None for anything else."""
    word = text.strip()
    return int(word) if word.isascii() and word.isdecimal() and len(word) <= LONGEST_NUMBER else None


def number_of(symbol: str) -> int:
    """Return an element's atomic number.

    Symbols come in any case, followed by digits (`C12`) or a charge (`Na+`) or not; or as the number itself.

    Raises:
        UnusableRecordError: if it is no element, or in capitals also the name of another element's atom.

    """
    if symbol in NUMBERS:
        return NUMBERS[symbol]
    number = whole(symbol)
    if number is not None and 1 <= number <= ELEMENTS:
        return number
    label = _LABEL.fullmatch(symbol)
    letters = label[1] if label else ""
    if letters in _ALSO_LABELS:
        raise UnusableRecordError(
            f"{symbol!r} is either the element {letters.capitalize()} or the name of an atom of "
            f"{letters[0]}; write {letters.capitalize()} or {letters[0]}"
        )
    found = NUMBERS.get(letters) or NUMBERS.get(letters.capitalize())
    if found is None:
        dummy = ", a dummy, list, label or ghost and no atom" if _DUMMY.fullmatch(symbol) else ""
        raise UnusableRecordError(
            f"unknown element {symbol[:20]!r}{dummy}; correct the symbol or drop the record"
        )
    return found
