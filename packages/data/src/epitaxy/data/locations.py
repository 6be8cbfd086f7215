"""Where a dataset's files are."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from epitaxy.data._suffixes import ARCHIVE_SUFFIXES, COMPRESSED, JSON_SUFFIXES, TABLE_SUFFIXES
from epitaxy.data.errors import DataError
from epitaxy.data.registry import DATASETS, SPLITS, Split, dataset_info

_CRYSTALS = (*TABLE_SUFFIXES, ".extxyz", ".xyz", *JSON_SUFFIXES)
_MOLECULES = (".npz", *(s + packed for s in (".sdf", ".sd", ".mol") for packed in ("", ".gz")))
_SUFFIXES = (
    *(suffix + packed for suffix in _CRYSTALS for packed in ("", *COMPRESSED)),
    *_MOLECULES,
    *ARCHIVE_SUFFIXES,
    "",
)
"""How the file of a split is called: as any file of several records that is read; the first one counts."""

_STEMS: Mapping[Split, tuple[str, ...]] = {"train": ("train",), "val": ("val", "valid"), "test": ("test",)}


@dataclass(frozen=True, slots=True)
class Location:
    """One split's records.

    Attributes:
        label: the dataset's name, or the path's own.
        path: the file or folder that holds the records; None for an embedded dataset.
        hashed: whether the split is the part of `path` whose ids `split_of` puts there.

    """

    label: str
    path: Path | None
    hashed: bool


def cache_root() -> Path:
    """Return the folder of fetched and prepared data: `EPITAXY_CACHE`, else the user's cache folder."""
    chosen = os.environ.get("EPITAXY_CACHE")
    return Path(chosen) if chosen else user_cache_path("epitaxy")


def dataset_roots(root: str | Path | None = None) -> tuple[Path, ...]:
    """Where datasets are looked up by name, in this order: `root`, `EPITAXY_DATA`, what was fetched."""
    given = (root, os.environ.get("EPITAXY_DATA") or None)
    return (*(Path(folder) for folder in given if folder is not None), cache_root() / "datasets")


def locate(name_or_path: str | Path, split: str = "train", *, root: str | Path | None = None) -> Location:
    """Find one split of a dataset by name, or of the user's own files by path.

    A folder with files (or folders) called train, val, test has these splits; any other file or folder is
    split by a hash of each record's id, 80/10/10.

    Raises:
        DataError: if the dataset or the split is not there; says what is.

    """
    wanted = _check_split(split)
    name = str(name_or_path)
    if name in DATASETS:
        return _locate_name(name, wanted, root)
    path = Path(name_or_path)
    if not path.exists():
        if path.suffix or len(path.parts) > 1:
            raise DataError(f"{path} does not exist; check the path")
        dataset_info(name)
    found = split_paths(path)
    if found:
        return Location(path.resolve().name, _choose(str(path), found, wanted), hashed=False)
    return Location(path.resolve().name, path, hashed=True)


def split_paths(folder: Path) -> dict[Split, Path]:
    """Return the splits that a folder holds as files of that stem, of any kind that is read, or as folders.

    The val split may be called valid, as EDM calls it.
    """
    candidates = {
        s: [p for stem in _STEMS[s] for x in _SUFFIXES if (p := folder / f"{stem}{x}").exists()]
        for s in SPLITS
    }
    return {s: paths[0] for s, paths in candidates.items() if paths}


def split_of(identity: str) -> Split:
    """Return the split of a record whose dataset has none: 80/10/10, by a hash of its id."""
    digest = hashlib.sha256(identity.encode()).digest()
    tenth = int.from_bytes(digest[:8]) % 10
    return "val" if tenth == 8 else "test" if tenth == 9 else "train"


def _check_split(split: str) -> Split:
    for known in SPLITS:
        if split == known:
            return known
    raise DataError(f"split {split!r} is unknown; use one of {', '.join(SPLITS)}")


def _locate_name(name: str, split: Split, root: str | Path | None) -> Location:
    info = DATASETS[name]
    if info.embedded:
        return Location(name, None, hashed=True)
    roots = dataset_roots(root)
    for folder in roots:
        found = split_paths(folder / name)
        if found:
            return Location(name, _choose(name, found, split), hashed=False)
    remedy = f"run `epitaxy data fetch {name}`, or " if info.address else ""
    raise DataError(
        f"{name} is not on this machine (looked in {', '.join(map(str, roots))}); {remedy}put its "
        f"train/val/test files into a folder {name} and name that folder's parent by --root or EPITAXY_DATA"
    )


def _choose(label: str, found: dict[Split, Path], split: Split) -> Path:
    if split in found:
        return found[split]
    raise DataError(
        f"{label} has no {split} split here, only {', '.join(found)}; use one of these or add a {split} file"
    )


def splits_here(name: str, *, root: str | Path | None = None) -> list[Split]:
    """Return the splits of a dataset that are on this machine, in their usual order."""
    here: list[Split] = []
    for split in SPLITS:
        try:
            locate(name, split, root=root)
        except DataError:
            continue
        here.append(split)
    return here
