"""One molecule as two arrays: the form between files and the ragged dataset."""

import math
import re
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from epitaxy.data._limits import LARGEST_COORDINATE
from epitaxy.data.errors import UnusableRecordError
from epitaxy.data.molecules._words import ELEMENTS, NUMBERS, number_of

__all__ = [
    "ELEMENTS",
    "LEAST_DISTANCE",
    "MAX_ATOMS",
    "NUMBERS",
    "OVERLAP",
    "Molecule",
    "RawMolecule",
    "distinct",
    "number_of",
    "prepared",
    "split_key",
]

MAX_ATOMS = 512
"""The largest molecule read unless a caller says otherwise, in atoms."""

OVERLAP = 0.01
"""Angstrom: two atoms closer than this are taken for one atom written twice."""

LEAST_DISTANCE = 0.5
"""Angstrom: no two atoms of a molecule are closer; hydrogen's two are 0.74 apart."""

_FEW = 512  # atoms up to which all pairs are looked at; beyond, a tree takes less memory
_COPY = re.compile(r"~\d+$")


@dataclass(frozen=True, slots=True, eq=False)
class Molecule:
    """A molecule in space.

    Attributes:
        numbers: atomic numbers, whole, 1 to 118.
        positions: Cartesian, angstrom, finite and at most `LARGEST_COORDINATE` from 0.

    Raises:
        UnusableRecordError: if the arrays do not go together, or a value is outside these bounds.

    """

    numbers: Int[np.ndarray, " atoms"]
    positions: Float[np.ndarray, "atoms 3"]

    def __post_init__(self) -> None:
        numbers, positions = self.numbers, self.positions
        if numbers.ndim != 1 or positions.shape != (len(numbers), 3):
            raise UnusableRecordError(
                f"its atomic numbers have shape {numbers.shape} and its positions {positions.shape}, not "
                f"(n,) and (n, 3); correct or drop the record"
            )
        if numbers.dtype.kind not in "iu" or positions.dtype.kind != "f":
            raise UnusableRecordError(
                f"its atomic numbers are {numbers.dtype} and its positions {positions.dtype}, not whole and "
                f"real numbers; correct or drop the record"
            )
        outside = (numbers < 1) | (numbers > ELEMENTS)
        if outside.any():
            raise UnusableRecordError(
                f"an atom has the number {int(numbers[outside][0])}, no element's (1 to {ELEMENTS}); correct "
                f"or drop the record"
            )
        if not np.isfinite(positions).all():
            raise UnusableRecordError("a coordinate is not a finite number; correct or drop the record")
        if len(numbers) and np.abs(positions).max() > LARGEST_COORDINATE:
            raise UnusableRecordError(
                f"a coordinate of {np.abs(positions).max():.4g} Å is beyond {LARGEST_COORDINATE:,.0f} Å; "
                f"centre the molecule, or correct or drop the record"
            )


@dataclass(frozen=True, slots=True)
class RawMolecule:
    """One molecule of a file, and its numbers (NaN = missing)."""

    id: str
    source: str
    molecule: Molecule
    properties: dict[str, float] = field(default_factory=dict)


def prepared(
    molecule: Molecule, *, hydrogens: bool, max_atoms: int, least_distance: float = LEAST_DISTANCE
) -> Molecule:
    """Check a molecule, then leave out its hydrogens if they are not wanted.

    Raises:
        UnusableRecordError: no atoms, none but unwanted hydrogens, more than `max_atoms` atoms in the end, or
            two atoms within `least_distance` of each other.

    """
    numbers, positions = molecule.numbers, molecule.positions
    if len(numbers) == 0:
        raise UnusableRecordError("it has no atoms; drop the record")
    if not hydrogens:
        heavy = numbers != 1
        numbers, positions = numbers[heavy], positions[heavy]
        if len(numbers) == 0:
            raise UnusableRecordError("it has no atoms but hydrogen; drop the record or keep hydrogens")
    if len(numbers) > max_atoms:
        raise UnusableRecordError(
            f"it has {len(numbers)} atoms, more than the limit of {max_atoms}; drop the record, "
            f"or read it from Python with a larger max_atoms"
        )
    _refuse_overlap(positions, least_distance)
    return Molecule(numbers, positions)


def _refuse_overlap(positions: Float[np.ndarray, "atoms 3"], least: float) -> None:
    pair = _nearest(positions) if len(positions) <= _FEW else _nearest_by_tree(positions, least)
    if pair is None or pair[2] >= least:
        return
    (i, j), distance = sorted(pair[:2]), pair[2]
    what = "two atoms on one spot" if distance < OVERLAP else "two atoms nearer than any bond"
    raise UnusableRecordError(
        f"{what}: atoms {i} and {j} (counted from 0) are {distance:.4f} Å apart, closer than {least} Å; "
        f"remove one of them, or give positions in angstrom"
    )


def _nearest(positions: Float[np.ndarray, "atoms 3"]) -> tuple[int, int, float]:
    squared = np.square(positions[:, None, :] - positions[None, :, :]).sum(axis=-1)
    np.fill_diagonal(squared, np.inf)
    place = int(squared.argmin())
    return *divmod(place, len(positions)), math.sqrt(squared.flat[place])


def _nearest_by_tree(positions: Float[np.ndarray, "atoms 3"], least: float) -> tuple[int, int, float] | None:
    """Find the nearest pair, if it is within `least`."""
    found = KDTree(positions).query(positions, k=2, distance_upper_bound=least)
    distances, partners = np.asarray(found[0]), np.asarray(found[1])
    i = int(distances[:, 1].argmin())
    if not np.isfinite(distances[i, 1]):
        return None
    j = next(int(n) for n in partners[i] if n != i)
    return i, j, float(distances[i, 1])


def distinct(name: str, seen: dict[str, int]) -> str:
    """Return the name, or where `seen` has it the next of `name~2`, `name~3`, ...: another conformer's."""
    chosen, count = name, seen.get(name, 1)
    while chosen in seen:
        count += 1
        chosen = f"{name}~{count}"
    seen[name] = count
    seen.setdefault(chosen, 1)
    return chosen


def split_key(identity: str) -> str:
    """Return what decides the split of a molecule: its name without the number of the conformer.

    Conformers of one molecule are all in one split; else a model would be tested on what it was trained on.
    """
    return _COPY.sub("", identity)
