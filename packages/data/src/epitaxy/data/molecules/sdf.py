"""SDF files, record by record: a broken record is named and the rest is read.

Reads V2000 and V3000 connection tables for their atoms and checks the bonds' bookkeeping, which shows a
record that was cut or lost a line. No bond is kept: the models know atoms only. One record is in memory at a
time, whatever the size of the file.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from epitaxy.data import _limits
from epitaxy.data.errors import DataError, UnusableRecordError
from epitaxy.data.molecules._lines import TOO_LONG, text_lines
from epitaxy.data.molecules._molecule import Molecule
from epitaxy.data.molecules._tables import Atom, read_v2000, read_v3000
from epitaxy.data.molecules._words import NUMBERS, known_number, refuse_other_unit, whole

_CUT = "\x00 cut"  # stands after the line in which a file ends
_REPEATED = re.compile(r"M  (?:STY.*|V30 \d+ )\b(?:SRU|MER|MON|COP|GRA)\b", re.ASCII)
_FIELD = re.compile(r">.*<([^>]+)>")


class SdfRecord(NamedTuple):
    """The lines of one record, without its delimiter; None if it is longer than `LARGEST_MOLECULE`."""

    number: int
    title: str
    lines: list[str] | None


def sdf_records(path: Path) -> Iterator[SdfRecord]:
    """Divide an SDF file, gzipped or not, at its `$$$$` lines; records count from 1.

    Raises:
        DataError: if the file cannot be read, also in the middle, or is empty.

    """
    number = 0
    for number, record in enumerate(_divide(text_lines(path)), start=1):
        title = record[0].strip() if record and record[0] != TOO_LONG else ""
        yield SdfRecord(number, title, None if TOO_LONG in record else record)
    if number == 0:
        raise DataError(f"{path} is empty; give at least one record")


def _divide(file: Iterable[str]) -> Iterator[list[str]]:
    lines: list[str] = []
    size, line = 0, "\n"
    for line in file:
        if line.rstrip() == "$$$$":
            yield lines
            lines, size = [], 0
            continue
        size += len(line)
        if size <= _limits.LARGEST_MOLECULE:
            lines.append(line.rstrip("\n"))
        elif lines[-1:] != [TOO_LONG]:
            lines = [*lines[:1], TOO_LONG]
    if lines and not line.endswith("\n") and line.rstrip() not in {"M  END", TOO_LONG}:
        lines.append(_CUT)
    if any(line.strip() for line in lines):
        yield lines


def parse_sdf(lines: list[str] | None) -> tuple[Molecule, dict[str, float]]:
    """Return a record's molecule and its numeric data fields.

    Raises:
        UnusableRecordError: if the record is no complete connection table of known elements in space.

    """
    if lines is None:
        raise UnusableRecordError(
            f"it is longer than {_limits.LARGEST_MOLECULE >> 20} MB, or a line of it than "
            f"{_limits.LONGEST_MOLECULE_LINE >> 20} MB; a $$$$ line may be missing"
        )
    if not any(line.strip() for line in lines):
        raise UnusableRecordError("it is empty; drop it")
    if lines[-1] == _CUT:
        raise UnusableRecordError("it is cut short: the file ends within its last line; restore it")
    if len(lines) < 4:
        raise UnusableRecordError("it is cut short, before its counts line; restore it")
    ends = sum(line.startswith("M  END") for line in lines)
    if ends > 1:
        raise UnusableRecordError("it holds two connection tables: a $$$$ line is missing; insert it")
    atoms = (read_v3000 if "V3000" in lines[3] else read_v2000)(lines)
    if not ends:
        raise UnusableRecordError("it is cut short, before its M  END line; restore it")
    _refuse_hidden_hydrogens(atoms)
    _refuse_abbreviations(lines, atoms)
    refuse_other_unit(" ".join(lines[1:3]))
    molecule = Molecule(
        np.array([atom.number for atom in atoms], dtype=np.int64),
        np.array([atom.place for atom in atoms], dtype=np.float64).reshape(-1, 3),
    )
    _refuse_drawing(lines[1], molecule)
    return molecule, _fields(lines)


def _refuse_hidden_hydrogens(atoms: list[Atom]) -> None:
    for place, atom in enumerate(atoms, start=1):
        if atom.hidden > 0:
            raise UnusableRecordError(
                f"its atom {place} is said to have {atom.hidden} hydrogens that are not listed; add them "
                f"with their positions"
            )


def _refuse_abbreviations(lines: list[str], atoms: list[Atom]) -> None:
    """Refuse atoms that stand for others: aliases (Ph), R groups, the repeating units of polymers."""
    for line, following in pairwise(lines):
        place = whole(line[3:6]) if line.startswith("A  ") else None
        if place is not None and not _is_own_name(following.strip(), atoms[place - 1 : place]):
            raise UnusableRecordError(
                f"its atom {place} stands for {following.strip()[:20]!r}; write all atoms"
            )
        if line.startswith(("M  RGP", "M  LOG")):
            raise UnusableRecordError("it has R groups; write all atoms")
        if _REPEATED.match(line):
            raise UnusableRecordError("it is a polymer's repeating unit, no molecule; drop the record")


def _is_own_name(alias: str, atom: list[Atom]) -> bool:
    """Whether an alias is its atom's label: C1, CA or HG12 of a carbon or hydrogen."""
    symbols = [symbol for symbol, number in NUMBERS.items() if atom and number == atom[0].number]
    return any(re.fullmatch(rf"{symbol}[ABGDEZ]?\d*[*'\"]?", alias, re.IGNORECASE) for symbol in symbols)


def _refuse_drawing(program: str, molecule: Molecule) -> None:
    """Refuse what lies in the plane z = 0, unless the line of the program says that it is in space."""
    flat = bool((molecule.positions[:, 2] == 0).all()) and len(molecule.numbers) > 1
    if flat and program[20:22] != "3D":
        why = "(2D)" if program[20:22] == "2D" else "(every z is 0 and nothing says 3D)"
        raise UnusableRecordError(
            f"it is a drawing {why}, not a molecule in space; give 3D coordinates, and for a planar molecule "
            f"3D in columns 21 and 22 of the second line"
        )


def _fields(lines: list[str]) -> dict[str, float]:
    """Return the data fields whose value is one number; one given with two values is not known."""
    found: dict[str, float] = {}
    for place, line in enumerate(lines):
        if line.startswith(">") and (name := _FIELD.match(line)):
            value = lines[place + 1].strip() if place + 1 < len(lines) else ""
            alone = place + 2 >= len(lines) or not lines[place + 2].strip()
            number = known_number(value) if alone else float("nan")
            found[name[1]] = number if found.get(name[1], number) == number else float("nan")
    return {name: number for name, number in found.items() if number == number}
