"""SDF files, record by record: a broken record is named and the rest is read.

Reads V2000 and V3000 connection tables for their atoms and checks the bonds' bookkeeping, which shows a
record that was cut or lost a line. No bond is kept: the models know atoms only. One record is in memory at a
time, whatever the size of the file.
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from epitaxy.data.errors import DataError, UnusableRecordError
from epitaxy.data.molecules._files import reading
from epitaxy.data.molecules._molecule import NUMBERS, Molecule, number_of

LARGEST_RECORD = 1 << 24
"""Bytes: a longer record is refused, and is not kept in memory."""

_LONGEST_LINE = 1 << 20
_FIELD = re.compile(r">.*<([^>]+)>")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class SdfRecord(NamedTuple):
    """The lines of one record, without its delimiter; None if it is longer than `LARGEST_RECORD`."""

    number: int
    title: str
    lines: list[str] | None


def sdf_records(path: Path) -> Iterator[SdfRecord]:
    """Divide an SDF file, gzipped or not, at its `$$$$` lines; records count from 1.

    Raises:
        DataError: if the file cannot be read, also in the middle, or is empty.

    """
    number = 0
    with reading(path) as file:
        for number, record in enumerate(_divide(file), start=1):
            title = _text(record[0]).strip() if record else ""
            yield SdfRecord(number, title, None if _LOST in record else [_text(x) for x in record])
    if number == 0:
        raise DataError(f"{path} is empty; give at least one record")


_LOST = b"\x00 too long"


def _divide(file: io.BufferedIOBase) -> Iterator[list[bytes]]:
    lines: list[bytes] = []
    size = 0
    while line := file.readline(_LONGEST_LINE):
        if line.startswith(b"$$$$"):
            yield lines
            lines, size = [], 0
            continue
        size += len(line)
        if size <= LARGEST_RECORD:
            lines.append(line.rstrip(b"\r\n"))
        elif lines[-1:] != [_LOST]:
            lines = [*lines[:1], _LOST]
    if any(line.strip() for line in lines):
        yield lines


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def parse_sdf(lines: list[str] | None) -> tuple[Molecule, dict[str, float]]:
    """Return a record's molecule and its numeric data fields.

    Raises:
        UnusableRecordError: if the record is no complete connection table of known elements in space.

    """
    if lines is None:
        raise UnusableRecordError(f"it is longer than {LARGEST_RECORD >> 20} MB; a $$$$ line may be missing")
    if not any(line.strip() for line in lines):
        raise UnusableRecordError("it is empty; drop it")
    if len(lines) < 4:
        raise UnusableRecordError("it is cut short, before its counts line; restore it")
    if sum(line.startswith("M  END") for line in lines) > 1:
        raise UnusableRecordError("it holds two connection tables: a $$$$ line is missing; insert it")
    molecule = _v3000(lines) if "V3000" in lines[3] else _v2000(lines)
    flat = bool((molecule.positions[:, 2] == 0).all()) and len(molecule.numbers) > 1
    if lines[1][20:22] == "2D" and flat:
        raise UnusableRecordError("it is a drawing (2D), not a molecule in space; give 3D coordinates")
    return molecule, _fields(lines)


def _v2000(lines: list[str]) -> Molecule:
    atoms, bonds = _whole(lines[3][0:3]), _whole(lines[3][3:6] or "0")
    if atoms is None or bonds is None:
        raise UnusableRecordError(f"{lines[3][:40]!r} is no counts line; restore it")
    end = 4 + atoms + bonds
    if len(lines) < end:
        raise UnusableRecordError(
            f"it is cut short: {atoms} atoms and {bonds} bonds are announced, {len(lines) - 4} lines follow"
        )
    found = [_atom(line) for line in lines[4 : 4 + atoms]]
    for line in lines[4 + atoms : end]:
        i, j = _whole(line[0:3]), _whole(line[3:6])
        if i is None or j is None or not (1 <= i <= atoms and 1 <= j <= atoms):
            raise UnusableRecordError(f"{line[:40]!r} is no bond between its {atoms} atoms; restore it")
    return _molecule(found)


def _atom(line: str) -> tuple[int, tuple[float, float, float]]:
    """Read an atom by its words, or by its columns where numbers touch each other."""
    words = line.split()
    if not (len(words) >= 4 and (words[3] in NUMBERS or words[3].capitalize() in NUMBERS)):
        words = [line[0:10], line[10:20], line[20:30], line[31:34].strip()]
    try:
        x, y, z = (float(word) for word in words[:3])
    except ValueError:
        raise UnusableRecordError(f"{line[:40]!r} is no line of an atom; restore it") from None
    return number_of(words[3] if not words[3].isdecimal() else "?"), (x, y, z)


def _v3000(lines: list[str]) -> Molecule:
    body = list(_joined(lines))
    counts = next((line.split() for line in body if line.startswith("COUNTS ")), [])
    atoms = _whole(counts[1]) if len(counts) > 1 else None
    if atoms is None or "BEGIN ATOM" not in body or "END ATOM" not in body:
        raise UnusableRecordError("its V3000 block has no complete COUNTS and ATOM part; restore it")
    rows = [line.split() for line in body[body.index("BEGIN ATOM") + 1 : body.index("END ATOM")]]
    if len(rows) != atoms:
        raise UnusableRecordError(f"{atoms} atoms are announced and {len(rows)} are there; restore it")
    if "BEGIN BOND" in body and "END BOND" not in body:
        raise UnusableRecordError("it is cut short, within its bonds; restore it")
    found = []
    for row in rows:
        try:
            x, y, z = (float(word) for word in row[2:5])
        except ValueError:
            raise UnusableRecordError(f"{' '.join(row)[:40]!r} is no line of an atom; restore it") from None
        found.append((number_of(row[1]), (x, y, z)))
    return _molecule(found)


def _joined(lines: list[str]) -> Iterator[str]:
    """Yield V3000 lines without their prefix, continued ones (a final `-`) in one."""
    held = ""
    for line in lines:
        if line.startswith("M  V30 "):
            text = held + line[7:].strip()
            held = text[:-1] if text.endswith("-") else ""
            if not held:
                yield text


def _molecule(atoms: list[tuple[int, tuple[float, float, float]]]) -> Molecule:
    return Molecule(
        np.array([number for number, _ in atoms], dtype=np.int64),
        np.array([place for _, place in atoms], dtype=np.float64).reshape(-1, 3),
    )


def _fields(lines: list[str]) -> dict[str, float]:
    """Return the data fields whose value is one number."""
    found: dict[str, float] = {}
    for place, line in enumerate(lines):
        if line.startswith(">") and (name := _FIELD.match(line)):
            value = lines[place + 1].strip() if place + 1 < len(lines) else ""
            alone = place + 2 >= len(lines) or not lines[place + 2].strip()
            if alone and _NUMBER.fullmatch(value):
                found[name[1]] = float(value)
    return found


def _whole(text: str) -> int | None:
    return int(text) if text.strip().isdecimal() else None
