"""What is said of every file of a folder of odd files after public bug reports, as one table.

The files are no part of the repository: `EPITAXY_CASES` names their folder, else a `shared/cases` beside or
above the checkout is taken; without one the test is skipped. `python tests/contracts/test_cases.py` writes
the table anew; a change of it is a change of what users are told, so read the difference.
"""

import os
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from pymatgen.core.composition import Composition

from epitaxy.data import DataError, Record, Reject, read_structures
from epitaxy.data.molecules import read_molecules

TABLE = Path(__file__).with_name("cases.txt")
_MOLECULES = (".sdf", ".mol", ".npz", ".sdf.gz")
_BOTH = (".xyz", ".xyz.gz", ".extxyz", ".extxyz.gz")
_NO_CASE = ("expected.txt", "README.md")


def cases_folder() -> Path | None:
    """Return where the files lie."""
    named = os.environ.get("EPITAXY_CASES")
    places = [Path(named)] if named else [p / "shared" / "cases" for p in Path(__file__).resolve().parents]
    return next((place for place in places if place.is_dir()), None)


def lines_of(folder: Path) -> Iterator[str]:
    """Yield a line for each file, and for each folder within a report, and each reader that takes it."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        within_report = path.is_dir() and name.count("/") >= 2
        if path.name in _NO_CASE or not (path.is_file() or within_report):
            continue
        if not path.name.endswith(_MOLECULES):
            yield f"{name} | crystals | {said(lambda path=path: _crystals(path), folder)}"
        if path.name.endswith((*_MOLECULES, *_BOTH)):
            yield f"{name} | molecules | {said(lambda path=path: _molecules(path), folder)}"


def _crystals(path: Path) -> Iterator[str | Reject]:
    notes: list[str] = []
    for record in read_structures(path, max_atoms=10_000, notes=notes):
        yield record.structure.formula if isinstance(record, Record) else record
    yield from (Reject("", "", f"note: {note}") for note in notes)


def _molecules(path: Path) -> Iterator[str | Reject]:
    for record in read_molecules(path):
        if isinstance(record, Reject):
            yield record
        else:
            yield Composition(Counter(record.molecule.numbers.tolist())).formula


def said(read: Callable[[], Iterable[str | Reject]], folder: Path) -> str:
    """Return what a reader makes of a file: formulas of what is read, each reason of what is not."""
    formulas: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    failed = ""
    try:
        for found in read():
            if isinstance(found, Reject):
                reasons[found.reason] += 1
            else:
                formulas[found] += 1
    except DataError as error:
        failed = f"; REFUSED: {error}"
    read_ones = ", ".join(f"{formula} x{times}" for formula, times in list(formulas.items())[:8])
    more = f", and {len(formulas) - 8} formulas more" if len(formulas) > 8 else ""
    refused = "".join(
        f"; {reason}" if reason.startswith("note: ") else f"; refused {times}: {reason}"
        for reason, times in list(reasons.items())[:4]
    )
    others = f"; and {len(reasons) - 4} reasons more" if len(reasons) > 4 else ""
    line = (
        f"read {formulas.total()}" + (f": {read_ones}{more}" if formulas else "") + refused + others + failed
    )
    return line.replace(f"{folder}/", "")


def table(folder: Path) -> str:
    """Return the whole table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return "".join(f"{line}\n" for line in lines_of(folder))


def test_the_table_of_cases_is_what_the_readers_say():
    folder = cases_folder()
    if folder is None:
        pytest.skip("no folder of cases here: set EPITAXY_CASES")
    # In a process of its own: the tests' type hook would speak before the readers do.
    words = [sys.executable, __file__, "--print"]
    made = subprocess.run(words, capture_output=True, text=True, encoding="utf-8", check=True).stdout
    assert made.splitlines() == TABLE.read_text(encoding="utf-8").splitlines()


if __name__ == "__main__":
    where = cases_folder()
    if where is None:
        raise SystemExit("no folder of cases here: set EPITAXY_CASES")
    if "--print" in sys.argv:
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # it is a text file here
        sys.stdout.write(table(where))
    else:
        TABLE.write_text(table(where), encoding="utf-8")
