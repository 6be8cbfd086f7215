"""What readers yield, and the one boundary at which a record that cannot be read becomes a `Reject`."""

import logging
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymatgen.core.structure import Structure

from epitaxy.data._crystal import Crystal
from epitaxy.data._words import printable
from epitaxy.data.errors import DataError, UnusableRecordError

_LONGEST_REASON = 800
_log = logging.getLogger("epitaxy.data")


@dataclass(frozen=True, slots=True)
class PoscarText:
    """A POSCAR that is no file of its own."""

    text: str


@dataclass(frozen=True, slots=True)
class Described:
    """A CIF's text, and what the entries around it say that must be true of its crystal."""

    text: str
    beside: tuple[Mapping[str, Any], ...]


Payload = str | Path | PoscarText | Described | Crystal
"""What a record holds before it is parsed: a text, a file, or the crystal itself."""


@dataclass(frozen=True, slots=True)
class Record:
    """One crystal of a file, in the cell the file gives, and its numbers (NaN = missing)."""

    id: str
    structure: Structure
    properties: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reject:
    """One record that cannot be used: its id, where it stands (file and row), and why, with a remedy.

    `cause` is what Python raised and where, for whoever looks into the reader; empty where the reason says
    all.
    """

    id: str
    source: str
    reason: str
    cause: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record before it is parsed; `remark` is what parsing it left to be said."""

    id: str
    source: str
    payload: Payload
    properties: dict[str, float]
    remark: str = ""


@dataclass(frozen=True, slots=True)
class RawSource:
    """The records of one file or folder, and how many there are (None: not known beforehand).

    `notes` says what is not read besides the rejects: files, columns, values. It is complete once the records
    have been read to their end.
    """

    records: Iterator[RawRecord | Reject]
    total: int | None
    notes: list[str] = field(default_factory=list)


class Remarks:
    """What is said of records that are read all the same: of the first in words, of the others how many."""

    def __init__(self) -> None:
        self._first, self._count = "", 0

    def add(self, name: str, remark: str) -> None:
        """Take up what is said of one record; nothing if it is empty."""
        if remark:
            self._first = self._first or f"{name}: {remark}"
            self._count += 1

    @property
    def notes(self) -> list[str]:
        """One sentence, or none."""
        others = f" (so it is with {self._count} records)" if self._count > 1 else ""
        return [f"{self._first}{others}"] if self._count else []


class InputFaultError(Exception):
    """Why a file's bytes cannot be had: the rest of a sentence that begins with the file's name."""


class IncompleteError(InputFaultError):
    """A compressed file that is cut short or damaged."""


def brief(error: BaseException | str) -> str:
    """Return the last line of what an exception says, in at most 120 printable characters."""
    lines = str(error).strip().splitlines() or [type(error).__name__ if not isinstance(error, str) else ""]
    return printable(lines[-1][:120])


def rejected(name: str, source: str, error: Exception) -> Reject:
    """Turn whatever reading one record raised into a `Reject`; the cause is kept, and logged to debug."""
    _log.debug("%s: %s cannot be read", source, name, exc_info=error)
    return Reject(name, source, printable(_shortened(_reason(error))), printable(_cause(error)))


def _shortened(reason: str) -> str:
    """Return a reason of at most a few lines: what it repeats of a file may be of any length."""
    half = _LONGEST_REASON // 2
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[:half]} ... {reason[-half:]}"


def _reason(error: Exception) -> str:
    match error:
        case UnusableRecordError():
            return str(error)
        case InputFaultError():
            return f"the file {error}"
        case DataError():
            return str(error)
        case RecursionError():
            return "it is nested too deeply to be read; write it plainly"
        case MemoryError():
            return "it needs more memory than there is; give it in smaller records"
    return f"it cannot be read ({type(error).__name__}: {brief(error)}); restore it from its source"


def _cause(error: Exception) -> str:
    root: BaseException = error
    while root.__cause__ is not None:
        root = root.__cause__
    if isinstance(root, UnusableRecordError | InputFaultError | DataError):
        return ""
    place = traceback.extract_tb(root.__traceback__)[-1:]
    where = "".join(f" at {frame.filename}:{frame.lineno} in {frame.name}" for frame in place)
    return f"{type(root).__name__}: {brief(root)}{where}"


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """Turn whatever reading a file as a whole raises into a `DataError` that names it."""
    try:
        yield
    except DataError:
        raise
    except InputFaultError as error:
        raise DataError(f"{path} {error}") from error
    except RecursionError as error:
        raise DataError(f"{path} is nested too deeply to be read; write it plainly") from error
    except MemoryError as error:
        raise DataError(f"{path} needs more memory than there is; split it") from error
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({brief(error)}); check the file and its permissions"
        ) from error
    except Exception as error:
        raise DataError(
            f"{path} cannot be read ({type(error).__name__}: {brief(error)}); restore it from its source"
        ) from error
