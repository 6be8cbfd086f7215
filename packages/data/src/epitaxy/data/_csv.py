"""Tables with a `cif` column."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from epitaxy.data import _limits
from epitaxy.data._records import RawRecord, RawSource, Reject
from epitaxy.data._rows import Row, mended, open_rows, separator
from epitaxy.data._words import id_name, maybe_number, printable
from epitaxy.data.errors import DataError

_MISSING = frozenset(
    ("", "nan", "none", "null", "na", "n/a", "#n/a", "<na>", "nat", "-", "--", "?", ".", "#null!", "missing")
)
_NAN = float("nan")
_WORD = 40  # characters: a longer cell is a CIF and is not copied to be compared
_PATIENCE = 100  # other cells after which a column without a single number is no longer looked at


@dataclass(slots=True)
class _Column:
    """What the cells of a column are: numbers, missing, or something else."""

    name: str
    place: int
    numbers: int = 0
    others: int = 0
    first: str = ""

    def see(self, block: list[Row], before: int) -> None:
        """Look at some rows, after so many others."""
        place, numbers = self.place, 0
        for row, (cells, *_) in enumerate(block, start=before + 1):
            text = cells[place].strip() if place < len(cells) else ""
            if maybe_number(text) is not None:
                numbers += 1
            elif text.lower() not in _MISSING:
                self.others += 1
                self.first = self.first or f"row {row}: {printable(text[:40])!r}"
        self.numbers += numbers

    @property
    def text(self) -> bool:
        return self.numbers == 0 and self.others > 0

    @property
    def numeric(self) -> bool:
        """Whether it is a property: more numbers than cells that are neither number nor missing."""
        return self.numbers > self.others

    def note(self) -> str | None:
        if self.text or not self.others:
            return None
        left = "these values are missing" if self.numeric else "the column is left out"
        return (
            f"column {self.name}: {self.others} of {self.others + self.numbers} cells are no finite numbers "
            f"({self.first}); {left}"
        )


@dataclass(frozen=True, slots=True)
class Table:
    """What a first pass over a table finds: its number of rows, the places of its columns, and its notes."""

    path: Path
    rows: int
    separator: str
    header: list[str]
    cif: int
    id: int | None
    numeric: dict[str, int]
    notes: list[str] = field(default_factory=list)

    def records(self) -> Iterator[RawRecord | Reject]:
        """Each row's id, CIF text and numbers."""
        with open_rows(self.path, self.separator) as rows:
            for number, row in enumerate(islice(rows, 1, None), start=1):
                yield self._record(number, row)

    def _record(self, number: int, row: Row) -> RawRecord | Reject:
        where, cells = f"{self.path}: row {number}", row.cells
        given = cells[self.id] if self.id is not None and self.id < len(cells) else ""
        name = mended(given).strip() or f"row-{number}"
        if row.open_end and self.id == len(cells) - 1:
            name = f"row-{number}"
        fault = row.fault or self._fault(row)
        if fault is not None:
            return Reject(name if len(name) <= _limits.LONGEST_NAME else f"row-{number}", where, fault)
        whole = cells[:-1] if row.open_end else cells
        numbers = {column: _to_number(whole, place) for column, place in self.numeric.items()}
        return RawRecord(name, where, mended(cells[self.cif]), numbers)

    def _fault(self, row: Row) -> str | None:
        cells = row.cells
        if len(cells) <= self.cif:
            return "the row ends before its `cif` column; restore the row"
        if len(cells) > len(self.header) and any(cell.strip() for cell in cells[len(self.header) :]):
            return (
                f"the row has {len(cells)} cells where the header has {len(self.header)}; correct its quotes"
            )
        if row.open_end and self.id == len(cells) - 1:
            return "the file ends within this row's id, without a line end; restore it, or end its last line"
        if len(cells[self.cif]) < _WORD and cells[self.cif].strip().lower() == "cif":
            return "the row is a header again: tables were joined; remove it"
        return None


def csv_source(path: Path) -> RawSource:
    """Return the records of a table."""
    table = scan(path)
    return RawSource(table.records(), table.rows, table.notes)


def scan(path: Path) -> Table:
    """Read a table once to learn its shape.

    Raises:
        DataError: if it has no rows, no `cif` column, two columns of one name, or cannot be read.

    """
    delimiter = "," if path.name.lower().endswith(".parquet") else separator(path)
    with open_rows(path, delimiter) as rows:
        first = next(rows, None)
        if first is None:
            raise DataError(f"{path} is empty; give a CSV file with a header and a `cif` column")
        header = [mended(cell).strip() for cell in first.cells]
        _check_header(path, header)
        cif = next(i for i, name in enumerate(header) if name.lower() == "cif")
        key = id_name(header)
        identity = header.index(key) if key is not None else 0 if header[0] == "" else None
        columns = [
            _Column(printable(name), place)
            for place, name in enumerate(header)
            if name and place not in (cif, identity)
        ]
        count, last = _tally(rows, columns)
    if count == 0:
        raise DataError(f"{path} has a header but no rows; give at least one record")
    numeric = {c.name: c.place for c in columns if c.numeric}
    notes = _notes(columns, identity is not None)
    cut = next((name for name, place in numeric.items() if place == len(last.cells) - 1), None)
    if last.open_end and cut is not None:
        notes.append(f"the file ends within {cut} of its last row, without a line end: this value is missing")
    return Table(path, count, delimiter, header, cif, identity, numeric, notes)


def _check_header(path: Path, header: list[str]) -> None:
    lower = [name.lower() for name in header]
    if any("\n" in name or maybe_number(name) is not None for name in header) or "data_" in lower[0]:
        raise DataError(
            f"{path} has no header line; add a first line that names the columns, such as material_id,cif"
        )
    if "cif" not in lower:
        names = ", ".join(printable(name[:40]) or "(unnamed)" for name in header[:20])
        raise DataError(
            f"{path} has no `cif` column, only {names}; rename the column that holds the CIF text to `cif`"
        )
    named = ["cif" if name.lower() == "cif" else name for name in header if name]
    (twice, times), *_ = Counter(named).most_common(1)
    if times > 1:
        raise DataError(f"{path} has {times} columns called {twice[:40]}; rename or remove the others")
    if len(header) > _limits.MOST_COLUMNS:
        raise DataError(f"{path} has more than {_limits.MOST_COLUMNS} columns; leave those that are needed")


def _tally(rows: Iterator[Row], columns: list[_Column]) -> tuple[int, Row]:
    """Look at every cell that may be a number, and return the number of rows and the last of them."""
    count, last = 0, Row([])
    while block := list(islice(rows, _PATIENCE)):
        for column in columns:
            if column.numbers or column.others < _PATIENCE:
                column.see(block, count)
        count, last = count + len(block), block[-1]
    return count, last


def _notes(columns: list[_Column], has_ids: bool) -> list[str]:
    notes = [note for note in (column.note() for column in columns) if note]
    texts = [column.name[:40] for column in columns if column.text]
    if texts:
        plural = "columns {} hold no numbers and are no properties"
        single = "column {} holds no numbers and is no property"
        notes.append((plural if len(texts) > 1 else single).format(", ".join(texts[:20])))
    if not has_ids:
        notes.append("no column is called material_id or id; records are called row-1, row-2 and so on")
    return notes


def _to_number(cells: list[str], place: int) -> float:
    found = maybe_number(cells[place].strip()) if place < len(cells) else None
    return _NAN if found is None else found
