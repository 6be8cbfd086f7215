"""Numbers and elements as files spell them."""

import re

from ase.data import chemical_symbols

from epitaxy.data import _elements
from epitaxy.data._limits import LONGEST_NUMBER
from epitaxy.data.errors import UnusableRecordError
from epitaxy.geometry.typography import plain_text

ELEMENTS = 118
"""The last element's atomic number."""

NUMBERS = {s: z for z, s in enumerate(chemical_symbols[: ELEMENTS + 1]) if z > 0} | {"D": 1, "T": 1}
"""Atomic numbers by symbol, deuterium and tritium as hydrogen."""

_REAL = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d{1,4})?|nan|inf(?:inity)?)", re.ASCII | re.I)
_LETTERS = re.compile(r"([A-Z]{2})(?:[^A-Za-z].*)?", re.ASCII)
_DUMMY = re.compile(
    r"\*|\[.*|NOT.*|[RX]\d*|R#|[AQML]|[AQXM]H|LP|Du|Xx|Bq|Gh\b.*|.*-Bq|Pol|Mod|EP|Tv|@.*", re.IGNORECASE
)


_OTHER_UNIT = re.compile(
    r"\b(bohrs?|atomic units?|nanomet(?:er|re)s?|picomet(?:er|re)s?|in nm|in pm"
    r"|units?[\"']?\s*[=:]\s*[\"']?(?:a\.?u\.?|nm|pm)"
    r"|(?:coord\w*|positions?|geometry|xyz)[\s:=(\[,]*(?:are |is |given )?(?:in )?(?:a\.u|au|nm|pm))\b"
    r"(?!\s*(?:\^|\*\*))",
    re.IGNORECASE,
)


def refuse_other_unit(comment: str) -> None:
    """Refuse what a comment says is not in angstrom.

    Raises:
        UnusableRecordError: quoting it.

    """
    if unit := _OTHER_UNIT.search(comment):
        raise UnusableRecordError(
            f"its comment says {unit[0]!r}, and positions are read in angstrom; convert them, and leave the "
            f"word out"
        )


def real(word: str) -> float:
    """Read a decimal number, with Fortran's D exponents and QM9's 1.2*^-6; NaN and infinities are read too.

    Raises:
        ValueError: if it is none, or longer than `LONGEST_NUMBER`.

    """
    text = plain_text(word).replace("*^", "e")
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
    found = _elements.of_column(symbol[:LONGEST_NUMBER])
    if found is None:
        letters = _LETTERS.fullmatch(symbol)
        if letters and letters[1] in _elements.NAMES:
            raise UnusableRecordError(
                f"{symbol[:20]!r} is either the element {letters[1].capitalize()} or the name of an atom of "
                f"{letters[1][0]}; write {letters[1].capitalize()} or {letters[1][0]}"
            )
        dummy = ", a dummy, list, label or ghost and no atom" if _DUMMY.fullmatch(symbol) else ""
        raise UnusableRecordError(
            f"unknown element {symbol[:20]!r}{dummy}; correct the symbol or drop the record"
        )
    return _elements.number_of(found)
