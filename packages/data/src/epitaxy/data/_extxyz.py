"""Extended XYZ files, frame by frame, so that one broken frame does not stop the rest."""

import io
import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read

from epitaxy.data._crystal import Crystal, unknown_elements
from epitaxy.data.errors import DataError, UnusableRecordError

_ID_KEYS = ("id", "material_id")


def frames(path: Path) -> Iterator[str | None]:
    """Each frame's text; None, and an end, where a frame is cut short or its number of atoms is no number.

    Raises:
        DataError: if the file cannot be read or is empty.

    """
    try:
        with path.open(encoding="utf-8") as lines:
            first = next((line for line in lines if line.strip()), None)
            if first is None:
                raise DataError(f"{path} is empty; give at least one structure")
            yield from _split(first, lines)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}); check the file and its permissions") from error


def _split(head: str, lines: Iterator[str]) -> Iterator[str | None]:
    """Cut lines into frames, reading no further than the one that is asked for."""
    while head.strip():
        size = int(head) + 1 if re.fullmatch(r"\s*\d+\s*", head) else 0
        body = list(islice(lines, size))
        if size == 0 or len(body) < size:
            yield None
            return
        yield "".join([head.rstrip("\n") + "\n", *body[:-1], body[-1].rstrip("\n") + "\n"])
        head = next(lines, "")
    if any(line.strip() for line in lines):  # a blank line amid frames: what follows cannot be placed
        yield None


def parse_frame(text: str) -> tuple[str | None, Crystal, dict[str, float]]:
    """Return a frame's id (None if it has none), crystal and numeric info values.

    Raises:
        UnusableRecordError: if the frame is no periodic crystal of known elements.

    """
    # ASE raises what its arithmetic on a broken frame raises: every exception means "not readable"
    try:
        atoms = read(io.StringIO(text), format="extxyz")
    except KeyError as error:
        raise UnusableRecordError(unknown_elements({str(error.args[0])})) from error
    except Exception as error:
        raise UnusableRecordError(f"unparseable extxyz frame ({str(error)[:120]}); restore it") from error
    if not isinstance(atoms, Atoms) or not atoms.pbc.all():
        raise UnusableRecordError('it is not periodic in three directions; write its Lattice and pbc="T T T"')
    if (atoms.numbers < 1).any():
        raise UnusableRecordError(unknown_elements({"X"}))
    lattice = np.array(atoms.cell, dtype=np.float64)
    if abs(np.linalg.det(lattice)) < 1e-9:
        raise UnusableRecordError("its cell has zero volume; give three independent lattice vectors")
    crystal = Crystal(lattice, atoms.positions @ np.linalg.inv(lattice), atoms.numbers.astype(np.int64))
    return _frame_id(atoms.info, text), crystal, _numbers(atoms)


def _numbers(atoms: Atoms) -> dict[str, float]:
    values = dict(atoms.info) | (dict(atoms.calc.results) if atoms.calc is not None else {})
    return {
        str(key): float(value)
        for key, value in values.items()
        if key not in _ID_KEYS and isinstance(value, int | float | np.number) and not isinstance(value, bool)
    }


def _frame_id(info: dict[str, object], text: str) -> str | None:
    """Return the id as it is written: ASE turns 000012 into the number 12."""
    for key in _ID_KEYS:
        if isinstance(info.get(key), str):
            return str(info[key])
        if written := re.search(rf'(?:^|\s){key}=(?:"([^"]*)"|(\S+))', text.splitlines()[1]):
            return written[1] or written[2]
    return None


def quoted(value: object) -> object:
    """Write strings so that ASE reads back what they were.

    It takes what looks like a number or a truth value for one, unless it is wrapped in JSON, and a backslash
    for the escape of what follows, which its own writer does not double.
    """
    if not isinstance(value, str):
        return value
    parts = re.findall(r"[^\s,]+", value)
    looks_typed = all(re.fullmatch(r"[TF]|[Tt]rue|[Ff]alse|TRUE|FALSE", p) or _is_number(p) for p in parts)
    return f"_JSON {json.dumps(value)}" if looks_typed else value.replace("\\", "\\\\")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
