"""Prepared crystals on disk: plain arrays, checked before they are used.

One folder a key holds `crystals.npz` (uncompressed, read without pickle), `rejects.jsonl`, and
`manifest.json`, which is written last and names the checksum of the arrays: without it, or with another
checksum, the folder counts as empty.
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from epitaxy.data._atomic import replacing, write_text
from epitaxy.data._input import refuse_no_file
from epitaxy.data._names import walk
from epitaxy.data._records import InputFaultError, brief
from epitaxy.data.errors import DataError
from epitaxy.data.readers import Reject

FORMAT = 5
"""Version of the arrays' layout and of what preparation does: another version is another key."""

_PROPERTY = "property."
_MORE = "more."
_log = logging.getLogger("epitaxy.data")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrays:
    """Crystals in ragged form, as numpy arrays; see `CrystalDataset` for the meaning of each.

    `more` holds what asymmetric units have besides; see `WyckoffDataset`.
    """

    ids: np.ndarray
    counts: np.ndarray
    numbers: np.ndarray
    positions: np.ndarray
    lattice: np.ndarray
    properties: Mapping[str, np.ndarray]
    more: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a cache folder says of itself."""

    crystals: int
    rejects: int
    sha256: str
    notes: tuple[str, ...] = ()


def checksum(path: Path) -> str:
    """SHA-256 of a file, or of a folder's structure files with their names and those of its other files.

    Raises:
        DataError: if it cannot be read.

    """
    try:
        if path.is_dir():
            return _listed(path)
        refuse_no_file(path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except InputFaultError as error:
        raise DataError(f"{path} {error}") from error
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({brief(error)}); check the file and its permissions"
        ) from error


def _listed(folder: Path) -> str:
    """Return the checksum of what a folder holds: of the contents that are read, and of all names told of."""
    files, others, links = walk(folder)
    lines = [f"{checksum_if_any(folder / name)} {name}" for name in files]
    lines += [f"- {name}" for name in (*others, *links)]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def checksum_if_any(path: Path) -> str:
    """SHA-256 of a file of a folder, or a word where it cannot be read."""
    try:
        return checksum(path)
    except DataError:
        return "unreadable"  # which costs that file alone: reading it says why


def key(**parameters: object) -> str:
    """Return a short name for everything that determines a folder's content."""
    text = json.dumps({"format": FORMAT, **parameters}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write(folder: Path, arrays: Arrays, rejects: Sequence[Reject], notes: Sequence[str] = ()) -> Manifest:
    """Fill a cache folder; two processes that do so at once write the same bytes."""
    fields = {name: getattr(arrays, name) for name in ("ids", "counts", "numbers", "positions", "lattice")}
    fields |= {_PROPERTY + name: values for name, values in arrays.properties.items()}
    fields |= {_MORE + name: values for name, values in arrays.more.items()}
    with replacing(folder / "crystals.npz") as draft, draft.open("wb") as file:
        np.savez(file, allow_pickle=False, **fields)
    write_text(
        folder / "rejects.jsonl", "".join(json.dumps(asdict(r), ensure_ascii=False) + "\n" for r in rejects)
    )
    manifest = Manifest(
        crystals=len(arrays.counts),
        rejects=len(rejects),
        sha256=checksum(folder / "crystals.npz"),
        notes=tuple(notes),
    )
    write_text(folder / "manifest.json", json.dumps(asdict(manifest), indent=2) + "\n")
    return manifest


def verify(folder: Path) -> Manifest | None:
    """Return a folder's manifest; None, with a warning unless there is none, if it cannot be trusted."""
    path = folder / "manifest.json"
    if not path.exists():
        return None
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        manifest = Manifest(**stored | {"notes": tuple(stored.get("notes", ()))})
        if (folder / "rejects.jsonl").exists() and checksum(folder / "crystals.npz") == manifest.sha256:
            return manifest
    except (ValueError, TypeError, AttributeError, OSError, DataError):
        pass
    _log.warning("the prepared data in %s are damaged and will be prepared again", folder)
    return None


def read(folder: Path) -> Arrays:
    """Return the arrays of a verified folder."""
    with np.load(folder / "crystals.npz", allow_pickle=False) as stored:
        fields = {name: stored[name] for name in stored.files}
    properties, more = _taken(fields, _PROPERTY), _taken(fields, _MORE)
    return Arrays(**fields, properties=properties, more=more)


def _taken(fields: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Take the fields whose names begin so out of others."""
    names = [name for name in fields if name.startswith(prefix)]
    return {name.removeprefix(prefix): fields.pop(name) for name in names}
