"""QM9 as EDM keeps it: one `.npz` a split, atoms side by side or padded."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from epitaxy.data.errors import DataError
from epitaxy.data.molecules._molecule import Molecule, RawMolecule

_NEEDED = ("num_atoms", "charges", "positions")


def npz_molecules(path: Path) -> tuple[Iterator[RawMolecule], int]:
    """Return the molecules of a file with `num_atoms`, `charges` and `positions`, and how many there are.

    `charges` are atomic numbers, of shape (atoms,), or (molecules, most) padded; positions accordingly. Ids
    are `gdb_<index>`, or `row-<number>` where there is no `index`. Every other real-valued array with one
    value a molecule is a property.

    Raises:
        DataError: if the file is no such file.

    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(f"{path} is no complete npz file ({error}); fetch or copy it again") from error
    missing = [name for name in _NEEDED if name not in arrays]
    if missing:
        raise DataError(
            f"{path} has no {', '.join(missing)}, only {', '.join(arrays) or 'nothing'}; give QM9 as EDM does"
        )
    counts = arrays["num_atoms"].astype(np.int64)
    if len(counts) == 0:
        raise DataError(f"{path} is empty; give at least one molecule")
    numbers, positions = (_flat(arrays[name], counts) for name in ("charges", "positions"))
    total = int(counts.sum())
    if numbers.shape != (total,) or positions.shape != (total, 3):
        raise DataError(
            f"{path} has {total} atoms by num_atoms, but charges {arrays['charges'].shape} and positions "
            f"{arrays['positions'].shape}; it is damaged: fetch or copy it again"
        )
    properties = {
        name: values.astype(np.float64)
        for name, values in arrays.items()
        if name not in _NEEDED and values.shape == counts.shape and values.dtype.kind == "f"
    }
    return _molecules(path, arrays.get("index"), counts, numbers, positions, properties), len(counts)


def _flat(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Leave out the padding, if there is any."""
    if values.shape[:1] != counts.shape or values.ndim < 2 or values.shape == (int(counts.sum()), 3):
        return values
    flat: np.ndarray = values[np.arange(values.shape[1]) < counts[:, None]]
    return flat


def _molecules(
    path: Path,
    index: np.ndarray | None,
    counts: np.ndarray,
    numbers: np.ndarray,
    positions: np.ndarray,
    properties: dict[str, np.ndarray],
) -> Iterator[RawMolecule]:
    ends = np.cumsum(counts).tolist()
    starts = [0, *ends[:-1]]
    columns = {name: values.tolist() for name, values in properties.items()}
    for row, (first, end) in enumerate(zip(starts, ends, strict=True)):
        yield RawMolecule(
            f"row-{row + 1}" if index is None else f"gdb_{int(index[row])}",
            f"{path}: row {row + 1}",
            Molecule(numbers[first:end].astype(np.int64), positions[first:end].astype(np.float64)),
            {name: values[row] for name, values in columns.items()},
        )
