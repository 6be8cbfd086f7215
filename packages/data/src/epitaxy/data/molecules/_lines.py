"""Lines of text files whose length, encoding and size nobody vouches for."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from epitaxy.data import _limits
from epitaxy.data._limits import LONGEST_MOLECULE_LINE as LONGEST_LINE
from epitaxy.data.errors import DataError
from epitaxy.data.molecules._files import reading

TOO_LONG = "\x00 too long"
"""Stands for a line longer than `LONGEST_MOLECULE_LINE`, which is not kept."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def text_lines(path: Path) -> Iterator[str]:
    """Yield a file's lines, gzipped or not, with a line feed at the end of each that has any line end.

    UTF-8 with or without a mark; a line that is not UTF-8 is read as latin-1.

    Raises:
        DataError: if the file cannot be read, also in the middle, is UTF-16, or unpacks beyond
            `_limits.expansion`.

    """
    with reading(path) as file:
        if file.peek(2)[:2] in _UTF16:
            raise DataError(f"{path} is UTF-16 text; save it as UTF-8")
        size = path.stat().st_size if path.suffix.lower() == ".gz" else None
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape")
        total, inside = 0, False
        while line := text.readline(LONGEST_LINE):
            total += len(line)
            if size is not None and total > _limits.expansion(size):
                raise DataError(
                    f"{path} unpacks to over {_limits.MOST_EXPANSION} times its size; it is no list of "
                    f"molecules"
                )
            ends = line.endswith("\n")
            if not inside:
                yield _decoded(line) if ends or len(line) < LONGEST_LINE else TOO_LONG
            inside = not ends


def _decoded(line: str) -> str:
    if line.isascii():
        return line
    try:
        line.encode()
    except UnicodeEncodeError:
        return line.encode(errors="surrogateescape").decode("latin-1")
    return line


class Returnable(Iterator[str]):
    """Lines of which the last ones can be put back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._back: list[str] = []

    def __next__(self) -> str:
        return self._back.pop() if self._back else next(self._lines)

    def put_back(self, line: str) -> None:
        """Make this the next line."""
        self._back.append(line)

    def next_written(self) -> str | None:
        """Return the next line that is not blank; None at the end."""
        return next((line for line in self if line.strip()), None)
