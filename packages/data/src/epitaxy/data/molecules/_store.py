"""Prepared molecules on disk: plain arrays, written in portions and mapped into memory when read.

One folder a key holds `positions.bin` (float32, three an atom), `numbers.bin` (int8), `table.npz` (atoms a
molecule, properties), `ids.json`, `rejects.jsonl` and `manifest.json` with the checksums of the others. The
folder is made under another name and renamed when it is complete: what is there is whole.
"""

import json
import logging
import os
import shutil
import uuid
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from epitaxy.data._atomic import naming
from epitaxy.data._cache import checksum
from epitaxy.data.errors import DataError
from epitaxy.data.molecules._molecule import RawMolecule
from epitaxy.data.readers import Reject

FORMAT = 3
"""Version of the arrays' layout and of what preparation does: another version is another key."""

_FILES = ("positions.bin", "numbers.bin", "table.npz", "ids.json", "rejects.jsonl")
_PROPERTY = "property."
_log = logging.getLogger("epitaxy.data")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrays:
    """Molecules in ragged form; see `MoleculeDataset` for the meaning of each."""

    ids: tuple[str, ...]
    counts: np.ndarray
    numbers: np.ndarray
    positions: np.ndarray
    properties: Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a folder says of itself."""

    molecules: int
    rejects: int
    sha256: Mapping[str, str]


class _Columns:
    """Properties by name; NaN for a molecule that lacks one."""

    def __init__(self) -> None:
        self.rows = 0
        self.values: dict[str, array[float]] = {}

    def add(self, properties: Mapping[str, float]) -> None:
        for name in properties.keys() - self.values.keys():
            self.values[name] = array("d", [float("nan")] * self.rows)
        for name, column in self.values.items():
            column.append(properties.get(name, float("nan")))
        self.rows += 1


def write(folder: Path, records: Iterable[RawMolecule | Reject]) -> Manifest:
    """Fill a folder from a stream; memory holds ids, counts and properties, never the atoms.

    Returns:
        the manifest; where it counts no molecule nothing was written.

    """
    with _draft(folder) as draft:
        manifest = _fill(draft, records)
        if manifest.molecules:
            (draft / "manifest.json").write_text(
                json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8"
            )
            shutil.rmtree(folder, ignore_errors=True)
            try:
                os.replace(draft, folder)
            except OSError:  # another process was faster and wrote the same
                if verify(folder) is None:
                    raise
    return manifest


@contextmanager
def _draft(folder: Path) -> Iterator[Path]:
    draft = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.part")
    draft.mkdir(parents=True)
    try:
        with naming(folder):
            yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _fill(draft: Path, records: Iterable[RawMolecule | Reject]) -> Manifest:
    ids: list[str] = []
    counts, columns, rejects = array("i"), _Columns(), 0
    with ExitStack() as stack:
        positions = stack.enter_context((draft / "positions.bin").open("wb"))
        numbers = stack.enter_context((draft / "numbers.bin").open("wb"))
        refused = stack.enter_context((draft / "rejects.jsonl").open("w", encoding="utf-8"))
        for record in records:
            if isinstance(record, Reject):
                refused.write(json.dumps(asdict(record), ensure_ascii=False) + "\n")
                rejects += 1
                continue
            positions.write(record.molecule.positions.astype("<f4").tobytes())
            numbers.write(record.molecule.numbers.astype("i1").tobytes())
            ids.append(record.id)
            counts.append(len(record.molecule.numbers))
            columns.add(record.properties)
    fields = {_PROPERTY + name: np.array(values) for name, values in sorted(columns.values.items())}
    with (draft / "table.npz").open("wb") as file:
        np.savez(file, allow_pickle=False, counts=np.array(counts, dtype=np.int64), **fields)
    (draft / "ids.json").write_text(json.dumps(ids, ensure_ascii=False) + "\n", encoding="utf-8")
    return Manifest(
        molecules=len(ids), rejects=rejects, sha256={name: checksum(draft / name) for name in _FILES}
    )


def verify(folder: Path) -> Manifest | None:
    """Return a folder's manifest; None, with a warning unless there is none, if it cannot be trusted."""
    path = folder / "manifest.json"
    if not folder.exists():
        return None
    try:
        manifest = Manifest(**json.loads(path.read_text(encoding="utf-8")))
        if {name: checksum(folder / name) for name in _FILES} == manifest.sha256:
            return manifest
    except (ValueError, TypeError, OSError, DataError):
        pass
    _log.warning("the prepared data in %s are damaged and will be prepared again", folder)
    return None


def read(folder: Path) -> Arrays:
    """Map the arrays of a verified folder into memory; writing to them does not reach the disk."""
    with np.load(folder / "table.npz", allow_pickle=False) as stored:
        fields = {name: stored[name] for name in stored.files}
    return Arrays(
        ids=tuple(json.loads((folder / "ids.json").read_text(encoding="utf-8"))),
        counts=fields.pop("counts"),
        numbers=np.memmap(folder / "numbers.bin", dtype="i1", mode="c"),
        positions=np.memmap(folder / "positions.bin", dtype="<f4", mode="c").reshape(-1, 3),
        properties={name.removeprefix(_PROPERTY): values for name, values in fields.items()},
    )
