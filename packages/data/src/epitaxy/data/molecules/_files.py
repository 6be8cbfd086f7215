"""The files that molecules are read from: which there are, what they are called, and how they are opened."""

import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from epitaxy.data import _cache
from epitaxy.data._records import brief
from epitaxy.data.errors import DataError

SDF = (".sdf", ".sdf.gz", ".mol", ".mol.gz", ".sd", ".sd.gz")
XYZ = (".xyz", ".xyz.gz", ".extxyz", ".extxyz.gz")


def is_kind(path: Path, suffixes: tuple[str, ...]) -> bool:
    """Whether a file's name ends so, in any case."""
    return path.name.lower().endswith(suffixes)


def holds_molecules(path: str | Path) -> bool:
    """Whether a file or folder is one of molecules, by its files' names; an .extxyz may hold either: no.

    A folder is one of molecules if some file in it, at any depth, is surely one of molecules.
    """
    where = Path(path)
    sure = tuple(suffix for suffix in (*SDF, *XYZ, ".npz") if "extxyz" not in suffix)
    if not where.is_dir():
        return is_kind(where, sure)
    return any(is_kind(file, sure) for file in where.rglob("*"))


def molecule_files(folder: Path) -> list[Path]:
    """Return a folder's SDF and XYZ files at any depth, sorted.

    Names that begin with a dot, and links to folders, are passed over.

    Raises:
        DataError: if the folder or one within it cannot be read, or there is no such file.

    """
    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files = (Path(place, name) for name in names if not name.startswith("."))
        found += [file for file in files if is_kind(file, (*SDF, *XYZ)) and file.is_file()]
    if not found:
        raise DataError(f"{folder} holds no SDF or XYZ file; name them *.sdf, *.mol or *.xyz")
    return sorted(found)


def _refuse(error: OSError) -> None:
    raise DataError(
        f"{error.filename} cannot be read ({brief(error)}); check the folder and its permissions"
    ) from error


def name_within(folder: Path, file: Path) -> str:
    """Return a file's stem, after the folders that lead to it: `batch-1/water` of `batch-1/water.xyz.gz`."""
    below = file.relative_to(folder).as_posix()
    suffix = max((s for s in (*SDF, *XYZ) if below.lower().endswith(s)), key=len)
    return below[: -len(suffix)]


def content(path: Path) -> str:
    """SHA-256 of a file, or of a folder's molecule files with their names.

    Raises:
        DataError: if it cannot be read, or the folder has no molecule file.

    """
    if not path.is_dir():
        return _cache.checksum(path)
    listing = (f"{_cache.checksum(f)} {f.relative_to(path).as_posix()}" for f in molecule_files(path))
    return hashlib.sha256("\n".join(listing).encode()).hexdigest()


@contextmanager
def reading(path: Path) -> Iterator[io.BufferedReader | gzip.GzipFile]:
    """Open a file, gzipped or not; what goes wrong while it is read is told as a `DataError`."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            yield file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(
            f"{path} is no complete gzip file ({brief(error)}); fetch or copy it again"
        ) from error
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"{path} cannot be read ({brief(error)}); check the file and its permissions"
        ) from error
