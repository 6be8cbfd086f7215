"""Which files are read as crystals, by their names, and what they are called: in folders and archives."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from epitaxy.data import _limits
from epitaxy.data._records import brief
from epitaxy.data._suffixes import COMPRESSED
from epitaxy.data._words import printable
from epitaxy.data.errors import DataError

Kind = Literal["cif", "poscar", "extxyz"]

_SUFFIXES: dict[str, Kind] = {
    **dict.fromkeys((".cif", ".mcif"), "cif"),
    **dict.fromkeys((".poscar", ".contcar", ".vasp"), "poscar"),
    **dict.fromkeys((".extxyz", ".xyz"), "extxyz"),
}
_WHOLE = ("POSCAR", "CONTCAR")

NAMES = "*.cif, *.mcif, *.vasp, *.poscar, POSCAR*, CONTCAR*, *.extxyz or *.xyz, compressed (.gz) or not"
"""How a file must be called to be read, in words."""


def kind_of(name: str) -> Kind | None:
    """Return what a file's name says it holds; None if that is no crystal."""
    plain = PurePosixPath(uncompressed(name))
    found = _SUFFIXES.get(plain.suffix.lower())
    return found if found or not plain.name.upper().startswith(_WHOLE) else "poscar"


def uncompressed(name: str) -> str:
    """Return a name without the suffix of its compression."""
    return next((name[: -len(s)] for s in COMPRESSED if name.lower().endswith(s)), name)


def stem(name: str) -> str:
    """Return the id of a structure file: its stem, or its whole name where that is POSCAR.something."""
    plain = PurePosixPath(uncompressed(PurePosixPath(name).name))
    return plain.name if plain.name.upper().startswith(_WHOLE) else plain.stem


def is_shadow(path: PurePosixPath) -> bool:
    """Whether a file is no sample but what a system keeps beside it: hidden, or in `__MACOSX`."""
    return any(p == "__MACOSX" or (p.startswith(".") and p not in (".", "..")) for p in path.parts)


def ids_of(names: Sequence[str]) -> list[str]:
    """Return the ids of files of a folder or archive: their stems; where some share one, more of their paths.

    `a/POSCAR` and `b/POSCAR` become `a-POSCAR` and `b-POSCAR`, `x.cif` and `x.vasp` keep their suffixes.
    """
    stems = Counter(stem(name) for name in names)
    longer = Counter(_joined(name, stem(name)) for name in names)

    def shortest(name: str) -> str:
        if stems[stem(name)] == 1:
            return stem(name)
        long = _joined(name, stem(name))
        return long if longer[long] == 1 else _joined(name, PurePosixPath(name).name)

    return [shortest(name) for name in names]


def _joined(name: str, last: str) -> str:
    folders = [part for part in PurePosixPath(name).parts[:-1] if part not in ("/", ".", "..")]
    return "-".join([*folders, last])


class Folder(NamedTuple):
    """What a folder holds, at any depth: sorted paths within it.

    Attributes:
        files: those to read, broken links and pipes of such names among them: reading says what is wrong.
        others: files that are not read.
        links: links to folders, which are not followed.

    """

    files: list[str]
    others: list[str]
    links: list[str]


def walk(folder: Path, is_read: Callable[[str], object] = kind_of) -> Folder:
    """Return what a folder holds; hidden files and folders and `__MACOSX` are passed over.

    Args:
        folder: where to look.
        is_read: whether a file of this name is read.

    Raises:
        DataError: if a folder cannot be read or holds more files than may be.

    """
    found: list[str] = []
    links: list[str] = []
    for place, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not is_shadow(PurePosixPath(name))]
        here = Path(place).relative_to(folder)
        links += [(here / name).as_posix() for name in folders if Path(place, name).is_symlink()]
        found += [(here / name).as_posix() for name in names if not is_shadow(PurePosixPath(name))]
        if len(found) > _limits.MOST_FILES:
            raise DataError(f"{folder} holds more than {_limits.MOST_FILES} files; split it")
    found.sort()
    return Folder([f for f in found if is_read(f)], [f for f in found if not is_read(f)], sorted(links))


def unread(names: Sequence[str], read: str = NAMES) -> list[str]:
    """Say which files are passed over, if there are any; `read` says how those are called that are not."""
    if not names:
        return []
    suffixes = Counter(PurePosixPath(name).suffix.lower() or "without suffix" for name in names)
    kinds = ", ".join(f"{count} {suffix}" for suffix, count in suffixes.most_common(5))
    first = printable(names[0][:60])
    return [f"{len(names)} files are not read ({kinds}; the first: {first}); what is read is called {read}"]


def unfollowed(links: Sequence[str]) -> list[str]:
    """Say which links to folders are not followed, if there are any."""
    if not links:
        return []
    first = printable(links[0][:60])
    which = f"{len(links)} links to folders are not followed (the first: {first})"
    return [f"{which}; put the folders themselves there"]


def _refuse(error: OSError) -> None:
    raise DataError(
        f"{error.filename} cannot be read ({brief(error)}); check the folder and its permissions"
    ) from error
