"""Molecules to files that other programs read."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols
from jaxtyping import Int, Integer

from epitaxy.data._atomic import write_text
from epitaxy.geometry import MoleculeBatch

Fields = Mapping[str, str | int | float | bool]

_MOST_V2000 = 999  # three digits are all that a V2000 counts line has room for
_WIDEST_V2000 = 9999.0  # angstrom: ten columns with four decimals and a sign


def write_sdf(
    path: str | Path,
    molecules: MoleculeBatch,
    bonds: Integer[np.ndarray, "bonds 3"] | None = None,
    *,
    fields: Sequence[Fields] | None = None,
) -> None:
    """Write molecules to one SDF file, with bonds; ids are the titles, properties and fields the data fields.

    V2000, or V3000 where a molecule has more than 999 atoms or bonds, or does not fit its columns. The file
    appears when it is complete.

    Args:
        path: the file.
        molecules: what to write; positions in angstrom, with four decimals.
        bonds: first atom, second atom (numbered through the whole batch) and order of each bond; None for
            none.
        fields: further data fields, one mapping a molecule.

    Raises:
        ValueError: if there is not one mapping a molecule, or a bond does not join two atoms of one molecule.

    """
    notes = [{}] * len(molecules) if fields is None else list(fields)
    if len(notes) != len(molecules):
        raise ValueError(f"{len(notes)} mappings of fields for {len(molecules)} molecules; give one each")
    parts = zip(_parts(molecules), _bonds_of(molecules, bonds), notes, strict=True)
    write_text(Path(path), "".join(_record(*part, bond, note) for part, bond, note in parts))


def write_xyz(path: str | Path, molecules: MoleculeBatch, *, fields: Sequence[Fields] | None = None) -> None:
    """Write molecules to one extended XYZ file: ids, properties and fields in the comment lines.

    Raises:
        ValueError: if there is not one mapping a molecule.

    """
    notes = [{}] * len(molecules) if fields is None else list(fields)
    if len(notes) != len(molecules):
        raise ValueError(f"{len(notes)} mappings of fields for {len(molecules)} molecules; give one each")
    frames = []
    for (name, numbers, positions, properties), note in zip(_parts(molecules), notes, strict=True):
        words = [
            f'id="{_plain(name)}"',
            *(f"{_word(k)}={_value(v)}" for k, v in {**properties, **note}.items() if k != "id"),
        ]
        head = f'Properties=species:S:1:pos:R:3 {" ".join(words)} pbc="F F F"'
        rows = (
            f"{chemical_symbols[z]:<2} {x:15.8f} {y:15.8f} {w:15.8f}"
            for z, (x, y, w) in zip(numbers, positions, strict=True)
        )
        frames.append("\n".join([str(len(numbers)), head, *rows]) + "\n")
    write_text(Path(path), "".join(frames))


_Part = tuple[str, list[int], list[list[float]], dict[str, float]]


def _parts(molecules: MoleculeBatch) -> Iterator[_Part]:
    """Yield name, atomic numbers, positions and known properties of each molecule."""
    numbers, positions = molecules.numbers.tolist(), molecules.positions.detach().cpu().double().tolist()
    # through str, so that a float32 of 1.85 is written as 1.85 and not as 1.850000023841858
    columns = {
        name: [float(str(value)) for value in values.detach().cpu().numpy()]
        for name, values in molecules.properties.items()
    }
    for row, (first, end) in enumerate(pairwise(molecules.segments.offsets.tolist())):
        known = {name: values[row] for name, values in columns.items() if values[row] == values[row]}
        yield molecules.ids[row], numbers[first:end], positions[first:end], known


def _bonds_of(
    molecules: MoleculeBatch, bonds: Integer[np.ndarray, "bonds 3"] | None
) -> list[list[list[int]]]:
    """Divide the bonds by molecule, atoms counted from 1 in each."""
    divided: list[list[list[int]]] = [[] for _ in range(len(molecules))]
    if bonds is None or len(bonds) == 0:
        return divided
    offsets: Int[np.ndarray, " ends"] = molecules.segments.offsets.cpu().numpy()
    i, j, order = bonds.astype(np.int64).T
    if min(i.min(), j.min()) < 0 or max(i.max(), j.max()) >= offsets[-1]:
        raise ValueError(
            f"a bond names an atom outside 0 ... {offsets[-1] - 1}; number them through the batch"
        )
    owner, other = (np.searchsorted(offsets, atom, side="right") - 1 for atom in (i, j))
    if (owner != other).any():
        raise ValueError("a bond joins atoms of two molecules; number atoms through the whole batch")
    start = offsets[owner]
    rows = np.stack([i - start + 1, j - start + 1, order], axis=1).tolist()
    for molecule, row in zip(owner.tolist(), rows, strict=True):
        divided[molecule].append(row)
    return divided


def _record(
    name: str,
    numbers: list[int],
    positions: list[list[float]],
    properties: dict[str, float],
    bonds: list[list[int]],
    fields: Fields,
) -> str:
    wide = any(not abs(x) < _WIDEST_V2000 for place in positions for x in place)
    large = wide or max(len(numbers), len(bonds)) > _MOST_V2000
    table = (_v3000 if large else _v2000)(numbers, positions, bonds)
    data = [f"> <{k}>\n{_plain(str(v))}\n" for k, v in {**properties, **fields}.items()]
    return "\n".join([_plain(name), "  epitaxy           3D", "", *table, "M  END", *data, "$$$$"]) + "\n"


def _v2000(numbers: list[int], positions: list[list[float]], bonds: list[list[int]]) -> list[str]:
    return [
        f"{len(numbers):3d}{len(bonds):3d}  0  0  0  0  0  0  0  0999 V2000",
        *(
            f"{x:10.4f}{y:10.4f}{w:10.4f} {chemical_symbols[z]:<3} 0  0  0  0  0  0  0  0  0  0  0  0"
            for z, (x, y, w) in zip(numbers, positions, strict=True)
        ),
        *(f"{i:3d}{j:3d}{order:3d}  0  0  0  0" for i, j, order in bonds),
    ]


def _v3000(numbers: list[int], positions: list[list[float]], bonds: list[list[int]]) -> list[str]:
    body = [
        "BEGIN CTAB",
        f"COUNTS {len(numbers)} {len(bonds)} 0 0 0",
        "BEGIN ATOM",
        *(
            f"{n} {chemical_symbols[z]} {x:.4f} {y:.4f} {w:.4f} 0"
            for n, (z, (x, y, w)) in enumerate(zip(numbers, positions, strict=True), start=1)
        ),
        "END ATOM",
        "BEGIN BOND",
        *(f"{n} {order} {i} {j}" for n, (i, j, order) in enumerate(bonds, start=1)),
        "END BOND",
        "END CTAB",
    ]
    return ["  0  0  0  0  0  0  0  0  0  0999 V3000", *(f"M  V30 {line}" for line in body)]


def _plain(text: str) -> str:
    """On one line: a title or value with a line break would end it early."""
    return " ".join(text.split())


def _word(text: str) -> str:
    return "_".join(text.split())


def _value(value: str | int | float | bool) -> str:
    return f'"{_plain(value)}"' if isinstance(value, str) else str(value)
