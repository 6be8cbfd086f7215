"""The bytes of an input file: expanded, without a byte order mark, in UTF-8 where they were UTF-16, bounded.

What is no such file as its name says, as a Git LFS pointer or a server's error page, is named.
"""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from epitaxy.data import _limits
from epitaxy.data._records import IncompleteError, InputFaultError, brief
from epitaxy.data._suffixes import COMPRESSED

_HEAD = 4096
_POINTER = b"version https://git-lfs.github.com/spec"
_FOREIGN = (
    (b"\x00\x05\x16\x07", "a shadow that macOS keeps beside a file; give the file itself"),
    (b"\x1f\x8b", "gzip data; name it .gz or unpack it"),
    (b"BZh91AY&SY", "bzip2 data; name it .bz2 or unpack it"),
    (b"\xfd7zXZ\x00", "xz data; name it .xz or unpack it"),
    (b"PK\x03\x04", "a zip archive or a spreadsheet; name it .zip, or save the table as CSV"),
    (b"PAR1", "a parquet table; name it .parquet"),
    (b"\x89HDF", "an HDF5 file; write its structures as CIF, extxyz or JSON"),
    (b"%PDF", "a PDF; give the structures themselves"),
    (b"SQLite format 3", "an SQLite database; write its structures as extxyz, by `ase db ... -o x.extxyz`"),
)
_PAGES = (b"<!doctype html", b"<html", b"<?xml", b"<error")
_UTF8 = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def compression(name: str) -> str:
    """Return the suffix of a compressed single file, lower-case; empty for others."""
    return next((suffix for suffix in COMPRESSED if name.lower().endswith(suffix)), "")


def refuse_no_file(path: Path) -> None:
    """Refuse what cannot be read again and again, or at all: a pipe would be waited for, without end.

    Raises:
        InputFaultError: if it is a link to nothing, or no regular file.

    """
    if path.is_symlink() and not path.exists():
        raise InputFaultError("is a link to a file that is not there; put the file itself there")
    if path.exists() and not path.is_file():
        raise InputFaultError("is a pipe, a device or a folder, and no file; give a file")


@contextmanager
def open_input(
    path: Path, *, line: int | None = None, total: int | None = None
) -> Iterator[io.BufferedReader]:
    """Open a file by its name's suffix, as bytes of text.

    Args:
        path: what to read.
        line: bytes that no line may exceed; None where lines do not matter.
        total: bytes that the whole may not exceed, expanded; None for as many as its size allows.

    Raises:
        InputFaultError: if the bytes cannot be had, also in the middle, exceed a limit, or are of another
            kind than text.

    """
    refuse_no_file(path)
    with _faults_named(path.name), path.open("rb") as file:
        size = path.stat().st_size
        with expanded(path.name, file, size, line=line, total=total) as stream:
            yield stream


@contextmanager
def expanded(
    name: str, file: io.BufferedIOBase, size: int, *, line: int | None = None, total: int | None = None
) -> Iterator[io.BufferedReader]:
    """As `open_input`, of an open file of this name and size."""
    opener = _OPENERS.get(compression(name))
    allowed = _limits.expansion(size) if opener else None
    with _faults_named(name):
        source = file if opener is None else opener(file)
        limits = [limit for limit in (allowed, total) if limit is not None]
        stream: io.BufferedReader = io.BufferedReader(
            _Bounded(source, min(limits, default=None), line), 1 << 16
        )
        head = stream.peek(_HEAD)[:_HEAD]
        refuse_foreign(head)
        if head.startswith(_UTF8):
            stream.read(len(_UTF8))
        elif head.startswith(_UTF16):
            stream = io.BufferedReader(_Recoded(stream))
        yield stream


def read_whole(path: Path) -> bytes:
    """Return the bytes of a file that holds one record.

    Raises:
        InputFaultError: as `open_input`, and if it is larger than a record may be.

    """
    with open_input(path, total=_limits.LARGEST_RECORD) as stream:
        return stream.read()


