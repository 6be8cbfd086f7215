"""Crystals out of files: tables with a `cif` column, folders and archives of CIF, POSCAR and extxyz, JSON."""

from collections.abc import Iterator
from dataclasses import replace
from io import BufferedIOBase, BytesIO
from math import inf, nan
from pathlib import Path

from epitaxy.data import _limits
from epitaxy.data._archive import archive_members
from epitaxy.data._crystal import Crystal, check
from epitaxy.data._csv import csv_source
from epitaxy.data._extxyz import Frame, frames, parse_frame
from epitaxy.data._files import decode, parse
from epitaxy.data._input import expand, open_input, refuse_no_file, refuse_stand_in_file
from epitaxy.data._json import is_json, json_source
from epitaxy.data._names import NAMES, ids_of, kind_of, stem, unfollowed, unread, walk
from epitaxy.data._records import Payload, RawRecord, RawSource, Record, Reject, Remarks, rejected, whole
from epitaxy.data._rows import is_table
from epitaxy.data._suffixes import ARCHIVE_SUFFIXES
from epitaxy.data._words import printable
from epitaxy.data.errors import DataError, UnusableRecordError

__all__ = [
    "MAX_ATOMS",
    "Payload",
    "RawRecord",
    "RawSource",
    "Record",
    "Reject",
    "parse_record",
    "raw_records",
    "read_structures",
]

MAX_ATOMS = 256
"""The largest cell read unless a caller says otherwise, in atoms."""


def read_structures(
    path: str | Path, *, max_atoms: int = MAX_ATOMS, repeated: bool = False, notes: list[str] | None = None
) -> Iterator[Record | Reject]:
    """Read the crystals of a table, a folder or archive, an extxyz or JSON file, or one CIF or POSCAR.

    - CSV with a `cif` column, separated by commas, tabs or semicolons (or parquet, where pyarrow is there).
      Ids: `material_id`, `id` and the like, else the unnamed first column, else `row-<number>`; other numeric
      columns are properties.
    - A folder or a zip or tar archive (.gz, .bz2, .xz) of CIF, POSCAR and extxyz files, at any depth, read
      without unpacking it. Ids: the files' stems, with their folders where a stem comes again; the frames of
      an extxyz have their own, else `<stem>-<number>`. Hidden files and `__MACOSX` are passed over.
    - extxyz. Ids: `id`, `material_id` and the like, else `frame-<number>`; other numbers are properties.
    - JSON: pymatgen's structures and entries, a DataFrame of them, OPTIMADE, JARVIS, or JSON lines. Ids as in
      a table, or the keys, else `item-<number>`.

    Any of these but an archive may be compressed (.gz, .bz2, .xz). Structures keep the file's cell. A record
    that cannot be used comes as a `Reject` and never stops the rest. All but JSON (JSON lines excepted) is
    read record by record. Limits are in `epitaxy.data._limits`.

    Args:
        path: the file or folder.
        max_atoms: larger cells are rejected.
        repeated: whether an id may come again, as it does for several candidates of one crystal.
        notes: a list to which is added, by the end, what is not read besides the rejects: files, columns.

    Raises:
        DataError: if the file as a whole cannot be used; raised here, before the first record where possible.

    """
    return _records(raw_records(Path(path), repeated=repeated), max_atoms, notes)


def _records(source: RawSource, max_atoms: int, notes: list[str] | None) -> Iterator[Record | Reject]:
    said = Remarks()
    for raw in source.records:
        remarks: list[str] = []
        crystal = parse_record(raw, max_atoms, remarks)
        if isinstance(crystal, Crystal):
            said.add(raw.id, "; ".join(remarks))
        if isinstance(raw, RawRecord) and isinstance(crystal, Crystal):
            try:
                yield Record(raw.id, crystal.structure(), raw.properties)
            except Exception as error:
                yield rejected(raw.id, raw.source, error)
        elif isinstance(crystal, Reject):
            yield crystal
    if notes is not None:
        notes.extend([*source.notes, *said.notes])


