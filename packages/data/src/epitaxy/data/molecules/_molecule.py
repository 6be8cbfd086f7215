"""One molecule as two arrays: the form between files and the ragged dataset."""

import math
import re
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from ase.data import chemical_symbols
from jaxtyping import Float, Int

from epitaxy.data.errors import UnusableRecordError

MAX_ATOMS = 512
"""The largest molecule read unless a caller says otherwise, in atoms."""

OVERLAP = 0.01
"""Angstrom: two atoms closer than this are taken for one atom written twice."""

ELEMENTS = 118
"""The last element's atomic number."""

NUMBERS = {s: z for z, s in enumerate(chemical_symbols[: ELEMENTS + 1]) if z > 0} | {"D": 1, "T": 1}
"""Atomic numbers by symbol, deuterium and tritium as hydrogen."""

_COPY = re.compile(r"~\d+$")


class Molecule(NamedTuple):
    """A molecule in space.

    Attributes:
        numbers: atomic numbers.
        positions: Cartesian, angstrom.

    """

    numbers: Int[np.ndarray, " atoms"]
    positions: Float[np.ndarray, "atoms 3"]


@dataclass(frozen=True, slots=True)
class RawMolecule:
    """One molecule of a file, and its numbers (NaN = missing)."""

    id: str
    source: str
    molecule: Molecule
    properties: dict[str, float] = field(default_factory=dict)


def number_of(symbol: str) -> int:
    """Return an element's atomic number, by its symbol in any case, or by the number itself.

    Raises:
        UnusableRecordError: if it is no element.

    """
    number = NUMBERS.get(symbol) or NUMBERS.get(symbol.capitalize())
    if number is None and symbol.isdecimal() and 1 <= int(symbol) <= ELEMENTS:
        number = int(symbol)
    if number is None:
        raise UnusableRecordError(f"unknown element {symbol!r}; correct the symbol or drop the record")
    return number


def prepared(molecule: Molecule, *, hydrogens: bool, max_atoms: int) -> Molecule:
    """Check a molecule, then leave out its hydrogens if they are not wanted.

    Raises:
        UnusableRecordError: no atoms, none but unwanted hydrogens, an atomic number that is no element's,
            numbers that are not finite, more than `max_atoms` atoms in the end, or two atoms within `OVERLAP`
            of each other.

    """
    numbers, positions = molecule
    if len(numbers) == 0:
        raise UnusableRecordError("it has no atoms; drop the record")
    if ((numbers < 1) | (numbers > ELEMENTS)).any():
        wrong = int(numbers[(numbers < 1) | (numbers > ELEMENTS)][0])
        raise UnusableRecordError(
            f"an atom has the number {wrong}, no element's (1 to {ELEMENTS}); correct or drop the record"
        )
    if not np.isfinite(positions).all():
        raise UnusableRecordError("a coordinate is not a finite number; correct or drop the record")
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
    _refuse_overlap(positions)
    return Molecule(numbers, positions)


def _refuse_overlap(positions: Float[np.ndarray, "atoms 3"]) -> None:
    squared = np.square(positions[:, None, :] - positions[None, :, :]).sum(axis=-1)
    np.fill_diagonal(squared, np.inf)
    place = int(squared.argmin())
    if squared.flat[place] < OVERLAP**2:
        i, j = sorted(divmod(place, len(positions)))
        raise UnusableRecordError(
            f"two atoms on one spot: atoms {i} and {j} (counted from 0) are "
            f"{math.sqrt(squared.flat[place]):.4f} Å apart, closer than {OVERLAP} Å; remove one of them"
        )


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
