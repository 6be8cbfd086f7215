"""From files to prepared, cached crystals."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from epitaxy.data import _cache, _limits
from epitaxy.data._cells import Cell, check_cell, to_cell
from epitaxy.data._clock import Limited, alarms
from epitaxy.data._crystal import Crystal
from epitaxy.data._pool import choose_workers, ordered_map
from epitaxy.data._records import Remarks, rejected
from epitaxy.data.errors import DataError
from epitaxy.data.locations import Location, cache_root, locate
from epitaxy.data.progress import Progress
from epitaxy.data.prototypes import fingerprint, prototype_records
from epitaxy.data.readers import MAX_ATOMS, RawRecord, RawSource, Reject, parse_record, raw_records
from epitaxy.data.registry import check_kind

_log = logging.getLogger("epitaxy.data")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Where prepared crystals lie and how many there are.

    Attributes:
        location: which records these are; where `location.hashed`, the folder holds all three splits.
        folder: the cache folder, with `crystals.npz`, `rejects.jsonl` and `manifest.json`.
        crystals: how many crystals it holds.
        rejects: how many records could not be used.
        reused: whether it was there already.
        notes: what was not read besides the rejects: files, columns, values; a sentence each.

    """

    location: Location
    folder: Path
    crystals: int
    rejects: int
    reused: bool
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Short name for all that determines the folder's content; no path or date is part of it."""
        return self.folder.name.removeprefix(f"{self.location.label}-")

    @property
    def rejects_path(self) -> Path:
        """JSON lines of id, source and reason, one for each record that could not be used."""
        return self.folder / "rejects.jsonl"


def prepare(
    source: str | Path,
    *,
    split: str = "train",
    root: str | Path | None = None,
    cell: Cell = "niggli",
    max_atoms: int = MAX_ATOMS,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Parse, check and reduce every crystal of one split once, and keep the result in the user's cache.

    The cache is keyed by the source's content and by what is asked for, never by its name or date, and
    verified by checksum each time; interrupted work leaves nothing behind that would be mistaken for a
    result. A record that takes longer than `_limits.MOST_SECONDS` is rejected, in workers too;
    `_clock.alarms` says what it cannot stop.

    Args:
        source: a dataset's name or a path, as `locate` takes them.
        split: train, val or test.
        root: where to look for datasets first.
        cell: the cell to describe crystals in; see `Cell`.
        max_atoms: larger cells are rejected.
        workers: processes; None chooses by the number of records and cores, 1 uses none besides this one.
        progress: called as records are done.

    Raises:
        DataError: if the source cannot be used as a whole, or none of its records can.

    """
    check_cell(cell)
    check_kind(str(source), "crystals")
    location = locate(source, split, root=root)
    content = fingerprint() if location.path is None else _cache.checksum(location.path)
    key = _cache.key(content=content, cell=cell, max_atoms=max_atoms)
    folder = cache_root() / "prepared" / f"{location.label}-{key}"
    manifest = _cache.verify(folder)
    reused = manifest is not None
    if manifest is None:
        work = raw_records(location.path) if location.path is not None else _embedded()
        records = _all_records(work, cell, max_atoms, choose_workers(workers, work.total), progress)
        manifest = _write(folder, list(records), location, work.notes)
    return Prepared(
        location=location,
        folder=folder,
        crystals=manifest.crystals,
        rejects=manifest.rejects,
        reused=reused,
        notes=manifest.notes,
    )


def _embedded() -> RawSource:
    records = prototype_records()
    return RawSource(iter(records), len(records))


def _all_records(
    work: RawSource, cell: Cell, max_atoms: int, workers: int, progress: Progress | None
) -> Iterator[RawRecord | Reject]:
    task = partial(_prepare_chunk, cell=cell, max_atoms=max_atoms)
    for done, record in enumerate(ordered_map(task, work.records, workers=workers), start=1):
        if progress is not None:
            progress(done, work.total)
        yield record


def _prepare_chunk(
    chunk: list[RawRecord | Reject], *, cell: Cell, max_atoms: int
) -> list[RawRecord | Reject]:
    with alarms() as limited:
        return [_prepare_record(raw, cell, max_atoms, limited) for raw in chunk]


def _prepare_record(
    raw: RawRecord | Reject, cell: Cell, max_atoms: int, limited: Limited
) -> RawRecord | Reject:
    if isinstance(raw, Reject):
        return raw
    try:
        with limited(_limits.MOST_SECONDS):
            remarks: list[str] = []
            crystal = parse_record(raw, max_atoms, remarks)
            if isinstance(crystal, Reject):
                return crystal
            return replace(raw, payload=to_cell(crystal, cell), remark="; ".join(remarks))
    except Exception as error:
        return rejected(raw.id, raw.source, error)


def _write(
    folder: Path, records: list[RawRecord | Reject], location: Location, notes: list[str]
) -> _cache.Manifest:
    rejects = [r for r in records if isinstance(r, Reject)]
    usable = [r for r in records if isinstance(r, RawRecord)]
    if not usable:
        first = f"; the first: {rejects[0].reason} ({rejects[0].source})" if rejects else ""
        raise DataError(f"none of the {len(records)} records of {location.path} can be used{first}")
    said = Remarks()
    for record in usable:
        said.add(record.id, record.remark)
    notes = [*notes, *said.notes]
    manifest = _cache.write(folder, to_arrays(usable), rejects, notes)
    for note in notes:
        _log.warning("%s: %s", location.path, note)
    if rejects:
        _log.warning(
            "%d of %d records of %s cannot be used; see %s",
            *(len(rejects), len(records), location.path, folder / "rejects.jsonl"),
        )
    return manifest


def to_arrays(records: list[RawRecord]) -> _cache.Arrays:
    """Return parsed records in ragged form; a property that some lack is NaN there."""
    crystals = [r.payload for r in records if isinstance(r.payload, Crystal)]
    names = dict.fromkeys(name for r in records for name in r.properties)
    return _cache.Arrays(
        ids=np.array([r.id for r in records], dtype=np.str_),
        counts=np.array([len(c.numbers) for c in crystals], dtype=np.int64),
        numbers=np.concatenate([c.numbers for c in crystals]).astype(np.int64),
        positions=np.concatenate([c.positions for c in crystals]).astype(np.float64),
        lattice=np.stack([c.lattice for c in crystals]).astype(np.float64),
        properties={
            n: np.array([r.properties.get(n, np.nan) for r in records], dtype=np.float64) for n in names
        },
    )