def parse_record(raw: RawRecord | Reject, max_atoms: int, remarks: list[str]) -> Crystal | Reject:
    """Parse and check one record; whatever that raises, but Ctrl-C, becomes a `Reject`.

    What is to be said of a crystal that is read all the same is added to `remarks`.
    """
    if isinstance(raw, Reject):
        return raw
    try:
        crystal = parse(raw.payload, remarks)
        check(crystal, max_atoms)
    except Exception as error:
        return rejected(raw.id, raw.source, error)
    return crystal


def raw_records(path: Path, *, repeated: bool = False) -> RawSource:
    """Return the records of a path, unparsed, each id used once unless `repeated`.

    Raises:
        DataError: if there is no such path or its kind is unknown.

    """
    with whole(path):
        source = _source(path)
    return RawSource(_tidy(path, source, repeated), source.total, source.notes)


def _source(path: Path) -> RawSource:
    name = path.name.lower()
    if not path.is_dir():
        refuse_no_file(path)
    if not path.exists():
        raise DataError(f"{path} does not exist; check the path")
    if path.is_dir():
        return _folder(path)
    if name.endswith(ARCHIVE_SUFFIXES):
        notes: list[str] = []
        return RawSource(_archive(path, notes), None, notes)
    if is_table(name):
        return csv_source(path)
    if is_json(name):
        return json_source(path)
    if (kind := kind_of(path.name)) == "extxyz":
        return RawSource(_extxyz_file(path), None)
    if kind is not None:
        return RawSource(iter([RawRecord(stem(path.name), str(path), path, {})]), 1)
    refuse_stand_in_file(path)
    raise DataError(
        f"{path} is of an unknown kind; give a .csv, .tsv, .json, .jsonl, .extxyz, .cif or POSCAR file, "
        f"compressed (.gz) or not, or a folder or archive (.zip, .tar.gz) of CIF, POSCAR and extxyz files"
    )


def _tidy(path: Path, source: RawSource, repeated: bool) -> Iterator[RawRecord | Reject]:
    """Give each record a name that results can hold, used once, and finite properties, not too many of them.

    Everything downstream tells crystals apart by their ids.
    """
    seen: dict[str, str] = {}
    names = {"": 0}
    with whole(path):
        for number, given in enumerate(source.records, start=1):
            if number > _limits.MOST_RECORDS:
                raise DataError(f"{path} has more than {_limits.MOST_RECORDS} records; split it")
            record = _named(given, number)
            if record.id in seen and not repeated:
                reason = f"its id was used before, at {seen[record.id]}; give it an id of its own"
                yield Reject(record.id, record.source, reason)
                continue
            seen[record.id] = record.source
            if isinstance(record, RawRecord):
                properties = _finite(record.properties, names)
                yield record if properties is record.properties else replace(record, properties=properties)
            else:
                yield record
    left = [name for name, count in names.items() if name and count]
    source.notes.extend(f"{n[:40]}: {names[n]} values are not finite and count as missing" for n in left)
    if names[""]:
        limits = f"{_limits.MOST_COLUMNS} properties, of names up to {_limits.LONGEST_NAME} characters"
        source.notes.append(f"some properties are left out: at most {limits}, are read")


def _named(record: RawRecord | Reject, number: int) -> RawRecord | Reject:
    if len(record.id) <= _limits.LONGEST_NAME and record.id.isprintable() and record.source.isascii():
        return record  # as nearly all are
    name, where = printable(record.id), record.source.encode("utf-8", "replace").decode("utf-8")
    if len(name) > _limits.LONGEST_NAME:
        reason = f"its id has {len(name)} characters; shorten it to {_limits.LONGEST_NAME}"
        return Reject(f"record-{number}", where, reason)
    if isinstance(record, Reject):
        return replace(record, id=name, source=where)
    return record if name == record.id and where == record.source else replace(record, id=name, source=where)


