"""Tables with a `cif` column."""

import csv
import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from epitaxy.data.errors import DataError

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MISSING = {"", "nan", "none", "null", "na", "n/a"}
_NO_PROPERTY = {"cif", "material_id", ""}
_LARGEST_CELL = 64 * 1024 * 1024

Row = dict[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Table:
    """What a first pass over a table finds: its number of rows, the column of ids, and the numeric columns.

    A column is numeric if each of its cells is a number or missing and one is a number; "InF" is a formula.
    """

    path: Path
    rows: int
    id_column: str | None
    numeric: tuple[str, ...]

    def records(self) -> Iterator[tuple[int, str, str | None, dict[str, float]]]:
        """Row number (from 1), id, CIF text (None where the row ends before it) and numbers of each row."""
        with open_rows(self.path) as rows:
            for number, row in enumerate(rows, start=1):
                name = (row.get(self.id_column) or "").strip() if self.id_column is not None else ""
                numbers = {column: to_number(row.get(column)) for column in self.numeric}
                yield number, name or f"row-{number}", row.get("cif"), numbers


def scan(path: Path) -> Table:
    """Read a table once to learn its shape.

    Raises:
        DataError: if it has no rows, no `cif` column, or cannot be read.

    """
    with open_rows(path) as reader:
        columns = list(reader.fieldnames or ())
        if not columns:
            raise DataError(f"{path} is empty; give a CSV file with a header and a `cif` column")
        if "cif" not in columns:
            raise DataError(
                f"{path} has no `cif` column, only {', '.join(c or '(unnamed)' for c in columns)}; "
                f"rename the column that holds the CIF text to `cif`"
            )
        candidates = {c for c in columns if c not in _NO_PROPERTY}
        numeric: set[str] = set()
        count = 0
        for row in reader:
            count += 1
            for column in tuple(candidates):
                cell = (row.get(column) or "").strip()
                if _NUMBER.fullmatch(cell):
                    numeric.add(column)
                elif cell.lower() not in _MISSING:
                    candidates.discard(column)
    if count == 0:
        raise DataError(f"{path} has a header but no rows; give at least one record")
    id_column = "material_id" if "material_id" in columns else columns[0] if columns[0] == "" else None
    return Table(path, count, id_column, tuple(c for c in columns if c in numeric & candidates))


def to_number(cell: str | None) -> float:
    """Return a cell's number, NaN where it is missing."""
    text = (cell or "").strip()
    return float(text) if _NUMBER.fullmatch(text) else float("nan")


@contextmanager
def open_rows(path: Path) -> Iterator["csv.DictReader[str]"]:
    """Iterate over a CSV file's rows, gzipped or not.

    Raises:
        DataError: if the file cannot be read, also in the middle.

    """
    csv.field_size_limit(max(csv.field_size_limit(), _LARGEST_CELL))
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield csv.DictReader(file)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path} is no complete gzip file ({error}); fetch or copy it again") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text ({error.reason}); convert it, or unpack it first"
        ) from error
    except (OSError, csv.Error) as error:
        raise DataError(f"{path} cannot be read ({error}); check the file and its permissions") from error
