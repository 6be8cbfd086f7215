"""Arrays of JSON files, none of them believed: their shapes, and whether two ways to say one thing agree."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from epitaxy.data._cells import lattice_matrix
from epitaxy.data.errors import UnusableRecordError

NOT_PERIODIC = "it is not periodic in three directions; write one that is"

_LENGTHS = 0.01  # part of a length, or of three for a volume, by which two statements of it may differ
_ANGLES = 0.5  # degrees by which two statements of an angle may differ
_PLACES = 0.05  # angstrom between two statements of a place


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """Return an object of the file.

    Raises:
        UnusableRecordError: if it is something else.

    """
    if not isinstance(value, dict):
        raise UnusableRecordError(f"its structure is incomplete: its {what} is {_shown(value)}; restore it")
    return value


def vectors(rows: Any, what: str) -> Float[np.ndarray, "rows 3"]:
    """Return lists of three numbers as an array; numpy alone takes six numbers for two positions.

    Raises:
        UnusableRecordError: if there are none, or one is something else.

    """
    rows = plain(rows)
    if not isinstance(rows, list):
        raise UnusableRecordError(f"a list of {what}s is missing; restore it")
    for number, row in enumerate(rows, start=1):
        if not (isinstance(row, list) and len(row) == 3 and all(type(x) in (int, float) for x in row)):
            raise UnusableRecordError(f"{what} {number} is {_shown(row)}, not three numbers; correct it")
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def cell(rows: Any) -> Float[np.ndarray, "3 3"]:
    """Return three lattice vectors.

    Raises:
        UnusableRecordError: if these are not three of three numbers.

    """
    matrix = vectors(rows, "lattice vector")
    if len(matrix) != 3:
        raise UnusableRecordError(f"its lattice has {len(matrix)} vectors; give three")
    return matrix


def cell_of(lengths: list[Any], angles: list[Any]) -> Float[np.ndarray, "3 3"]:
    """Return the lattice of three lengths and three angles in degrees.

    Raises:
        UnusableRecordError: if one is no number, or none that a cell has.

    """
    if None in (*lengths, *angles):
        raise UnusableRecordError(
            "its structure is incomplete: its lattice lacks a matrix, lengths or angles; restore it"
        )
    values = [math.nan if isinstance(x, bool) else float(x) for x in (*lengths, *angles)]
    if not all(length > 0.0 for length in values[:3]):
        raise UnusableRecordError(f"its lattice has the lengths {_shown(lengths)}; correct them")
    if not all(0.0 < angle < 180.0 for angle in values[3:]):
        raise UnusableRecordError("an angle of its lattice is not between 0 and 180 degrees; correct it")
    a, b, c, *radians = (*values[:3], *map(math.radians, values[3:]))
    return lattice_matrix(a, b, c, *radians)


def refuse_aperiodic(value: Any) -> None:
    """Refuse whatever is not periodic in all directions, said as one truth value or three.

    Raises:
        UnusableRecordError: if it is not, or says neither.

    """
    flags = plain(value)
    flags = flags if isinstance(flags, list) else [flags] * 3
    if len(flags) != 3 or not all(flag in (0, 1) and isinstance(flag, bool | int) for flag in flags):
        raise UnusableRecordError(f"its pbc is {_shown(value)}; write [true, true, true]")
    if not all(flags):
        raise UnusableRecordError(NOT_PERIODIC)


def refuse_other_lengths(matrix: Float[np.ndarray, "3 3"], lengths: list[Any], volume: Any = None) -> None:
    """Refuse a cell whose lengths or volume, where these are numbers, are not those of its vectors.

    Raises:
        UnusableRecordError: if they are not.

    """
    found = [*np.linalg.norm(matrix, axis=1).tolist(), abs(float(np.linalg.det(matrix)))]
    parts = (_LENGTHS, _LENGTHS, _LENGTHS, 3 * _LENGTHS)
    for name, stated, value, part in zip("abcV", (*lengths, volume), found, parts, strict=False):
        if type(stated) in (int, float) and abs(stated - value) > part * value:
            what = "volume" if name == "V" else f"length {name}"
            raise UnusableRecordError(
                f"its lattice has a {what} of {stated:g} and vectors that give {value:.5g}; correct either"
            )


def refuse_other_angles(matrix: Float[np.ndarray, "3 3"], angles: list[Any]) -> None:
    """Refuse a cell whose angles in degrees, where these are numbers, are not those of its vectors.

    Raises:
        UnusableRecordError: if they are not.

    """
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not lengths.all():
        return  # it has zero volume, which is said elsewhere
    unit = matrix / lengths
    found = np.degrees(np.arccos(np.clip([unit[1] @ unit[2], unit[0] @ unit[2], unit[0] @ unit[1]], -1, 1)))
    for name, stated, value in zip(("alpha", "beta", "gamma"), angles, found.tolist(), strict=False):
        if type(stated) in (int, float) and abs(stated - value) > _ANGLES:
            raise UnusableRecordError(
                f"its lattice has {name} = {stated:g} and vectors that give {value:.5g}; correct either"
            )


def refuse_other_places(
    matrix: Float[np.ndarray, "3 3"], positions: Float[np.ndarray, "atoms 3"], places: list[Any]
) -> None:
    """Refuse positions whose Cartesian twins, where there are any, are somewhere else.

    Raises:
        UnusableRecordError: naming the first.

    """
    for number, (place, found) in enumerate(zip(places, positions @ matrix, strict=True), start=1):
        stated = found if place is None else vectors([place], "place")[0]
        if np.abs(stated - found).max() > _PLACES + 1e-3 * np.abs(found).max():
            raise UnusableRecordError(
                f"its site {number} has abc and xyz that are two places; correct or leave out one of them"
            )


def plain(value: Any) -> Any:
    """Return lists where ASE writes arrays: `{"__ndarray__": [shape, dtype, numbers]}`, or a cell of these.

    Raises:
        UnusableRecordError: if there are more or fewer numbers than its shape says.

    """
    if isinstance(value, dict) and "array" in value:
        value = value["array"]
    if not (isinstance(value, dict) and "__ndarray__" in value):
        return value
    shape, _, flat = value["__ndarray__"]
    if not all(type(n) is int and n >= 0 for n in shape) or math.prod(shape) != len(flat):
        raise UnusableRecordError(f"an array of shape {_shown(shape)} has {len(flat)} numbers; restore it")
    for size in reversed(shape[1:]):
        flat = [flat[i : i + size] for i in range(0, len(flat), size)] if size else []
    return flat


def _shown(value: Any) -> str:
    return str(value)[:60]
