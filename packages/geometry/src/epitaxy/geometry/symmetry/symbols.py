"""Space groups by any of their names."""

import difflib
import operator
import re
from functools import cache
from importlib.resources import files
from typing import SupportsIndex

from epitaxy.geometry.typography import SUBSCRIPTS, plain_text

NUM_GROUPS = 230

# The bar of an inversion axis: TeX's, a combining one (after its digit, or set before it) or a macron.
_OVERBAR = re.compile(
    r"(?:\\?bar|\\overline|\\=)\s*(?:\{\s*(\d)\s*\}|(\d))|(\d)[\u0304\u0305]|(\d)[\u00af\u203e](?!\d)"
    r"|[\u0304\u0305\u00af\u203e]\s*(\d)|<(?:o|span[^<>]{0,60}overline[^<>]{0,60})>-?(\d)</(?:o|span)>",
    re.IGNORECASE,
)
# A screw axis's subscript: P6(3)/m c m as SHELX had it, P6<sub>3</sub>/mcm; `P n -3 (1)` is an origin.
_SUBSCRIPT = re.compile(r"(?<!-)([2346])(?:\(([1-5])\)|<sub>([1-5])</sub>)", re.IGNORECASE)
# In pairs only: Hall's symbols end in quotes.
_QUOTED = re.compile(r"'\s*([^']+?)\s*'|\"\s*([^\"]+?)\s*\"|[\u2018\u201c]\s*(.+?)\s*[\u2019\u201d]")
# Origin, cell choice and axes say which setting a symbol is meant in; the group is the same.
_SETTING = re.compile(r"\s*:\s*\w+\s*$|\s+\(?[HRSZ12]\)?\s*$", re.IGNORECASE)


def plain_symbol(symbol: str) -> str:
    """Write a symbol in ASCII, as far as it is one: bars and dashes as hyphens, subscripts on the line.

    >>> plain_symbol("P 6\u2083/m m c"), plain_symbol("F d 3\u0305 m"), plain_symbol("P2(1)/c")
    ('P 63/m m c', 'F d -3 m', 'P21/c')
    """
    text = _OVERBAR.sub(lambda bar: "-" + next(filter(None, bar.groups())), symbol)
    text = _SUBSCRIPT.sub(lambda axis: axis[1] + (axis[2] or axis[3]), text)
    text = re.sub(r"[${}~]+", "", plain_text(text).translate(SUBSCRIPTS)).strip()
    quoted = _QUOTED.fullmatch(text)
    return quoted[1] or quoted[2] or quoted[3] if quoted else text


def normalised(symbol: str) -> str:
    """Write a symbol as the list of symbols has it: small, on one line, without spaces."""
    return re.sub(r"[\s_]+", "", plain_symbol(symbol)).lower()


@cache
def _numbers() -> dict[str, int]:
    text = (files("epitaxy.geometry.symmetry") / "symbols.txt").read_text(encoding="utf-8")
    rows = (line.split() for line in text.splitlines())
    return {symbol: int(number) for number, *symbols in rows for symbol in symbols}


def space_group_number(group: SupportsIndex | str) -> int:
    """Return the number, 1 to 230, of a space group that is given by its number or by a symbol.

    Symbols are Hermann-Mauguin's: short (`Fm-3m`), full (`F 4/m -3 2/m`), of any tabulated setting (`Pbnm` is
    62, `P21/n` 14), as they were before 1983 (`Fm3m`) and 1992 (`Cmca` for `Cmce`), with or without spaces,
    underscores and the setting's suffix (`:1`, `:H`), in any case and typography; or Hall's. What reads as
    both is Hermann-Mauguin's, but for Hall's with spaces of another group (`P 3 2`), which is refused. The
    setting is not kept: groups are in the standard one of `SpaceGroup`.

    >>> tuple(space_group_number(name) for name in (225, "Fm-3m", "f m -3 m", "F 4/m -3 2/m", "P2_1/n"))
    (225, 225, 225, 225, 14)

    Raises:
        ValueError: if it is neither.

    """
    if not isinstance(group, str):
        return _in_range(group)
    word = plain_symbol(group)
    if re.fullmatch(r"[+-]?\d{1,9}(?:\.0*)?", word, re.ASCII):
        return _in_range(int(word.partition(".")[0]))
    known = _numbers()
    key = normalised(word)
    found = known.get(key) or known.get(normalised(_SETTING.sub("", word)))
    if found is None:
        close = difflib.get_close_matches(key[:40], known, n=1)
        hint = f"; number {known[close[0]]} has a similar symbol" if close else ""
        raise ValueError(
            f"{word[:40]!r} is no space group: give a number from 1 to {NUM_GROUPS}, or a Hermann-Mauguin "
            f"symbol such as Fm-3m{hint}"
        )
    if "_" not in word and known.get("_".join(word.lower().split())) == 0:
        raise ValueError(
            f"{word!r} is one group's Hermann-Mauguin symbol (number {found}) and with its spaces another's "
            f"Hall symbol: give the number"
        )
    return found


def _in_range(group: SupportsIndex) -> int:
    try:
        number = operator.index(group)
    except TypeError:
        number = 0
    if isinstance(group, bool) or not 1 <= number <= NUM_GROUPS:
        raise ValueError(f"space groups have the numbers 1 to {NUM_GROUPS}, not {group!r}")
    return number
