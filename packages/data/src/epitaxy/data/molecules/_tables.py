"""The atoms of a connection table, V2000 or V3000, and whether its bonds add up."""

from collections.abc import Iterator
from typing import NamedTuple

from epitaxy.data.errors import UnusableRecordError
from epitaxy.data.molecules._words import NUMBERS, number_of, real, whole

_PROPERTIES = ("M  ", "A  ", "V  ", "G  ", "S  ", ">")
"""How a line after the bonds begins."""


class Atom(NamedTuple):
    """An atom of a table: its element, position in angstrom, and hydrogens it has besides those listed."""

    number: int
    place: tuple[float, float, float]
    hidden: int


def read_v2000(lines: list[str]) -> list[Atom]:
    """Return the atoms of a V2000 table.

    Raises:
        UnusableRecordError: if a line is not what the counts line announces.

    """
    atoms, bonds = whole(lines[3][0:3]), whole(lines[3][3:6] or "0")
    if atoms is None or bonds is None:
        raise UnusableRecordError(f"{lines[3][:40]!r} is no counts line; restore it")
    end = 4 + atoms + bonds
    if len(lines) < end:
        raise UnusableRecordError(
            f"it is cut short: {atoms} atoms and {bonds} bonds are announced, {len(lines) - 4} lines follow"
        )
    found = [_v2000_atom(line) for line in lines[4 : 4 + atoms]]
    for line in lines[4 + atoms : end]:
        i, j = whole(line[0:3]), whole(line[3:6])
        if i is None or j is None or i == j or not (1 <= i <= atoms and 1 <= j <= atoms):
            raise UnusableRecordError(f"{line[:40]!r} is no bond between its {atoms} atoms; restore it")
    after = end + (whole(lines[3][6:9]) or 0) + 2 * (whole(lines[3][15:18]) or 0)
    following = next((line for line in lines[after:] if line.strip()), "M  END")
    if not following.startswith(_PROPERTIES):
        raise UnusableRecordError(
            f"{atoms} atoms and {bonds} bonds are announced, and {following[:40]!r} follows them; restore it"
        )
    return found


def _v2000_atom(line: str) -> Atom:
    """Read an atom by its words, or by its columns where numbers touch each other."""
    words, symbol = line.split(), line[31:34].strip()
    in_columns = len(words) < 4 or words[3] == symbol
    if not (len(words) >= 4 and (words[3] in NUMBERS or words[3].capitalize() in NUMBERS)):
        words, in_columns = [line[0:10], line[10:20], line[20:30], symbol], True
    # The field holds one more than the number of hydrogens, so that 0 can say that nothing is said.
    hidden = (whole(line[42:45]) or 1) - 1 if in_columns else 0
    return _atom(words[:3], words[3], hidden, line)


def read_v3000(lines: list[str]) -> list[Atom]:
    """Return the atoms of a V3000 table.

    Raises:
        UnusableRecordError: if a part is missing, or has not as many lines as are announced.

    """
    body = list(_joined(lines))
    counts = next((line.split() for line in body if line.startswith("COUNTS ")), [])
    atoms, bonds = (whole(word) for word in counts[1:3]) if len(counts) > 2 else (None, None)
    if atoms is None or bonds is None or "BEGIN ATOM" not in body or "END ATOM" not in body:
        raise UnusableRecordError("its V3000 block has no complete COUNTS and ATOM part; restore it")
    if body.count("BEGIN CTAB") > 1:
        raise UnusableRecordError(
            "it has more than one table of atoms; give each molecule a record of its own"
        )
    rows = _part(body, "ATOM")
    if len(rows) != atoms:
        raise UnusableRecordError(f"{atoms} atoms are announced and {len(rows)} are there; restore it")
    if "BEGIN BOND" in body and "END BOND" not in body:
        raise UnusableRecordError("it is cut short, within its bonds; restore it")
    found = {row[0]: _v3000_atom(row) for row in rows}
    if len(found) < atoms:
        raise UnusableRecordError("two of its atoms have one number; restore it")
    links = _part(body, "BOND") if "BEGIN BOND" in body else []
    if len(links) != bonds:
        raise UnusableRecordError(f"{bonds} bonds are announced and {len(links)} are there; restore it")
    for link in links:
        if len(link) < 4 or link[2] == link[3] or not found.keys() >= set(link[2:4]):
            said = " ".join(link)[:40]
            raise UnusableRecordError(f"{said!r} is no bond between its {atoms} atoms; restore it")
    if "END CTAB" not in body:
        raise UnusableRecordError("it is cut short, before its END CTAB line; restore it")
    return list(found.values())


def _part(body: list[str], name: str) -> list[list[str]]:
    lines = body[body.index(f"BEGIN {name}") + 1 : body.index(f"END {name}")]
    return [line.split() for line in lines if line.strip()]


def _v3000_atom(row: list[str]) -> Atom:
    said = next((word[7:] for word in row[6:] if word.startswith("HCOUNT=")), "")
    return _atom(row[2:5], row[1] if len(row) > 1 else "", whole(said) or 0, " ".join(row))


def _atom(place: list[str], symbol: str, hidden: int, line: str) -> Atom:
    try:
        x, y, z = (real(word.strip()) for word in place)
    except ValueError:
        raise UnusableRecordError(f"{line[:40]!r} is no line of an atom; restore it") from None
    # A number is legal in XYZ; here it shows that columns have moved.
    return Atom(number_of("?" if symbol.isdecimal() else symbol), (x, y, z), hidden)


def _joined(lines: list[str]) -> Iterator[str]:
    """Yield V3000 lines without their prefix, continued ones (a final `-`) in one."""
    held: list[str] = []
    for line in lines:
        if line.startswith("M  V30 "):
            text = line[7:].strip()
            held.append(text.removesuffix("-"))
            if not text.endswith("-"):
                yield "".join(held)
                held = []
