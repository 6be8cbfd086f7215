"""Extended XYZ files, frame by frame, so that one broken frame does not stop the rest."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase

import numpy as np
from ase.io.extxyz import key_val_str_to_dict
from jaxtyping import Float, Int

from epitaxy.data import _limits
from epitaxy.data._cells import lattice_matrix
from epitaxy.data._crystal import Crystal
from epitaxy.data._input import to_text
from epitaxy.data._words import CUT, id_name, looks_whole, maybe_number, number, species
from epitaxy.data.errors import UnusableRecordError

_COUNT = re.compile(rb"\s*\d+\s*")
_RENAMED = ("lattice", "stress", "virial")
_ARRAYS = re.compile(rf"(?:^|(?<=\s))({'|'.join(_RENAMED)})(?=\s*=)", re.IGNORECASE)
_FRACTIONAL = ("fractional", "frac", "direct", "scaled", "reduced", "crystal")
_CURLY = re.compile(r"=\s*[\u2018\u201c]([^\u2018-\u201f\"]*)[\u2019\u201d]")
_CLOSING = {'"': '"', "'": "'", "{": "}", "[": "]"}
_TRUTH = {"T": True, "TRUE": True, "1": True, "F": False, "FALSE": False, "0": False}


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame's comment and atom lines; or what is wrong with how it is cut."""

    comment: str
    lines: list[str]
    fault: str | None = None


def frames(stream: BufferedIOBase) -> Iterator[Frame]:
    """Divide an extxyz file. A line that holds one whole number and nothing else begins a frame.

    No line of an atom is such a line, so a frame with too few or too many atoms costs itself alone.
    """
    head = next((line for line in stream if line.strip()), None)
    while head is not None:
        if not _COUNT.fullmatch(head):
            fault = f"{_shown(head)} stands where a number of atoms belongs; restore the file"
            head = _skip(stream)
            yield Frame("", [], fault)
            continue
        stated = int(head) if len(head) < 20 else _limits.MOST_RECORDS + 1
        comment = stream.readline()
        lines, surplus, head = _body(stream, stated)
        yield _frame(stated, comment, lines, surplus)


def _skip(stream: BufferedIOBase) -> bytes | None:
    return next((line for line in stream if _COUNT.fullmatch(line)), None)


def _body(stream: BufferedIOBase, stated: int) -> tuple[list[bytes], int, bytes | None]:
    """Return a frame's lines, how many more stand before the next frame, and that frame's first line."""
    lines: list[bytes] = []
    surplus = size = 0
    for line in stream:
        if _COUNT.fullmatch(line):
            return lines, surplus, line
        size += len(line)
        if len(lines) < stated and size <= _limits.LARGEST_RECORD:
            lines.append(line)
        elif line.strip():
            surplus += 1
    return lines, surplus, None


def _frame(stated: int, comment: bytes, lines: list[bytes], surplus: int) -> Frame:
    fault = None
    found = len(lines) + surplus
    if found != stated:
        fault = (
            f"the frame is cut short or miscounted: it says {stated} atoms and has {found} lines of them; "
            f"restore it"
        )
    elif lines and not lines[-1].endswith(b"\n") and not looks_whole([to_text(line) for line in lines]):
        fault = CUT
    elif surplus:
        fault = f"it is larger than {_limits.LARGEST_RECORD} bytes; give it as a CIF or POSCAR"
    return Frame(to_text(comment).rstrip("\n"), [to_text(line) for line in lines], fault)


def _shown(line: bytes) -> str:
    return repr(to_text(line[:60]).strip()[:40])


