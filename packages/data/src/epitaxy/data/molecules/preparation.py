"""From files to prepared, cached molecules."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from epitaxy.data import _cache
from epitaxy.data.errors import DataError
from epitaxy.data.locations import Location, cache_root, locate
from epitaxy.data.molecules import _files, _store
from epitaxy.data.molecules._molecule import MAX_ATOMS, RawMolecule
from epitaxy.data.molecules.g2 import fingerprint, g2_molecules
from epitaxy.data.molecules.records import MoleculeSource, checked, molecule_source
from epitaxy.data.progress import Progress
from epitaxy.data.readers import Reject
from epitaxy.data.registry import check_kind

_log = logging.getLogger("epitaxy.data")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedMolecules:
    """Where prepared molecules lie and how many there are.

    Attributes:
        location: which records these are; where `location.hashed`, the folder holds all three splits.
        folder: the cache folder, with the arrays, `rejects.jsonl` and `manifest.json`.
        molecules: how many molecules it holds.
        rejects: how many records could not be used.
        reused: whether it was there already.
        hydrogens: whether hydrogens were kept.
        notes: what was not read besides the rejects: files, links; a sentence each.

    """

    location: Location
    folder: Path
    molecules: int
    rejects: int
    reused: bool
    hydrogens: bool
    notes: tuple[str, ...] = ()

    @property
    def rejects_path(self) -> Path:
        """JSON lines of id, source and reason, one for each record that could not be used."""
        return self.folder / "rejects.jsonl"


def prepare_molecules(
    source: str | Path,
    *,
    split: str = "train",
    root: str | Path | None = None,
    hydrogens: bool = True,
    max_atoms: int = MAX_ATOMS,
    progress: Progress | None = None,
) -> PreparedMolecules:
    """Parse and check every molecule of one split once, and keep the result in the user's cache.

    The cache is keyed by the source's content and by what is asked for, and verified by checksum each time.
    Records are streamed: memory holds the names and properties of a collection, never its atoms.

    Args:
        source: a dataset's name or a path, as `locate` takes them.
        split: train, val or test.
        root: where to look for datasets first.
        hydrogens: whether to keep them.
        max_atoms: larger molecules are rejected.
        progress: called as records are done.

    Raises:
        DataError: if the source cannot be used as a whole, or none of its records can.

    """
    check_kind(str(source), "molecules")
    location = locate(source, split, root=root)
    content = fingerprint() if location.path is None else _files.content(location.path)
    notes = _files.passed_over(location.path)
    key = _cache.key(molecules=_store.FORMAT, content=content, hydrogens=hydrogens, max_atoms=max_atoms)
    folder = cache_root() / "prepared" / f"{location.label}-{key}"
    manifest = _store.verify(folder)
    reused = manifest is not None
    if manifest is None:
        work = _embedded() if location.path is None else molecule_source(location.path)
        records = checked(work, hydrogens=hydrogens, max_atoms=max_atoms)
        manifest = _write(folder, _counted(records, work.total, progress), location)
        for note in notes:
            _log.warning("%s: %s", location.path, note)
    return PreparedMolecules(
        location=location,
        folder=folder,
        molecules=manifest.molecules,
        rejects=manifest.rejects,
        reused=reused,
        hydrogens=hydrogens,
        notes=tuple(notes),
    )


def _embedded() -> MoleculeSource:
    molecules = g2_molecules()
    return MoleculeSource(iter(molecules), len(molecules))


def _counted(
    records: Iterator[RawMolecule | Reject], total: int | None, progress: Progress | None
) -> Iterator[RawMolecule | Reject]:
    for done, record in enumerate(records, start=1):
        if progress is not None:
            progress(done, total)
        yield record


def _write(folder: Path, records: Iterator[RawMolecule | Reject], location: Location) -> _store.Manifest:
    first: list[Reject] = []

    def watched() -> Iterator[RawMolecule | Reject]:
        for record in records:
            if isinstance(record, Reject) and not first:
                first.append(record)
            yield record

    manifest = _store.write(folder, watched())
    total = manifest.molecules + manifest.rejects
    if not manifest.molecules:
        why = f"; the first: {first[0].reason} ({first[0].source})" if first else ""
        raise DataError(f"none of the {total} records of {location.path} can be used{why}")
    if manifest.rejects:
        _log.warning(
            "%d of %d records of %s cannot be used; see %s",
            *(manifest.rejects, total, location.path, folder / "rejects.jsonl"),
        )
    return manifest
