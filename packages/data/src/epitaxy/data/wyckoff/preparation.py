"""From files to prepared, cached asymmetric units."""

import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import spglib
import torch

from epitaxy.data import _cache
from epitaxy.data._crystal import Crystal
from epitaxy.data._pool import choose_workers, ordered_map
from epitaxy.data.errors import DataError, UnusableRecordError
from epitaxy.data.locations import cache_root
from epitaxy.data.preparation import Prepared, prepare
from epitaxy.data.progress import Progress
from epitaxy.data.readers import MAX_ATOMS, Reject
from epitaxy.data.wyckoff._standard import Standard, standardise
from epitaxy.data.wyckoff._units import Unit, units
from epitaxy.geometry.symmetry import TABLE_VERSION

FORMAT = 2
"""Version of what this preparation does: another version is another key."""

SYMPREC = 0.1
"""Angstrom: SymmCD's and SymmBFN's distance tolerance for finding symmetry."""

_log = logging.getLogger("epitaxy.data")


class Converted(NamedTuple):
    """Asymmetric units as arrays, and why some crystals have none.

    Attributes:
        arrays: the units; None if there is not one.
        kept: which crystals they are of.
        refused: the other crystals, each with the reason.

    """

    arrays: _cache.Arrays | None
    kept: tuple[int, ...]
    refused: tuple[tuple[int, str], ...]


def prepare_wyckoff(
    source: str | Path,
    *,
    split: str = "train",
    root: str | Path | None = None,
    symprec: float = SYMPREC,
    max_atoms: int = MAX_ATOMS,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Find the asymmetric unit of every crystal of one split once, and keep them in the user's cache.

    The crystals are prepared by `epitaxy.data.prepare` first, in their Niggli cells. The cache is keyed by
    their content, `symprec`, `max_atoms`, and the versions of the table of Wyckoff positions and of spglib.
    A crystal is left out only if spglib finds no space group for it, if its atoms cannot be placed on the
    group's Wyckoff positions one orbit each, or if its conventional cell is too large; whether the units give
    their crystals back within some tolerance decides nothing, and `benchmarks/wyckoff_round_trip.py` measures
    it.

    Args:
        source: a dataset's name or a path, as `locate` takes them.
        split: train, val or test.
        root: where to look for datasets first.
        symprec: spglib's distance tolerance, angstrom; spglib halves it for a crystal where it must.
        max_atoms: larger conventional cells are rejected.
        workers: processes; None chooses by the number of crystals and cores, 1 uses none besides this one.
        progress: called as records are done, first as they are read and then as they are converted.

    Raises:
        DataError: if the source cannot be used as a whole, or none of its records can.

    """
    check_symprec(symprec)
    crystals = prepare(
        source,
        split=split,
        root=root,
        max_atoms=max(max_atoms, MAX_ATOMS),
        workers=workers,
        progress=progress,
    )
    key = _cache.key(
        kind="wyckoff",
        version=FORMAT,
        crystals=crystals.key,
        symprec=symprec,
        max_atoms=max_atoms,
        table=TABLE_VERSION,
        spglib=spglib.__version__,
    )
    location = crystals.location
    folder = cache_root() / "prepared" / f"{location.label}-{key}"
    manifest = _cache.verify(folder)
    reused = manifest is not None
    if manifest is None:
        manifest = _fill(folder, crystals, symprec, max_atoms, workers, progress)
    return Prepared(
        location=location, folder=folder, crystals=manifest.crystals, rejects=manifest.rejects, reused=reused
    )


def check_symprec(symprec: float) -> None:
    """Refuse a tolerance that is no distance.

    Raises:
        DataError: if it is not positive and finite.

    """
    if not 0.0 < symprec < float("inf"):
        raise DataError(f"symprec={symprec} is no distance in angstrom; 0.1 is usual")


def _fill(
    folder: Path,
    crystals: Prepared,
    symprec: float,
    max_atoms: int,
    workers: int | None,
    progress: Progress | None,
) -> _cache.Manifest:
    arrays = _cache.read(crystals.folder)
    result = convert(arrays, symprec, max_atoms, workers=workers, progress=progress)
    where = str(crystals.location.path or crystals.location.label)
    rejects = [Reject(str(arrays.ids[i]), where, reason) for i, reason in result.refused]
    if result.arrays is None:
        raise DataError(
            f"none of the {len(arrays.ids)} crystals of {where} has an asymmetric unit; the first: "
            f"{rejects[0].reason} ({rejects[0].id})"
        )
    if rejects:
        _log.warning(
            "%d of %d crystals of %s have no asymmetric unit; see %s",
            *(len(rejects), len(arrays.ids), where, folder / "rejects.jsonl"),
        )
    lines = crystals.rejects_path.read_text(encoding="utf-8").splitlines()
    unread = [Reject(**json.loads(line)) for line in lines]
    return _cache.write(folder, result.arrays, [*unread, *rejects])


def convert(
    arrays: _cache.Arrays,
    symprec: float,
    max_atoms: int,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Converted:
    """Find the asymmetric units of crystals in memory."""
    task = partial(_convert_chunk, symprec=symprec, max_atoms=max_atoms)
    total = len(arrays.counts)
    found: list[tuple[int, Unit]] = []
    refused: list[tuple[int, str]] = []
    every = ordered_map(task, _crystals(arrays), workers=choose_workers(workers, total))
    for index, unit in enumerate(every):
        if isinstance(unit, Unit):
            found.append((index, unit))
        else:
            refused.append((index, unit))
        if progress is not None:
            progress(index + 1, total)
    kept = tuple(index for index, _ in found)
    joined = _to_arrays(arrays, list(kept), [unit for _, unit in found]) if found else None
    return Converted(joined, kept, tuple(refused))


def _crystals(arrays: _cache.Arrays) -> Iterator[Crystal]:
    ends = np.concatenate([[0], arrays.counts.cumsum()]).tolist()
    for lattice, (first, end) in zip(arrays.lattice, pairwise(ends), strict=True):
        yield Crystal(lattice, arrays.positions[first:end], arrays.numbers[first:end])


def _convert_chunk(chunk: list[Crystal], *, symprec: float, max_atoms: int) -> list[Unit | str]:
    cells = [_standard(crystal, symprec, max_atoms) for crystal in chunk]
    with _one_thread():
        placed = iter(units([cell for cell in cells if isinstance(cell, Standard)], symprec))
    results = (next(placed) if isinstance(cell, Standard) else cell for cell in cells)
    return [str(result) if isinstance(result, UnusableRecordError) else result for result in results]


def _standard(crystal: Crystal, symprec: float, max_atoms: int) -> Standard | UnusableRecordError:
    try:
        return standardise(crystal, symprec, max_atoms)
    except UnusableRecordError as error:
        return error


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch from its thread pool, which does not survive the fork that made a worker."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _to_arrays(crystals: _cache.Arrays, kept: list[int], found: Iterable[Unit]) -> _cache.Arrays:
    listed = list(found)
    return _cache.Arrays(
        ids=crystals.ids[kept],
        counts=np.array([len(unit.sites) for unit in listed], dtype=np.int64),
        numbers=np.concatenate([unit.numbers for unit in listed]),
        positions=np.concatenate([unit.positions for unit in listed]),
        lattice=np.stack([unit.lattice for unit in listed]),
        properties={name: values[kept] for name, values in crystals.properties.items()},
        more={
            "space_groups": np.array([unit.space_group for unit in listed], dtype=np.int64),
            "sites": np.concatenate([unit.sites for unit in listed]),
        },
    )