def parse_frame(frame: Frame) -> tuple[str | None, Crystal, dict[str, float]]:
    """Return a frame's id (None if it has none), its crystal, and the numbers of its comment.

    `Lattice` has nine numbers (rows are vectors), six (lengths, angles in degrees) or three (lengths); where
    `pbc` is missing, a lattice means periodic in all directions. Species may be ions or numbered labels.

    Raises:
        UnusableRecordError: if the frame is no periodic crystal of known elements.

    """
    if frame.fault is not None:
        raise UnusableRecordError(frame.fault)
    info = _info(frame.comment)
    lattice = _lattice(info)
    symbol, charge, place, width = _columns(info.get("Properties", "species:S:1:pos:R:3"))
    rows = [line.split() for line in frame.lines]
    short = next((i for i, row in enumerate(rows) if len(row) < width), None)
    if short is not None:
        raise UnusableRecordError(
            f"{' '.join(rows[short])[:40]!r} has fewer columns than its Properties name; restore the frame"
        )
    numbers = _numbers(rows, symbol, charge)
    points = np.array([[number(word) for word in row[place : place + 3]] for row in rows]).reshape(-1, 3)
    try:
        positions = points @ np.linalg.inv(lattice)
    except np.linalg.LinAlgError:
        positions = np.full_like(points, math.nan)
    if not np.isfinite(positions).all():
        raise UnusableRecordError("its cell has zero volume; give three independent lattice vectors")
    name = id_name(info, first="id")
    found = None if name is None else _as_written(name, info, frame.comment)
    return found, Crystal(lattice, positions, numbers), _scalars(info, name)


def _info(comment: str) -> dict[str, object]:
    """Read the pairs of a comment; ASE insists on nine numbers in some, so these get other names."""
    if len(comment) > _limits.LONGEST_COMMENT:
        raise UnusableRecordError(f"its comment has {len(comment)} characters; leave what is needed")
    keys = (key.lower() if key.lower() in _RENAMED else key for key in _keys(comment))
    (key, times), *_ = Counter(keys).most_common(1) or [("", 0)]
    if times > 1:
        raise UnusableRecordError(f"its comment has {key[:40]} {times} times; leave one of them")
    renamed = _CURLY.sub(r'="\1"', _ARRAYS.sub(lambda match: f"{match[1].lower()}_", comment))
    found: dict[str, object] = key_val_str_to_dict(renamed)  # type: ignore[no-untyped-call]  # ASE has none
    unit = next((str(v) for k, v in found.items() if k.lower() in ("unit", "units", "length_unit")), "ang")
    if "bohr" in unit.lower() or unit.lower() in ("au", "a.u.", "nm"):
        raise UnusableRecordError(f"its comment says {unit[:20]}; write lengths in angstrom")
    scaled = next((k for k, v in found.items() if str(v).lower() in _FRACTIONAL), None)
    if scaled is not None and scaled.lower().startswith(("coord", "pos", "scale")):
        raise UnusableRecordError(f"its {scaled[:20]} are {str(found[scaled])[:20]}; write pos in angstrom")
    return found


def _keys(comment: str) -> Iterator[str]:
    """Yield the keys of a comment: what stands before an equals sign, outside quotes and brackets."""
    word, closing, escaped, value = "", "", False, False
    for char in comment:
        if escaped or char == "\\":
            escaped = not escaped
        elif closing:
            closing = "" if char == closing else closing
        elif char in _CLOSING:
            closing = _CLOSING[char]
        elif char.isspace():
            word, value = "", False
        elif char == "=" and word and not value:
            yield word
            value = True
        else:
            word += char


def _lattice(info: dict[str, object]) -> Float[np.ndarray, "3 3"]:
    if "lattice_" not in info:
        raise UnusableRecordError('it is not periodic in three directions; write its Lattice and pbc="T T T"')
    stated = info["lattice_"]
    if isinstance(stated, str):  # ASE knows no signs and digits but ASCII's
        stated = [maybe_number(word) for word in stated.split()]
    values = np.ravel(np.asarray(stated))
    if values.dtype.kind not in "if" or values.size not in (3, 6, 9) or not np.isfinite(values).all():
        raise UnusableRecordError("its Lattice is not nine finite numbers (or six, or three); correct it")
    if not all(_periodic(info.get("pbc", True))):
        raise UnusableRecordError('it is not periodic in three directions; write its Lattice and pbc="T T T"')
    values = values.astype(np.float64)
    if values.size == 9:
        return values.reshape(3, 3)
    a, b, c, *angles = values.tolist()
    if not all(0.0 < angle < 180.0 for angle in angles):
        raise UnusableRecordError("an angle of its Lattice is not between 0 and 180 degrees; correct it")
    return lattice_matrix(a, b, c, *(math.radians(angle) for angle in angles or (90.0, 90.0, 90.0)))


