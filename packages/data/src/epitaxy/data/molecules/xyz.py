"""XYZ files, plain, extended or as QM9 was published, frame by frame."""

import re

import numpy as np

from epitaxy.data.errors import UnusableRecordError
from epitaxy.data.molecules._frames import QM9_PROPERTIES, Frame, is_atom_line, is_qm9, xyz_frames
from epitaxy.data.molecules._molecule import Molecule
from epitaxy.data.molecules._words import NUMBERS, known_number, number_of, real, refuse_other_unit, whole

__all__ = ["QM9_PROPERTIES", "Frame", "parse_frame", "xyz_frames"]

_PAIR = re.compile(r"""([\w.\-]+)=("[^"]*"|'[^']*'|\S+)""")
# Up to the next key=value: ASE writes pbc="T T T", others [True, True, True], or three words without quotes.
_PERIODIC = re.compile(
    r"""\b(?:pbc|periodic(?:ity)?)["']?\s*[=:]\s*("[^"]*"|'[^']*'|[\[({][^\])}]*[\])}]|[^\s=]+(?:\s+(?:[tf01]|true|false)\b)*)""",
    re.I,
)
_CELL = re.compile(r"\b(?:lattice|cell|unit_?cell|celldm|tv)(?:\s*=|[\"']\s*:)", re.IGNORECASE)
_NOT_PERIODIC = {"f", "false", "0", "n", "no", "none", "off", ".false."}
_NO_PROPERTY = {"id", "name", "properties", "lattice", "pbc"}
_COLUMNS = {"species": ("S", 1), "pos": ("R", 3), "Z": ("I", 1)}
_MOST_COLUMNS = 1000


def parse_frame(frame: Frame) -> tuple[str | None, Molecule, dict[str, float]]:
    """Return a frame's id (None if it has none), molecule and numbers.

    Raises:
        UnusableRecordError: if the frame is cut short, periodic, not in angstrom, or a line of it is no atom.

    """
    _refuse_comment(frame.comment)
    if frame.fault is not None:
        raise UnusableRecordError(frame.fault)
    pairs = {key: value.strip("\"'") for key, value in _PAIR.findall(frame.comment)}
    rows = [line.split() for line in frame.lines]
    species, place, other = _columns(pairs.get("Properties"), rows)
    if "Properties" not in pairs:
        _refuse_line_numbers(rows)
    atoms = [_atom(row, species, place) for row in rows]
    if other is not None and any(number_of(row[other]) != n for row, (n, _) in zip(rows, atoms, strict=True)):
        raise UnusableRecordError("its columns species and Z name different elements; correct one of them")
    molecule = Molecule(
        np.array([number for number, _ in atoms], dtype=np.int64),
        np.array([position for _, position in atoms], dtype=np.float64).reshape(-1, 3),
    )
    if is_qm9(frame.comment):
        words = frame.comment.split()
        if len(words) != 2 + len(QM9_PROPERTIES):
            raise UnusableRecordError(
                f"its comment is QM9's, with {len(words) - 2} of {len(QM9_PROPERTIES)} properties; restore it"
            )
        values = [known_number(word) for word in words[2:]]
        return f"gdb_{words[1]}", molecule, dict(zip(QM9_PROPERTIES, values, strict=True))
    numbers = {key: known_number(value) for key, value in pairs.items() if key.lower() not in _NO_PROPERTY}
    properties = {key: value for key, value in numbers.items() if value == value}
    return pairs.get("id") or pairs.get("name"), molecule, properties


def _refuse_comment(comment: str) -> None:
    """Refuse what a comment says, or is, that would make another molecule of the lines after it."""
    said = _PERIODIC.search(comment)
    flags = re.findall(r"[^\s,\"'\[\](){}]+", said[1]) if said else []
    if any(flag.lower() not in _NOT_PERIODIC for flag in flags) or (not flags and _CELL.search(comment)):
        raise UnusableRecordError('it is periodic; read it as a crystal, or write pbc="F F F"')
    refuse_other_unit(comment)
    if comment and comment.split()[:1] and comment.split()[0] in NUMBERS and is_atom_line(comment):
        raise UnusableRecordError(
            "an atom is where its comment should be; put a line, which may be empty, between the number of "
            "atoms and the first"
        )


def _refuse_line_numbers(rows: list[list[str]]) -> None:
    """Refuse `1 8 0.0 0.0 0.1`, `2 1 ...`: hydrogen, helium ... with a number more, or numbered lines."""
    heads = [[whole(word) for word in row[:2]] for row in rows if len(row) > 4]
    ordered = [head[0] for head in heads] == list(range(1, len(rows) + 1))
    if rows and ordered and None not in (head[1] for head in heads):
        raise UnusableRecordError(
            "its lines begin with 1, 2, 3, ... and have a number more: are these elements or line numbers? "
            "leave the line numbers out, or write symbols"
        )


def _columns(properties: str | None, rows: list[list[str]]) -> tuple[int, int, int | None]:
    """Where an extended XYZ frame has the element, the position, and the element again, if it has."""
    if properties is None:
        return 0, 1, None
    words, start, found = properties.split(":"), 0, {}
    for name, kind, size in zip(words[::3], words[1::3], words[2::3], strict=False):
        width = whole(size)
        if width is None or not 1 <= width <= _MOST_COLUMNS:
            raise UnusableRecordError(
                f"its Properties give {name[:20]!r} {size[:20]!r} columns; correct them"
            )
        if _COLUMNS.get(name) == (kind, width):
            found[name] = start
        start += width
    species = found.get("species", found.get("Z"))
    if species is None or "pos" not in found:
        raise UnusableRecordError("its Properties name no species and pos; write species:S:1:pos:R:3")
    if uneven := next((row for row in rows if len(row) != start), None):
        raise UnusableRecordError(
            f"{' '.join(uneven)[:40]!r} is no line of {start} columns, as its Properties say; correct either"
        )
    return species, found["pos"], found.get("Z") if "species" in found else None


def _atom(words: list[str], species: int, place: int) -> tuple[int, tuple[float, float, float]]:
    try:
        x, y, z = (real(word) for word in words[place : place + 3])
        symbol = words[species]
    except (ValueError, IndexError):
        raise UnusableRecordError(f"{' '.join(words)[:40]!r} is no line of an atom; restore it") from None
    return number_of(symbol), (x, y, z)
