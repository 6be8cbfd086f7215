"""The forms in which pandas writes a table as JSON, to names and rows."""

from collections.abc import Sequence
from typing import Any

from epitaxy.data._json_structures import Repeated
from epitaxy.data._records import InputFaultError

_COLUMNS = ("structure", "final_structure", "initial_structure", "atoms", "cif")


def numbered(values: list[Any]) -> list[tuple[str, Any]]:
    """Name what has no names."""
    return [(f"item-{number}", value) for number, value in enumerate(values, start=1)]


def counted(keys: Sequence[str]) -> bool:
    """Whether keys are a DataFrame's own, which count from 0."""
    return all(key == str(place) for place, key in enumerate(keys))


def split_frame(value: dict[str, Any]) -> list[tuple[str, Any]] | None:
    """Read a DataFrame's `split` form; its index counts from 0 unless it holds ids."""
    columns, rows = [str(c) for c in value["columns"]], value["data"]
    index = value.get("index")
    if len(set(columns)) != len(columns):
        raise InputFaultError("has two columns of one name; rename one of them")
    if isinstance(index, list) and len(index) != len(rows):
        raise InputFaultError(f"has an index of {len(index)} entries for {len(rows)} rows; restore it")
    if not isinstance(index, list) or index == list(range(len(rows))):
        index = [f"item-{number}" for number in range(1, len(rows) + 1)]
    return [(str(name), _row(columns, row)) for name, row in zip(index, rows, strict=True)]


def column_lists(value: dict[str, Any]) -> list[tuple[str, Any]] | None:
    """Read a dict of columns, each a list, one of them of structures; None for anything else."""
    if not any(name in value for name in _COLUMNS) or not all(isinstance(c, list) for c in value.values()):
        return None
    _refuse_twice(value)
    if len({len(column) for column in value.values()}) > 1:
        raise InputFaultError("has columns of different lengths; restore it")
    return numbered([_row(list(value), list(row)) for row in zip(*value.values(), strict=True)])


def _row(columns: list[str], row: Any) -> Any:
    if not isinstance(row, list) or len(row) != len(columns):
        return None
    return dict(zip(columns, row, strict=True))


def is_column_frame(value: dict[str, Any]) -> bool:
    """Whether every entry of a dict is a column: a dict by row, one of them of structures."""
    held = next((value[name] for name in _COLUMNS if name in value), None)
    return (
        isinstance(held, dict)
        and all(isinstance(column, dict) for column in value.values())
        and bool(held)
        and all(isinstance(entry, dict | str) for entry in held.values())
        and not any(key in held for key in ("lattice", "sites", "@class", "lattice_mat", "coords"))
    )


def column_frame(value: dict[str, Any]) -> list[tuple[str, Any]]:
    """Read a dict of columns, each a dict by row; rows that count from 0 have no names."""
    _refuse_twice(value, *value.values())
    rows = dict.fromkeys(row for column in value.values() for row in column)
    unnamed = counted(list(rows))
    return [
        (f"item-{number}" if unnamed else row, {name: column.get(row) for name, column in value.items()})
        for number, row in enumerate(rows, start=1)
    ]


def _refuse_twice(*parts: Any) -> None:
    """Refuse columns, or rows of one, that have one name: of these Python keeps the last."""
    if any(isinstance(part, Repeated) for part in parts):
        raise InputFaultError("has two columns or rows of one name; rename one of them")
