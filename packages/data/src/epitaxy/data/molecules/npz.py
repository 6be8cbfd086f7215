"""QM9 as EDM keeps it: one `.npz` a split, atoms side by side or padded.

Nothing is rounded: an array of counts, numbers or indices that is not whole is refused, where it stands.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from epitaxy.data.errors import DataError, UnusableRecordError
from epitaxy.data.molecules._arrays import read_arrays
from epitaxy.data.molecules._boundary import record_boundary
from epitaxy.data.molecules._molecule import Molecule, RawMolecule
from epitaxy.data.readers import Reject

_NEEDED = ("num_atoms", "charges", "positions")


def npz_molecules(path: Path) -> tuple[Iterator[RawMolecule | Reject], int]:
    """Return the molecules of a file with `num_atoms`, `charges` and `positions`, and how many there are.

    `charges` are atomic numbers, of shape (atoms,), or (molecules, most) padded; positions accordingly. Ids
    are `gdb_<index>`, or `row-<number>` where there is no `index`. Every other array of floating numbers with
    one value a molecule is a property.

    Raises:
        DataError: if the file is no such file, or does not say where its molecules begin.

    """
    arrays = read_arrays(path)
    missing = [name for name in _NEEDED if name not in arrays]
    if missing:
        raise DataError(
            f"{path} has no {', '.join(missing)}, only {', '.join(arrays) or 'nothing'}; give QM9 as EDM does"
        )
    counts = arrays["num_atoms"]
    if counts.ndim != 1:
        raise DataError(f"{path}: num_atoms has shape {counts.shape}, not (molecules,); give QM9 as EDM does")
    if len(counts) == 0:
        raise DataError(f"{path} is empty; give at least one molecule")
    for name in (*_NEEDED, *(["index"] if "index" in arrays else [])):
        if arrays[name].dtype.kind not in "iuf":
            raise DataError(f"{path}: {name} holds {arrays[name].dtype}, no numbers; give QM9 as EDM does")
    index = arrays.get("index")
    if index is not None and index.shape != counts.shape:
        raise DataError(f"{path}: index has shape {index.shape}, not {counts.shape}; give one a molecule")
    divide = _padded if _is_padded(arrays) else _side_by_side
    return _molecules(path, index, divide(path, arrays), _properties(arrays)), len(counts)


_Part = tuple[np.ndarray, np.ndarray] | str
"""One molecule's numbers and positions, or why there are none."""


def _is_padded(arrays: Mapping[str, np.ndarray]) -> bool:
    return arrays["charges"].ndim == 2


def _padded(path: Path, arrays: Mapping[str, np.ndarray]) -> Iterator[_Part]:
    counts, numbers, positions = (arrays[name] for name in _NEEDED)
    if len(numbers) != len(counts) or positions.shape != (*numbers.shape, 3):
        raise _damaged(path, f"{len(counts)} molecules", arrays)
    return (_row(*row) for row in zip(counts[:, None], numbers, positions, strict=True))


def _row(count: np.ndarray, numbers: np.ndarray, positions: np.ndarray) -> _Part:
    if _not_whole(count).any() or not 0 <= count[0] <= len(numbers):
        return f"its number of atoms is {count[0]}, not 0 to {len(numbers)}; correct or drop the record"
    atoms = int(count[0])
    if atoms and numbers[atoms:].any():
        return f"its number of atoms is {atoms}, and charges stand beyond these; correct or drop the record"
    return numbers[:atoms], positions[:atoms]


def _side_by_side(path: Path, arrays: Mapping[str, np.ndarray]) -> Iterator[_Part]:
    counts, numbers, positions = (arrays[name] for name in _NEEDED)
    wrong = _not_whole(counts) | (counts < 0)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{path}: row {row + 1} of num_atoms is {counts[row]}, no number of atoms, and where the next "
            f"molecules begin is not known; correct it"
        )
    total = sum(counts.astype(np.uint64).tolist())  # python's integers do not overflow
    if numbers.shape != (total,) or positions.shape != (total, 3):
        raise _damaged(path, f"{total} atoms by num_atoms", arrays)
    ends = np.cumsum(counts.astype(np.int64))[:-1]
    return zip(np.split(numbers, ends), np.split(positions, ends), strict=True)


def _damaged(path: Path, what: str, arrays: Mapping[str, np.ndarray]) -> DataError:
    return DataError(
        f"{path} has {what}, but charges {arrays['charges'].shape} and positions "
        f"{arrays['positions'].shape}; it is damaged: fetch or copy it again"
    )


def _not_whole(values: np.ndarray) -> np.ndarray:
    """Where numbers are no integers that int64 holds; NaN and infinities are none."""
    if values.dtype.kind == "i":
        return np.zeros(values.shape, dtype=bool)
    bounded = np.abs(values.astype(np.float64)) < 2.0**63
    wrong: np.ndarray = ~bounded | (np.where(bounded, values, 0) % 1 != 0)
    return wrong


def _properties(arrays: Mapping[str, np.ndarray]) -> dict[str, list[float]]:
    """Return the columns that are properties; what is not finite is not known."""
    found = {}
    for name, values in arrays.items():
        taken = name not in (*_NEEDED, "index") and values.shape == arrays["num_atoms"].shape
        if taken and values.dtype.kind == "f":
            column = values.astype(np.float64)
            found[name] = np.where(np.isfinite(column), column, np.nan).tolist()
    return found


def _molecules(
    path: Path, index: np.ndarray | None, parts: Iterator[_Part], columns: Mapping[str, list[float]]
) -> Iterator[RawMolecule | Reject]:
    for row, part in enumerate(parts):
        name, where = f"row-{row + 1}", f"{path}: row {row + 1}"
        try:
            with record_boundary():
                if index is not None:
                    name = f"gdb_{_exactly(index[row : row + 1], 'index')[0]}"
                molecule = _molecule(part)
        except UnusableRecordError as error:
            yield Reject(name, where, str(error))
        else:
            yield RawMolecule(name, where, molecule, {name: values[row] for name, values in columns.items()})


def _molecule(part: _Part) -> Molecule:
    if isinstance(part, str):
        raise UnusableRecordError(part)
    numbers, positions = part
    return Molecule(_exactly(numbers, "atomic number"), positions.astype(np.float64))


def _exactly(values: np.ndarray, what: str) -> np.ndarray:
    """Return whole numbers as such."""
    wrong = _not_whole(values)
    if wrong.any():
        raise UnusableRecordError(f"{what} {values[wrong][0]} is no whole number; correct or drop the record")
    return values.astype(np.int64)
