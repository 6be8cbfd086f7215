"""Zip and tar archives of structure files, read member by member; nothing is ever unpacked onto the disk."""

import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath

from epitaxy.data._files import file_id, is_structure_file
from epitaxy.data.errors import DataError

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

LARGEST_MEMBER = 64 * 1024 * 1024
"""Bytes: a larger member, unpacked, is refused without being read to its end."""

_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    NotImplementedError,  # zipfile: a compression it does not know
    RuntimeError,  # zipfile: a member behind a password
    OSError,
)


def archive_members(path: Path) -> Iterator[tuple[str, str, bytes | None]]:
    """Each structure file in an archive: its id, its name there, and its bytes (None: too large).

    An id is the file's stem as in a folder; where several files share a stem, as `a/POSCAR` and `b/POSCAR`
    do, it is the folders' names too, joined by dashes. A member's path, absolute or with `..`, is no more
    than a name.

    Raises:
        DataError: if the archive is damaged, at whichever member that shows, or holds no structure file.

    """
    with _damage_named(path):
        archive = _Zip(path) if path.suffix.lower() == ".zip" else _Tar(path)
    with closing(archive.file):
        names = [name for name in archive.names if _is_structure(name)]
        if not names:
            raise DataError(
                f"{path} holds no CIF or POSCAR file; name them *.cif, *.vasp, *.poscar or POSCAR*"
            )
        stems = Counter(_stem(name) for name in names)
        for name in names:
            with _damage_named(path):
                content = archive.read(name, LARGEST_MEMBER + 1)
            found = _stem(name) if stems[_stem(name)] == 1 else _long_id(name)
            yield found, name, content if len(content) <= LARGEST_MEMBER else None


def _stem(name: str) -> str:
    return file_id(Path(PurePosixPath(name).name))


def _long_id(name: str) -> str:
    folders = [part for part in PurePosixPath(name).parts[:-1] if part not in ("/", "..")]
    return "-".join([*folders, _stem(name)])


def _is_structure(name: str) -> bool:
    """Whether a member is a structure file, and not the shadow of one that macOS adds."""
    path = PurePosixPath(name)
    return (
        is_structure_file(Path(path.name)) and "__MACOSX" not in path.parts and not path.name.startswith("._")
    )


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        why = " ".join(str(error).split())[:120] or type(error).__name__
        raise DataError(f"{path} is no complete archive ({why}); fetch or copy it again") from error


class _Zip:
    def __init__(self, path: Path) -> None:
        self.file = zipfile.ZipFile(path)
        self.names = list(dict.fromkeys(info.filename for info in self.file.infolist() if not info.is_dir()))

    def read(self, name: str, size: int) -> bytes:
        with self.file.open(name) as file:
            return file.read(size)


class _Tar:
    """A tar archive; its members are read in its own order: going back in a compressed one starts it anew."""

    def __init__(self, path: Path) -> None:
        self.file = tarfile.open(path)  # noqa: SIM115 - whoever reads the members closes it
        self.members = {member.name: member for member in self.file if member.isfile()}
        self.names = list(self.members)

    def read(self, name: str, size: int) -> bytes:
        file = self.file.extractfile(self.members[name])
        if file is None:
            raise tarfile.TarError(f"{name} cannot be read")
        with file:
            return file.read(size)
