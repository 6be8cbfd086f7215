"""EDM's splits of QM9, made from the published files."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from epitaxy.data._atomic import replacing
from epitaxy.data._records import brief
from epitaxy.data.errors import DataError
from epitaxy.data.molecules._molecule import RawMolecule
from epitaxy.data.molecules._words import whole
from epitaxy.data.molecules.records import read_molecules
from epitaxy.data.progress import Progress
from epitaxy.data.readers import Reject
from epitaxy.data.registry import Split

MOLECULES = 133_885
"""Molecules of QM9 (Ramakrishnan et al., Sci. Data 1, 140022 (2014)), numbered from 1."""

UNCHARACTERIZED = 3_054
"""Those of them whose geometry failed the consistency check: `uncharacterized.txt` lists their numbers."""

TRAIN = 100_000

_NUMBER = re.compile(r"(\d+)$")


def edm_split(characterized: Int64[np.ndarray, " molecules"]) -> Mapping[Split, Int64[np.ndarray, " part"]]:
    """Divide QM9's characterised molecules as EDM does (arXiv:2203.17003, by way of Cormorant).

    `numpy.random.seed(0)`, one permutation; the first 100,000 are for training, the last tenth (rounded down)
    for testing, the rest between them for validation.

    Args:
        characterized: their numbers, ascending.

    Returns:
        the numbers of each part, ascending.

    """
    count = len(characterized)
    test = count // 10
    order = np.random.RandomState(0).permutation(count)  # the generator that the split is defined by
    parts: dict[Split, np.ndarray] = {
        "train": order[:TRAIN],
        "val": order[TRAIN : count - test],
        "test": order[count - test :],
    }
    return {name: np.sort(characterized[part]) for name, part in parts.items()}


def write_edm_splits(
    source: str | Path,
    uncharacterized: str | Path,
    folder: str | Path,
    *,
    progress: Progress | None = None,
) -> dict[Split, int]:
    """Make train.npz, val.npz and test.npz of QM9's published files, where `MoleculeDataset` finds them.

    Name the folder `qm9` and its parent by `root` or EPITAXY_DATA. Properties are those of the source: the
    XYZ files have fifteen, `gdb9.sdf` has none.

    Args:
        source: `gdb9.sdf`, or the folder of `dsgdb9nsd_000001.xyz` and its like.
        uncharacterized: the file `uncharacterized.txt` beside them.
        folder: the folder to fill.
        progress: called as records are read.

    Returns:
        the number of molecules in each part.

    Raises:
        DataError: if a molecule is missing or broken, or the list is not the published one.

    """
    excluded = _read_excluded(Path(uncharacterized))
    wanted = np.setdiff1d(np.arange(1, MOLECULES + 1), excluded)
    found: dict[int, RawMolecule] = {}
    for done, record in enumerate(read_molecules(source), start=1):
        if progress is not None:
            progress(done, MOLECULES)
        if isinstance(record, Reject):
            raise DataError(f"{record.source}: {record.reason}; the splits need every molecule")
        if (number := _NUMBER.search(record.id)) is not None:
            found[whole(number[1]) or 0] = record
    missing = [number for number in wanted.tolist() if number not in found]
    if missing:
        raise DataError(
            f"{len(missing)} of QM9's {len(wanted)} characterised molecules are not in {source}, the first "
            f"of them number {missing[0]}; give all of gdb9.sdf or of dsgdb9nsd.xyz"
        )
    parts = edm_split(wanted)
    for name, numbers in parts.items():
        _write(Path(folder) / f"{name}.npz", numbers, [found[number] for number in numbers.tolist()])
    return {name: len(numbers) for name, numbers in parts.items()}


def _read_excluded(path: Path) -> Int64[np.ndarray, " excluded"]:
    """Return the numbers at the beginnings of the list's lines."""
    try:
        words = [line.split()[0] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} cannot be read ({brief(error)}); check the file and its permissions"
        ) from error
    numbers = np.unique(
        np.array([n for word in words if (n := whole(word)) is not None and n <= MOLECULES], dtype=np.int64)
    )
    if len(numbers) != UNCHARACTERIZED:
        raise DataError(
            f"{path} lists {len(numbers)} molecules, not the published {UNCHARACTERIZED}; fetch it again"
        )
    return numbers


def _write(path: Path, numbers: Int64[np.ndarray, " part"], molecules: list[RawMolecule]) -> None:
    names = dict.fromkeys(name for record in molecules for name in record.properties)
    columns = {
        name: np.array([record.properties.get(name, np.nan) for record in molecules]) for name in names
    }
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez_compressed(
            file,
            allow_pickle=False,
            index=numbers,
            num_atoms=np.array([len(record.molecule.numbers) for record in molecules]),
            charges=np.concatenate([record.molecule.numbers for record in molecules]).astype(np.uint8),
            positions=np.concatenate([r.molecule.positions for r in molecules]).astype(np.float32),
            **columns,
        )
