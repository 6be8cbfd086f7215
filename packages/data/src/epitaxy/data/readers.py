"""Crystals out of files: CSV with a `cif` column, folders of CIF and POSCAR, extxyz, single files."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pymatgen.core.structure import Structure

from epitaxy.data._crystal import Crystal, check
from epitaxy.data._csv import scan
from epitaxy.data._extxyz import frames, parse_frame
from epitaxy.data._files import file_id, is_structure_file, parse
from epitaxy.data.errors import DataError, UnusableRecordError

MAX_ATOMS = 256
"""The largest cell read unless a caller says otherwise, in atoms."""


@dataclass(frozen=True, slots=True)
class Record:
    """One crystal of a file, in the cell the file gives, and its numbers (NaN = missing)."""

    id: str
    structure: Structure
    properties: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reject:
    """One record that cannot be used: its id, where it stands (file and row), and why, with a remedy."""

    id: str
    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record before it is parsed: a CIF text, a file, or a crystal that is already there."""

    id: str
    source: str
    payload: str | Path | Crystal
    properties: dict[str, float]


@dataclass(frozen=True, slots=True)
class RawSource:
    """The records of one file or folder, and how many there are (None: not known beforehand)."""

    records: Iterator[RawRecord | Reject]
    total: int | None


def read_structures(path: str | Path, *, max_atoms: int = MAX_ATOMS) -> Iterator[Record | Reject]:
    """Read the crystals of a CSV (gzipped or not), a folder of CIF/POSCAR files, an extxyz file or one CIF.

    Ids are `material_id`, else the unnamed first column, else `row-<number>` in a CSV; the stem of a file in
    a folder; `id` or `material_id`, else `frame-<number>` in extxyz. Other numeric columns are properties.
    Structures keep the file's cell. A record that cannot be used comes as a `Reject` and never stops the
    rest.

    Raises:
        DataError: if the file as a whole cannot be used; raised here, before the first record where possible.

    """
    return _records(raw_records(Path(path)), max_atoms)


def _records(source: RawSource, max_atoms: int) -> Iterator[Record | Reject]:
    for raw in source.records:
        crystal = parse_record(raw, max_atoms)
        if isinstance(crystal, Reject):
            yield crystal
        elif isinstance(raw, RawRecord):
            yield Record(raw.id, crystal.structure(), raw.properties)


def parse_record(raw: RawRecord | Reject, max_atoms: int) -> Crystal | Reject:
    """Parse and check one record."""
    if isinstance(raw, Reject):
        return raw
    try:
        crystal = parse(raw.payload)
        check(crystal, max_atoms)
    except UnusableRecordError as error:
        return Reject(raw.id, raw.source, str(error))
    return crystal


def raw_records(path: Path) -> RawSource:
    """Return the records of a path, unparsed, each id used once.

    Raises:
        DataError: if there is no such path or its kind is unknown.

    """
    if not path.exists():
        raise DataError(f"{path} does not exist; check the path")
    if path.is_dir():
        source = _folder_records(path)
    elif path.name.lower().endswith((".csv", ".csv.gz")):
        source = _csv_records(path)
    elif path.suffix.lower() in {".extxyz", ".xyz"}:
        source = RawSource(_extxyz_records(path), None)
    elif is_structure_file(path):
        source = RawSource(iter([RawRecord(file_id(path), str(path), path, {})]), 1)
    else:
        raise DataError(
            f"{path} is of an unknown kind; give a .csv, .csv.gz, .extxyz, .cif or POSCAR file, or a folder "
            f"of CIF/POSCAR files"
        )
    return RawSource(_unique(source.records), source.total)


def _unique(records: Iterator[RawRecord | Reject]) -> Iterator[RawRecord | Reject]:
    """Reject an id that was used before: everything downstream tells crystals apart by their ids."""
    seen: dict[str, str] = {}
    for record in records:
        if record.id in seen:
            yield Reject(
                record.id,
                record.source,
                f"its id was used before, at {seen[record.id]}; give it an id of its own",
            )
        else:
            seen[record.id] = record.source
            yield record


def _csv_records(path: Path) -> RawSource:
    table = scan(path)

    def rows() -> Iterator[RawRecord | Reject]:
        for number, name, text, properties in table.records():
            where = f"{path}: row {number}"
            if text is None:
                yield Reject(name, where, "the row ends before its `cif` column; restore the row")
            else:
                yield RawRecord(name, where, text, properties)

    return RawSource(rows(), table.rows)


def _folder_records(path: Path) -> RawSource:
    files = sorted(f for f in path.iterdir() if f.is_file() and is_structure_file(f))
    if not files:
        raise DataError(f"{path} holds no CIF or POSCAR file; name them *.cif, *.vasp, *.poscar or POSCAR*")
    return RawSource((RawRecord(file_id(f), str(f), f, {}) for f in files), len(files))


def _extxyz_records(path: Path) -> Iterator[RawRecord | Reject]:
    for number, text in enumerate(frames(path), start=1):
        name, where = f"frame-{number}", f"{path}: frame {number}"
        if text is None:
            yield Reject(
                name, where, "the frame is cut short, and nothing after it can be read; restore the file"
            )
            return
        try:
            found, crystal, properties = parse_frame(text)
        except UnusableRecordError as error:
            yield Reject(name, where, str(error))
        else:
            yield RawRecord(found or name, where, crystal, properties)
