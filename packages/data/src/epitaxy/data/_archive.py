"""Zip and tar archives of structure files, read member by member; nothing is ever unpacked onto the disk."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath

from epitaxy.data import _limits
from epitaxy.data._input import refuse_foreign
from epitaxy.data._names import NAMES, ids_of, is_shadow, kind_of, unread
from epitaxy.data._records import InputFaultError, brief
from epitaxy.data.errors import DataError, UnusableRecordError

LARGEST_MEMBER = _limits.LARGEST_RECORD
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
    ValueError,  # zipfile, tarfile: header fields that no arithmetic bears
    OverflowError,
    OSError,
)
_CHUNK = 1 << 20


def archive_members(path: Path, notes: list[str]) -> Iterator[tuple[str, str, bytes | UnusableRecordError]]:
    """Each structure file in an archive: its id, its name there, and its bytes, or why there are none.

    Ids are as in a folder. A member's path, absolute or with `..`, is no more than a name. Members that are
    no structure files are told of in `notes`.

    Raises:
        DataError: if the archive is damaged, at whichever member that shows, or holds no structure file.

    """
    with _damage_named(path):
        archive = _Zip(path) if path.suffix.lower() == ".zip" else _Tar(path)
    with closing(archive):
        kept = [(i, name) for i, name in enumerate(archive.names) if not is_shadow(PurePosixPath(name))]
        chosen = [(i, name) for i, name in kept if kind_of(name)]
        notes += unread([name for _, name in kept if not kind_of(name)])
        if not chosen:
            raise DataError(f"{path} holds no CIF or POSCAR file and no extxyz; name them {NAMES}")
        ids = ids_of([name for _, name in chosen])
        for (place, name), found in zip(chosen, ids, strict=True):
            with _damage_named(path):
                yield found, name, _content(archive, place)


def _content(archive: "_Zip | _Tar", place: int) -> bytes | UnusableRecordError:
    """Return a member's bytes, or why there are none: in a zip archive a damaged one costs no other."""
    try:
        content = archive.read(place, LARGEST_MEMBER + 1)
    except _DAMAGED as error:
        if not archive.apart:
            raise
        return UnusableRecordError(f"it cannot be unpacked ({brief(error)}); fetch or copy the archive again")
    if len(content) <= LARGEST_MEMBER:
        return content
    return UnusableRecordError(f"it is larger than {LARGEST_MEMBER} bytes; give it as a file of its own")


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        why = brief(error)
        raise DataError(f"{path} is no complete archive ({why}); fetch or copy it again") from error


def _too_many(names: list[str]) -> None:
    if len(names) > _limits.MOST_FILES:
        raise InputFaultError(f"has more than {_limits.MOST_FILES} members; split it")


class _Zip:
    apart = True

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            head = file.read(512)
        if not head.startswith(b"PK"):
            refuse_foreign(head)
        self._file = zipfile.ZipFile(path)
        self._infos = [info for info in self._file.infolist() if not info.is_dir()]
        self.names = [info.filename for info in self._infos]
        _too_many(self.names)
        first = min((info.header_offset for info in self._file.infolist()), default=0)
        if first > 0 and head.startswith(b"PK\x03\x04"):
            raise InputFaultError("is several zip archives one after another; give each its own file")

    def read(self, place: int, size: int) -> bytes:
        with self._file.open(self._infos[place]) as file:
            return file.read(size)

    def close(self) -> None:
        self._file.close()


class _Tar:
    """A tar archive; its members are read in its own order: going back in a compressed one starts it anew."""

    apart = False

    def __init__(self, path: Path) -> None:
        self._stream = _Expanded(path)
        self._file = tarfile.open(fileobj=self._stream, mode="r:")  # noqa: SIM115 - close() closes it
        self._members: list[tarfile.TarInfo] = []
        self.names: list[str] = []
        for member in self._file:
            if member.isfile():
                self._members.append(member)
                self.names.append(member.name)
                _too_many(self.names)
        while rest := self._stream.read(_CHUNK):
            if rest.strip(b"\0"):
                raise InputFaultError("goes on after its end: several tar archives were joined; split it")

    def read(self, place: int, size: int) -> bytes:
        file = self._file.extractfile(self._members[place])
        if file is None:
            raise tarfile.TarError(f"{self.names[place]} cannot be read")
        with file:
            return file.read(size)

    def close(self) -> None:
        self._file.close()
        self._stream.close()


class _Expanded(io.RawIOBase):
    """The bytes of a tar archive, uncompressed, no more of them than its size allows and few at once."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            refuse_foreign(b"" if _opener(path) else file.read(512))
        opener = _opener(path)
        self._source: io.BufferedIOBase = opener(path) if opener else path.open("rb")
        self._allowed = _limits.expansion(path.stat().st_size)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET and offset > self._allowed:
            raise EOFError(f"a member ends {offset} bytes after the beginning")
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()

    def read(self, size: int = -1) -> bytes:
        if size > LARGEST_MEMBER + 1:
            raise EOFError(f"a header of {size} bytes")
        if self._source.tell() > self._allowed:
            raise InputFaultError(f"holds more than {self._allowed} bytes; split it")
        return self._source.read(size)

    def close(self) -> None:
        self._source.close()
        super().close()


def _opener(path: Path) -> "type[gzip.GzipFile] | type[bz2.BZ2File] | type[lzma.LZMAFile] | None":
    name = path.name.lower()
    if name.endswith((".gz", ".tgz")):
        return gzip.GzipFile
    if name.endswith((".bz2", ".tbz2")):
        return bz2.BZ2File
    return lzma.LZMAFile if name.endswith((".xz", ".txz")) else None