def expand(name: str, content: bytes) -> bytes:
    """Return the bytes of a member of an archive, which may be compressed itself.

    Raises:
        InputFaultError: as `read_whole`.

    """
    with expanded(name, io.BytesIO(content), len(content), total=_limits.LARGEST_RECORD) as stream:
        return stream.read()


def to_text(content: bytes) -> str:
    r"""Decode bytes, with `\n` at the ends of lines; what is not UTF-8 counts as Latin-1.

    Numbers, elements and keywords are ASCII in every format read here, so a stray byte spoils no more than
    the name it stands in.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def refuse_foreign(head: bytes) -> None:
    """Refuse a file whose first bytes show that it is of another kind.

    Raises:
        InputFaultError: if they do, saying which.

    """
    refuse_stand_in(head)
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            raise InputFaultError(f"is {what}")


def refuse_stand_in_file(path: Path) -> None:
    """Refuse a file of any kind that is none, as `refuse_stand_in` does, before its own reader opens it.

    Raises:
        InputFaultError: if its first bytes show it, or it cannot be opened.

    """
    refuse_no_file(path)
    with _faults_named(path.name), path.open("rb") as file:
        refuse_stand_in(file.read(_HEAD))


def refuse_stand_in(head: bytes) -> None:
    """Refuse what stands where a file of any kind should be: a Git LFS pointer, a server's page.

    Raises:
        InputFaultError: if the first bytes show it, saying what to do.

    """
    if head.startswith(_POINTER):
        raise InputFaultError("is a Git LFS pointer instead of the file; run `git lfs pull`")
    if head.lstrip(_UTF8 + b" \t\r\n").lower().startswith(_PAGES):
        raise InputFaultError("is a web page or a server's message instead of the file; download it again")


@contextmanager
def _faults_named(name: str) -> Iterator[None]:
    kind = {".bz2": "bzip2", ".xz": "xz"}.get(compression(name), "gzip")
    try:
        yield
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        why = brief(error)
        raise IncompleteError(f"is no complete {kind} file ({why}); fetch or copy it again") from error
    except UnicodeError as error:
        raise InputFaultError(
            f"is not UTF-8 text ({brief(error)}); convert it, or unpack it first"
        ) from error
    except OSError as error:
        raise InputFaultError(
            f"cannot be read ({brief(error)}); check the file and its permissions"
        ) from error


def _gunzip(file: io.BufferedIOBase) -> io.BufferedIOBase:
    return gzip.GzipFile(fileobj=file)


_OPENERS: dict[str, Callable[..., io.BufferedIOBase]] = {
    ".gz": _gunzip,
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
}


class _Bounded(io.RawIOBase):
    """Bytes that refuse to be more, or to have longer lines, than they may."""

    def __init__(self, source: io.BufferedIOBase, total: int | None, line: int | None) -> None:
        self._source, self._total, self._line = source, total, line
        self._count = self._since = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override]  # narrower than Buffer
        chunk = self._source.read(len(buffer))
        buffer[: len(chunk)] = chunk
        self._count += len(chunk)
        if self._total is not None and self._count > self._total:
            raise InputFaultError(f"holds more than {self._total} bytes; split it")
        if self._line is not None:
            end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
            self._since = len(chunk) - 1 - end if end >= 0 else self._since + len(chunk)
            if self._since > self._line:
                raise InputFaultError(f"has a line of more than {self._line} bytes; break it")
        return len(chunk)


class _Recoded(io.RawIOBase):
    """UTF-16 with its byte order mark, as UTF-8."""

    def __init__(self, source: io.BufferedReader) -> None:
        self._text = io.TextIOWrapper(source, encoding="utf-16")
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override]  # narrower than Buffer
        if not self._rest:
            self._rest = self._text.read(4096).encode("utf-8", "replace")
        chunk, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(chunk)] = chunk
        return len(chunk)
