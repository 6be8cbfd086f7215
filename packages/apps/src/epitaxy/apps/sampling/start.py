"""Starting from a structure that is given: read, and noised as far as its strength says."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from ase import Atoms
from pymatgen.core import Structure

from epitaxy.apps.errors import UsageError
from epitaxy.data import CrystalDataset, Record, Reject, read_structures
from epitaxy.data.molecules import MoleculeDataset, RawMolecule, read_molecules
from epitaxy.data.wyckoff import WyckoffDataset

STRENGTH = 0.3
"""How far a given structure is noised unless told otherwise."""

Like: TypeAlias = str | Path | Structure | Atoms | None
"""A file of one structure, or the structure; None: start from noise."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Start:
    """A structure to begin from.

    Attributes:
        structure: as it was given: what a strength of 0 returns.
        batch: the same as a model's training data have it, alone in its batch.
        strength: from 0, it is left as it is, to 1, nothing of it is left. The flows' noise at time 1 -
            strength, to the nearest step, is put on it, and sampling goes on from there.
    """

    structure: Structure | Atoms
    batch: Any = field(repr=False)
    strength: float

    def begins(self, steps: int) -> int:
        """Return the step that sampling begins with, of so many."""
        return round((1 - self.strength) * steps)


def check_strength(like: Like, strength: float | None, **others: object) -> float:
    """Return the strength; refuse what does not go with a given structure, or without one.

    Raises:
        UsageError: a strength outside 0 to 1, or one without a structure; words that the structure answers.
    """
    if like is None:
        if strength is not None:
            raise UsageError("--strength says how far to go from the structure --like: name one")
        return STRENGTH
    for name, word in others.items():
        if word is not None and word != []:
            raise UsageError(f"--{name.replace('_', '-')}: the structure --like says it already")
    chosen = STRENGTH if strength is None else strength
    if not 0.0 <= chosen <= 1.0:
        raise UsageError(f"--strength {chosen:g}: 0 leaves the structure as it is, 1 leaves nothing of it")
    return chosen


def crystal_start(like: str | Path | Structure | Atoms, strength: float) -> Start:
    """Return a crystal to start from, in its reduced cell.

    Raises:
        UsageError: no file of one crystal.
        DataError: a crystal that cannot be used.
    """
    structure = _crystal(like)
    batch = CrystalDataset.from_structures([structure]).batch([0])
    return Start(structure=structure, batch=batch, strength=strength)


def wyckoff_start(like: str | Path | Structure | Atoms, strength: float, symprec: float) -> Start:
    """Return a crystal to start from by its asymmetric unit.

    Raises:
        UsageError: no file of one crystal.
        DataError: a crystal that cannot be used.
    """
    structure = _crystal(like)
    batch = WyckoffDataset.from_structures([structure], symprec=symprec).batch([0])
    return Start(structure=structure, batch=batch, strength=strength)


def molecule_start(like: str | Path | Structure | Atoms, strength: float, *, hydrogens: bool) -> Start:
    """Return a molecule to start from, with or without its hydrogens.

    Raises:
        UsageError: no file of one molecule.
        DataError: a molecule that cannot be used.
    """
    if isinstance(like, Structure):
        raise UsageError("like: this model makes molecules; give ASE's Atoms or a file")
    if isinstance(like, Atoms):
        atoms = like
    else:
        raw = _only(like, read_molecules, RawMolecule, "molecule").molecule
        atoms = Atoms(numbers=raw.numbers, positions=raw.positions)
    data = MoleculeDataset.from_atoms([atoms], hydrogens=hydrogens)
    return Start(structure=atoms, batch=data.batch([0]), strength=strength)


def _crystal(like: str | Path | Structure | Atoms) -> Structure:
    if isinstance(like, Atoms):
        raise UsageError("like: this model makes crystals; give pymatgen's Structure or a file")
    if isinstance(like, Structure):
        return like
    return _only(like, read_structures, Record, "crystal").structure


R = TypeVar("R")


def _only(path: str | Path, read: Callable[[Path], Iterable[Any]], kind: type[R], noun: str) -> R:
    """Return the one record of a file.

    Raises:
        UsageError: there is no such file, or it holds another number of structures, or one of no use.
    """
    file = Path(path)
    if not file.exists():
        raise UsageError(f"--like {file}: there is no such file")
    found: list[Any] = list(read(file))
    if len(found) != 1:
        raise UsageError(f"--like {file}: it holds {len(found)} structures; give a file of one {noun}")
    if isinstance(found[0], Reject):
        raise UsageError(f"--like {file}: {found[0].reason}")
    assert isinstance(found[0], kind)
    return found[0]
