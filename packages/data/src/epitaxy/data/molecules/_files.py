"""The files that molecules are read from: which there are, what they are called, and how they are opened."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from epitaxy.data import _cache
from epitaxy.data._input import refuse_no_file
from epitaxy.data._names import kind_of, unfollowed, unread, walk
from epitaxy.data._records import InputFaultError, brief
from epitaxy.data.errors import DataError

SDF = (".sdf", ".sdf.gz", ".mol", ".mol.gz", ".sd", ".sd.gz")
XYZ = (".xyz", ".xyz.gz", ".extxyz", ".extxyz.gz")


def is_kind(path: Path, suffixes: tuple[str, ...]) -> bool:
    """Whether a file's name ends so, in any case."""
    return path.name.lower().endswith(suffixes)


def holds_molecules(path: str | Path) -> bool:
    """Whether a file or folder is one of molecules, by its files' names; an .extxyz may hold either: no.

    A folder is one of molecules if some file in it, at any depth, is surely one of molecules, and none is a
    CIF or POSCAR: among these an .xyz is read as crystals too, and what is none is named.
    """
    where = Path(path)
    sure = tuple(suffix for suffix in (*SDF, *XYZ, ".npz") if "extxyz" not in suffix)
    if not where.is_dir():
        return is_kind(where, sure)
    names = walk(where, lambda name: is_kind(Path(name), sure)).files
    return bool(names) and not any(kind_of(name) in ("cif", "poscar") for name in walk(where).files)


def molecule_files(folder: Path) -> list[Path]:
    """Return a folder's SDF and XYZ files at any depth, sorted.

    Names that begin with a dot, and links to folders, are passed over.

    Raises:
        DataError: if the folder or one within it cannot be read, or there is no such file.

    """
    files = walk(folder, _is_molecules).files
    if not files:
        raise DataError(f"{folder} holds no SDF or XYZ file; name them *.sdf, *.mol or *.xyz")
    return sorted(folder / name for name in files)


def passed_over(path: Path | None) -> list[str]:
    """Say what of a folder is not read, if it is one: other files, links to folders."""
    if path is None or not path.is_dir():
        return []
    _, others, links = walk(path, _is_molecules)
    return [*unread(others, "*.sdf, *.mol, *.xyz or *.extxyz, gzipped (.gz) or not"), *unfollowed(links)]


def _is_molecules(name: str) -> bool:
    return is_kind(Path(name), (*SDF, *XYZ))


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
    files = molecule_files(path)
    listing = (f"{_cache.checksum_if_any(f)} {f.relative_to(path).as_posix()}" for f in files)
    return hashlib.sha256("\n".join(listing).encode("utf-8", "surrogateescape")).hexdigest()


@contextmanager
def reading(path: Path) -> Iterator[io.BufferedReader | gzip.GzipFile]:
    """Open a file, gzipped or not; what goes wrong while it is read is told as a `DataError`."""
    try:
        refuse_no_file(path)
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            yield file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(
            f"{path} is no complete gzip file ({brief(error)}); fetch or copy it again"
        ) from error
    except DataError:
        raise
    except InputFaultError as error:
        raise DataError(f"{path} {error}") from error
    except Exception as error:
        raise DataError(
            f"{path} cannot be read ({brief(error)}); check the file and its permissions"
        ) from error
