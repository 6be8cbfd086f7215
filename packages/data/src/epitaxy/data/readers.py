"""Crystals out of files: tables with a `cif` column, folders and archives of CIF and POSCAR, extxyz, JSON."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pymatgen.core.structure import Structure

from epitaxy.data._archive import ARCHIVE_SUFFIXES, LARGEST_MEMBER, archive_members
from epitaxy.data._crystal import Crystal, check
from epitaxy.data._csv import scan
from epitaxy.data._extxyz import frames, parse_frame
from epitaxy.data._files import Payload, decode, file_id, is_structure_file, parse
from epitaxy.data._json import JSON_SUFFIXES, json_entries, json_lines
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
    """One record before it is parsed."""

    id: str
    source: str
    payload: Payload
    properties: dict[str, float]


@dataclass(frozen=True, slots=True)
class RawSource:
    """The records of one file or folder, and how many there are (None: not known beforehand)."""

    records: Iterator[RawRecord | Reject]
    total: int | None


def read_structures(
    path: str | Path, *, max_atoms: int = MAX_ATOMS, repeated: bool = False
) -> Iterator[Record | Reject]:
    """Read the crystals of a table, a folder or archive, an extxyz or JSON file, or one CIF or POSCAR.

    - CSV with a `cif` column, gzipped or not. Ids: `material_id`, else the unnamed first column, else
      `row-<number>`; other numeric columns are properties.
    - A folder of CIF and POSCAR files; a zip or tar archive (.gz, .bz2, .xz) of such, at any depth, read
      without unpacking it. Ids: the files' stems.
    - extxyz. Ids: `id` or `material_id`, else `frame-<number>`; other numbers are properties.
    - JSON of pymatgen structures (gzipped or not): a list, a dict by id, one structure, or JSON lines; each
      as `as_dict()` writes it, or under `structure` in an entry with `material_id`, `id` or `entry_id` and
      numbers. Ids: those, or the keys, else `item-<number>`.

    Structures keep the file's cell. A record that cannot be used comes as a `Reject` and never stops the
    rest. All but JSON (JSON lines excepted) is read record by record.

    Args:
        path: the file or folder.
        max_atoms: a cell of more is rejected.
        repeated: whether an id may come again, as it does for several candidates of one crystal.

    Raises:
        DataError: if the file as a whole cannot be used; raised here, before the first record where possible.

    """
    return _records(raw_records(Path(path), repeated=repeated), max_atoms)


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


def raw_records(path: Path, *, repeated: bool = False) -> RawSource:
    """Return the records of a path, unparsed, each id used once unless `repeated`.

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
    elif path.name.lower().endswith(ARCHIVE_SUFFIXES):
        source = RawSource(_archive_records(path), None)
    elif path.name.lower().endswith(JSON_SUFFIXES):
        source = _json_records(path)
    elif is_structure_file(path):
        source = RawSource(iter([RawRecord(file_id(path), str(path), path, {})]), 1)
    else:
        raise DataError(
            f"{path} is of an unknown kind; give a .csv, .csv.gz, .extxyz, .json, .cif or POSCAR file, or a "
            f"folder or archive (.zip, .tar.gz) of CIF/POSCAR files"
        )
    return source if repeated else RawSource(_unique(source.records), source.total)


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


def _archive_records(path: Path) -> Iterator[RawRecord | Reject]:
    for name, member, content in archive_members(path):
        where = f"{path}: {member}"
        if content is None:
            yield Reject(
                name, where, f"it is larger than {LARGEST_MEMBER} bytes; give it as a file of its own"
            )
            continue
        try:
            yield RawRecord(name, where, decode(member, content.replace(b"\r\n", b"\n")), {})
        except UnusableRecordError as error:
            yield Reject(name, where, str(error))


def _json_records(path: Path) -> RawSource:
    entries = json_entries(path)
    if entries is None:
        lines = json_lines(path)
        return RawSource((RawRecord(n, f"{path}: line {i}", s, p) for i, n, s, p in lines), None)
    if not entries:
        raise DataError(f"{path} holds no structures; give at least one")
    return RawSource((RawRecord(n, f"{path}: {n}", s, p) for n, s, p in entries), len(entries))