def _periodic(value: object) -> list[bool]:
    """Read `T T T`, `True True True`, `1 1 1`, `TTT` or one word for all."""
    words = [str(word).upper() for word in np.ravel(np.asarray(value)).tolist()]
    if len(words) == 1 and len(words[0]) == 3 and set(words[0]) <= set("TF"):
        words = list(words[0])
    if len(words) not in (1, 3) or not all(word in _TRUTH for word in words):
        raise UnusableRecordError(f'its pbc is {" ".join(words)[:40]!r}; write pbc="T T T"')
    return [_TRUTH[word] for word in words]


def _columns(properties: object) -> tuple[int | None, int | None, int, int]:
    """Where a line has its species, its atomic number and its position, and how many columns it has."""
    words = str(properties).split(":")
    width, found = 0, {}
    for name, kind, size in zip(words[::3], words[1::3], words[2::3], strict=False):
        small = size.isdecimal() and len(size) < 6 and 0 < int(size) <= _limits.MOST_COLUMNS
        if not small or name in found or (name == "numbers" and "Z" in found):
            raise UnusableRecordError(f"its Properties have {name[:20]}:{kind[:5]}:{size[:20]}; correct them")
        found["Z" if name == "numbers" else name] = (width, kind, int(size))
        width += int(size)
    symbol, charge, place = (found.get(name) for name in ("species", "Z", "pos"))
    if len(words) % 3 or place is None or place[1:] != ("R", 3) or (symbol is None and charge is None):
        raise UnusableRecordError("its Properties name no species and pos; write species:S:1:pos:R:3")
    return symbol and symbol[0], charge and charge[0], place[0], width


def _numbers(rows: list[list[str]], symbol: int | None, charge: int | None) -> Int[np.ndarray, " atoms"]:
    named = None if symbol is None else [species(row[symbol]) for row in rows]
    counted = None if charge is None else [_charge(row[charge]) for row in rows]
    if named is not None and counted is not None and named != counted:
        raise UnusableRecordError("its columns species and Z name different elements; correct one of them")
    return np.array(counted if named is None else named, dtype=np.int64)


def _charge(word: str) -> int:
    value = int(word) if word.isdecimal() and len(word) <= 3 else 0
    if not 0 < value <= 118:
        raise UnusableRecordError(f"{word[:40]!r} is no atomic number; correct it or drop the record")
    return value


def _scalars(info: dict[str, object], name: str | None) -> dict[str, float]:
    """Return the numbers of a comment but its id; vectors, other texts and truth values are none."""
    found = {
        key: maybe_number(value) if isinstance(value, str) else value
        for key, value in info.items()
        if key != name
    }
    return {
        key: float(value)
        for key, value in found.items()
        if isinstance(value, int | float | np.number) and not isinstance(value, bool)
    }


def _as_written(name: str, info: dict[str, object], comment: str) -> str | None:
    """Return an id as it is written: ASE turns 000012 into the number 12."""
    if isinstance(info[name], str):
        return str(info[name])
    written = re.search(rf'(?:^|\s){re.escape(name)}=(?:"([^"]*)"|(\S+))', comment)
    return (written[1] or written[2]) if written else str(info[name])


def quoted(value: object) -> object:
    """Write strings so that ASE reads back what they were.

    It takes what looks like a number or a truth value for one, and an equals sign for the next key's, unless
    they are wrapped in JSON, and a backslash for the escape of what follows, which its own writer does not
    double.
    """
    if not isinstance(value, str):
        return value
    parts = re.findall(r"[^\s,]+", value)
    looks_typed = all(re.fullmatch(r"[TF]|[Tt]rue|[Ff]alse|TRUE|FALSE", p) or _is_number(p) for p in parts)
    written = f"_JSON {json.dumps(value)}" if looks_typed or "=" in value else value
    return written.replace("\\", "\\\\")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
