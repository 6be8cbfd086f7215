"""The rows of a table, whatever its separator, compression and encoding; a bad row does not end them."""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from epitaxy.data import _limits
from epitaxy.data._input import open_input, refuse_stand_in_file
from epitaxy.data._names import uncompressed
from epitaxy.data._records import InputFaultError, brief
from epitaxy.data._suffixes import TABLE_SUFFIXES
from epitaxy.data.errors import DataError

_SEPARATORS = (",", "\t", ";", "|")
_HEADER = 1024**2
_NAMED = re.compile(r"\"?sep=([,\t;|])\"?[,;\s]*", re.IGNORECASE)
"""The line before the header by which Excel is told what separates columns."""

_NAMED_BYTES = 64


class Row(NamedTuple):
    """A row's cells, what is wrong with it as a row, and whether its last cell may go on beyond the file."""

    cells: list[str]
    fault: str | None = None
    open_end: bool = False


def is_table(name: str) -> bool:
    """Whether a file's name says table."""
    return uncompressed(name).lower().endswith(TABLE_SUFFIXES)


def separator(path: Path) -> str:
    """Return what separates a table's columns: the character that makes a column `cif` of its first line.

    Raises:
        InputFaultError: if the file cannot be read or is no text.

    """
    with open_input(path, line=_limits.LONGEST_LINE) as stream:
        if b"\0" in stream.peek(4096)[:4096]:
            raise InputFaultError("is not UTF-8 text (it has zero bytes); convert it, or unpack it first")
        line = stream.readline(_HEADER).decode("utf-8", "replace")
    if (named := _NAMED.fullmatch(line)) is not None:
        return named[1]
    cells = {found: next(csv.reader([line], delimiter=found), []) for found in _SEPARATORS}
    return next((s for s in _SEPARATORS if "cif" in (cell.strip().lower() for cell in cells[s])), ",")


@contextmanager
def open_rows(path: Path, delimiter: str) -> Iterator[Iterator[Row]]:
    """Iterate over a table's rows that are not blank, its header among them.

    Bytes that are not UTF-8 come as surrogates; `mended` reads them as Latin-1.
    """
    if path.name.lower().endswith(".parquet"):
        refuse_stand_in_file(path)
        yield _parquet_rows(path)
        return
    csv.field_size_limit(max(csv.field_size_limit(), _limits.LARGEST_RECORD))
    with open_input(path, line=_limits.LONGEST_LINE) as stream:
        first = stream.peek(_NAMED_BYTES)[:_NAMED_BYTES].partition(b"\n")[0]
        if _NAMED.fullmatch(first.decode("latin-1")):
            stream.readline()
        ending = _Ending(stream)
        raw: Any = ending  # a stream as far as it is read
        text = io.TextIOWrapper(raw, encoding="utf-8", errors="surrogateescape", newline="")
        yield _csv_rows(csv.reader(text, delimiter=delimiter), ending)


def mended(text: str) -> str:
    r"""Return a cell with `\n` at the ends of lines; what is not UTF-8 counts as Latin-1."""
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            text = text.encode("utf-8", "surrogateescape").decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


class _Ending(io.BufferedIOBase):
    """Bytes on their way, watched for how they end; no buffer of their own, as the source has one."""

    def __init__(self, source: io.BufferedReader) -> None:
        self._source, self._quotes, self._last = source, 0, b"\n"

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1, /) -> bytes:
        chunk = self._source.read1(size)
        self._quotes += chunk.count(b'"')
        self._last = chunk[-1:] or self._last
        return chunk

    def fault(self, row: list[str], columns: int) -> str | None:
        """Say whether the file ends within its last row."""
        whole_line = self._last in b"\r\n"
        unclosed = self._quotes % 2 == 1 and (not whole_line or row[-1].endswith(("\n", "\r")))
        if unclosed or (len(row) < columns and not whole_line):
            return "the file ends within this row: it is cut short; restore it"
        return None

    def within_cell(self) -> bool:
        """Whether nothing says that the last cell is whole: neither a quote nor a line end."""
        return self._last not in b'\r\n"'


def _csv_rows(reader: "Iterator[list[str]]", ending: _Ending) -> Iterator[Row]:
    held: list[str] | None = None
    columns = 0
    ended = False
    while not ended:
        try:
            for cells in reader:
                if cells:
                    columns = columns or len(cells)
                    if held is not None:
                        yield Row(held)
                    held = cells
            ended = True
        except csv.Error as error:
            yield Row([], f"the row is no row of a table ({brief(error)}); restore it")
    if held is not None:
        yield Row(held, ending.fault(held, columns), ending.within_cell())


def _parquet_rows(path: Path) -> Iterator[Row]:
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise DataError(
            f"{path} is a parquet table: run `pip install pyarrow` to read it, or save it as CSV"
        ) from None
    with ParquetFile(path) as file:
        yield Row([str(name) for name in file.schema_arrow.names])
        for batch in file.iter_batches(batch_size=1024):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield Row(["" if cell is None else str(cell) for cell in row])