def _finite(properties: dict[str, float], names: dict[str, int]) -> dict[str, float]:
    """Return the properties that are kept, and count what is not finite; `""` stands for what is left out."""
    values = properties.values()
    if properties.keys() <= names.keys() and inf not in values and -inf not in values:
        return properties  # as nearly all are
    found: dict[str, float] = {}
    for name, value in properties.items():
        if name not in names and (len(names) - 1 >= _limits.MOST_COLUMNS or not _usable(name)):
            names[""] += 1
            continue
        bad = value in (inf, -inf)
        names[name] = names.get(name, 0) + bad
        found[name] = nan if bad else value
    return found


def _usable(name: str) -> bool:
    return 0 < len(name) <= _limits.LONGEST_NAME and name.isprintable()


def _folder(path: Path) -> RawSource:
    files, others, links = walk(path)
    notes = [*unread(others), *unfollowed(links)]
    if not files:
        more = "".join(f"; {note}" for note in unfollowed(links))
        raise DataError(f"{path} holds no CIF or POSCAR file and no extxyz; name them {NAMES}{more}")
    total = None if any(kind_of(name) == "extxyz" for name in files) else len(files)
    return RawSource(_folder_records(path, files), total, notes)


def _folder_records(path: Path, files: list[str]) -> Iterator[RawRecord | Reject]:
    for name, file in zip(ids_of(files), files, strict=True):
        where = path / file
        if kind_of(file) == "extxyz":
            yield from _extxyz_member(where, name)
        else:
            yield RawRecord(name, str(where), where, {})


def _extxyz_file(path: Path) -> Iterator[RawRecord | Reject]:
    with open_input(path, line=_limits.LONGEST_LINE) as stream:
        empty = True
        for record in _frames(stream, str(path), "frame"):
            empty = False
            yield record
    if empty:
        raise DataError(f"{path} is empty; give at least one structure")


def _extxyz_member(path: Path, name: str) -> Iterator[RawRecord | Reject]:
    """Yield the frames of one file among others; what is wrong with the file costs no other."""
    try:
        with open_input(path, line=_limits.LONGEST_LINE) as stream:
            yield from _alone(_frames(stream, str(path), name), name)
    except Exception as error:
        yield rejected(name, str(path), error)


def _alone(records: Iterator[RawRecord | Reject], name: str) -> Iterator[RawRecord | Reject]:
    """Give a frame that is alone in its file the file's name, unless it has one."""
    first = next(records, None)
    if first is None:
        return
    second = next(records, None)
    yield replace(first, id=name) if second is None and first.id == f"{name}-1" else first
    if second is not None:
        yield second
        yield from records


def _frames(stream: BufferedIOBase, where: str, stem: str) -> Iterator[RawRecord | Reject]:
    for number, frame in enumerate(frames(stream), start=1):
        yield _frame(frame, f"{stem}-{number}", f"{where}: frame {number}")


def _frame(frame: Frame, name: str, where: str) -> RawRecord | Reject:
    try:
        found, crystal, properties = parse_frame(frame)
    except Exception as error:
        return rejected(name, where, error)
    return RawRecord(found or name, where, crystal, properties)


def _archive(path: Path, notes: list[str]) -> Iterator[RawRecord | Reject]:
    for name, member, content in archive_members(path, notes):
        where = f"{path}: {member}"
        try:
            if isinstance(content, UnusableRecordError):
                raise content
            yield from _member(name, member, where, expand(member, content))
        except Exception as error:
            yield rejected(name, where, error)


def _member(name: str, member: str, where: str, content: bytes) -> Iterator[RawRecord | Reject]:
    if kind_of(member) == "extxyz":
        stream = BytesIO(content)
        yield from _alone(_frames(stream, where, name), name)
    else:
        yield RawRecord(name, where, decode(member, content), {})
