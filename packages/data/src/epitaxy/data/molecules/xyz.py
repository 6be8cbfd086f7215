"""XYZ files, plain, extended or as QM9 was published, frame by frame."""

import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from epitaxy.data.errors import DataError, UnusableRecordError
from epitaxy.data.molecules._files import reading
from epitaxy.data.molecules._molecule import Molecule, number_of

QM9_PROPERTIES = (
    *("A", "B", "C", "mu", "alpha", "homo", "lumo", "gap", "r2", "zpve", "U0", "U", "H", "G", "Cv"),
)
"""What the second line of a QM9 file lists after `gdb` and the number (Ramakrishnan et al. 2014, Table 3)."""

_PAIR = re.compile(r'([\w.\-]+)=("[^"]*"|\S+)')
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_NO_PROPERTY = {"id", "name", "Properties", "Lattice", "pbc"}
_COLUMNS = {"species": "S", "pos": "R", "Z": "I"}


class Frame(NamedTuple):
    """One frame: its comment and atom lines; None where the file ends within it or its count is none."""

    number: int
    comment: str
    lines: list[str] | None


def xyz_frames(path: Path) -> Iterator[Frame]:
    """Divide an XYZ file, gzipped or not; frames count from 1. One that is cut short is the last.

    Raises:
        DataError: if the file cannot be read, also in the middle, or is empty.

    """
    number = 0
    with reading(path) as file:
        # Elements and numbers are ASCII: a byte of another encoding spoils at most its own record.
        for frame in _divide(io.TextIOWrapper(file, encoding="utf-8", errors="replace")):
            number = frame.number
            yield frame
    if number == 0:
        raise DataError(f"{path} is empty; give at least one molecule")


def _divide(file: io.TextIOWrapper) -> Iterator[Frame]:
    for number in itertools.count(1):
        head = next((line for line in file if line.strip()), None)
        if head is None:
            return
        if not head.strip().isdecimal():
            yield Frame(number, "", None)
            return
        comment = file.readline().rstrip("\r\n")
        lines = [line.rstrip("\r\n") for line in itertools.islice(file, int(head))]
        whole = len(lines) == int(head)
        yield Frame(number, comment, lines if whole else None)
        if not whole or _is_qm9(comment):  # QM9 adds frequencies, SMILES and InChI: one molecule a file
            return


def parse_frame(frame: Frame) -> tuple[str | None, Molecule, dict[str, float]]:
    """Return a frame's id (None if it has none), molecule and numbers.

    Raises:
        UnusableRecordError: if the frame is cut short, periodic, or a line of it is no atom.

    """
    if frame.lines is None:
        raise UnusableRecordError(
            "the frame is cut short or its first line is no number of atoms, and nothing after it can be "
            "read; restore the file"
        )
    pairs = {key: value.strip('"') for key, value in _PAIR.findall(frame.comment)}
    if "T" in pairs.get("pbc", "T" if "Lattice" in pairs else "F").split():
        raise UnusableRecordError('it is periodic; read it as a crystal, or write pbc="F F F"')
    species, place = _columns(pairs.get("Properties"))
    atoms = [_atom(line.split(), species, place) for line in frame.lines]
    molecule = Molecule(
        np.array([number for number, _ in atoms], dtype=np.int64),
        np.array([position for _, position in atoms], dtype=np.float64).reshape(-1, 3),
    )
    if _is_qm9(frame.comment):
        words = frame.comment.split()
        values = [_to_number(word) for word in words[2:]]
        return f"gdb_{words[1]}", molecule, dict(zip(QM9_PROPERTIES, values, strict=False))
    properties = {k: float(v) for k, v in pairs.items() if k not in _NO_PROPERTY and _NUMBER.fullmatch(v)}
    return pairs.get("id") or pairs.get("name"), molecule, properties


def _is_qm9(comment: str) -> bool:
    words = comment.split()
    return len(words) == 2 + len(QM9_PROPERTIES) and words[0] == "gdb" and words[1].isdecimal()


def _to_number(word: str) -> float:
    """Read a number, QM9's 1.2*^-6 among them."""
    text = word.replace("*^", "e")
    return float(text) if _NUMBER.fullmatch(text) else float("nan")


def _columns(properties: str | None) -> tuple[int, int]:
    """Where an extended XYZ frame has the element and the position."""
    if properties is None:
        return 0, 1
    words, start, found = properties.split(":"), 0, {}
    for name, kind, size in zip(words[::3], words[1::3], words[2::3], strict=False):
        if _COLUMNS.get(name) == kind:
            found[name] = start
        start += int(size) if size.isdecimal() else 1
    species = found.get("species", found.get("Z"))
    if species is None or "pos" not in found:
        raise UnusableRecordError("its Properties name no species and pos; write species:S:1:pos:R:3")
    return species, found["pos"]


def _atom(words: list[str], species: int, place: int) -> tuple[int, tuple[float, float, float]]:
    try:
        x, y, z = (float(word.replace("*^", "e")) for word in words[place : place + 3])
        symbol = words[species]
    except (ValueError, IndexError):
        raise UnusableRecordError(f"{' '.join(words)[:40]!r} is no line of an atom; restore it") from None
    return number_of(symbol), (x, y, z)
