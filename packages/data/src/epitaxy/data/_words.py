"""Words of text formats that mean numbers, elements or ids."""

import math
import re
from collections.abc import Iterable, Sequence

from epitaxy.data import _elements, _limits
from epitaxy.data._crystal import unknown_elements
from epitaxy.data.errors import UnusableRecordError
from epitaxy.geometry.typography import plain_text

ID_NAMES = (
    *("material_id", "id", "mp_id", "mpid", "entry_id", "structure_id", "crystal_id", "sample_id", "jid"),
    *("jarvis_id", "icsd_id", "cod_id", "oqmd_id", "cif_id", "task_id", "uid", "uuid", "identifier"),
)
"""What a column or key of ids is called, in order of preference, in any case."""

CUT = (
    "the file ends within its last line, without a line end: it may be cut short; restore it, or end it with "
    "an empty line"
)
"""What is said of a file whose last number may have lost digits."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?", re.ASCII)
_EXPONENTS = str.maketrans("dD", "ee")


def number(word: str) -> float:
    """Read a number, Fortran's 1.0D0 among them.

    Raises:
        UnusableRecordError: if the word is none, or none that is finite.

    """
    value = maybe_number(word)
    if value is None:
        raise UnusableRecordError(f"{word[:40]!r} is not a finite number; correct or drop the record")
    return value


def maybe_number(word: str) -> float | None:
    """Read a number; None if the word is none, or none that is finite."""
    word = plain_text(word)
    if len(word) > _limits.LONGEST_NUMBER or not _NUMBER.fullmatch(word):
        return None
    value = float(word.translate(_EXPONENTS) if "d" in word or "D" in word else word)
    return value if math.isfinite(value) else None


def species(word: str) -> int:
    """Return the atomic number of an element, an ion (`Na+`, `Fe3+`, `O-2`) or a numbered label (`Na1`).

    Raises:
        UnusableRecordError: if it is anything else, or may be.

    """
    found = _elements.of_column(word[: _limits.LONGEST_NUMBER])
    if found is None:
        raise UnusableRecordError(unknown_elements({word[:40]}))
    return _elements.number_of(found)


def id_name(names: Iterable[str], *, first: str = "material_id") -> str | None:
    """Return which of these names is that of an id."""
    by_lower: dict[str, str] = {}
    for name in names:
        by_lower.setdefault(name.strip().lower().replace("-", "_").replace(" ", "_"), name)
    return next((by_lower[name] for name in (first, *ID_NAMES) if name in by_lower), None)


def looks_whole(lines: Sequence[str]) -> bool:
    """Whether the last of some lines, which lacks a line end, has lost no digits.

    So it has if its last number has as many after the point as each line's last number before it.
    """
    digits = [_decimals(line) for line in lines]
    return digits[-1] >= max(digits[:-1], default=0) > 0


def _decimals(line: str) -> int:
    point = re.search(r"\.(\d+)\s*$", line)
    return len(point[1]) if point else 0


def printable(text: str) -> str:
    """Replace what no file of results can hold, control characters and lone surrogates, by question marks."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "?" for c in text)
