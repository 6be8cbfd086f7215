"""Starting from a structure that is given: read, and noised as far as its strength says."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from ase import Atoms
from pymatgen.core import Structure

from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.requests.pins import Pins, restored
from epitaxy.data import Reject

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
        pins: which atoms are generated at all; None: all, and the cell.
    """

    structure: Structure | Atoms
    batch: Any = field(repr=False)
    strength: float
    pins: Pins | None = None

    def begins(self, steps: int) -> int:
        """Return the step that sampling begins with, of so many."""
        return round((1 - self.strength) * steps)

    def restored(self, made: Structure | Atoms) -> Structure | Atoms:
        """Return what was made, with all that is kept as it was given, to the bit."""
        return made if self.pins is None else restored(made, self.structure, self.pins)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOptions:
    """What a user says of the structure to begin from: all as typed, or from Python.

    Attributes:
        like: begin from this.
        strength: how far to go from it.
        fix: keep this but for some atoms.
        free: these, counted from 1.
        what: "positions", "elements" or "both".
    """

    like: Like = None
    strength: float | None = None
    fix: Like = None
    free: str | Sequence[int] | None = None
    what: str | None = None

    def read(self, make: Callable[..., "Start"], *, given: bool = False, **others: object) -> "Start | None":
        """Return the start, made by the function for a kind of structure; None if nothing is said.

        Args:
            make: of the structure or file, the strength and the pins.
            given: whether the model is given the composition.
            others: words that a structure answers already.

        Raises:
            UsageError: words that do not go together, or no file of one structure.
            DataError: a structure that cannot be used.
        """
        if self.like is not None and self.fix is not None:
            raise UsageError("--like and --fix exclude each other; --fix takes --strength too")
        if self.fix is None and (self.free is not None or self.what is not None):
            raise UsageError("--free says which atoms of the structure --fix are generated: name one")
        strength = self._strength(**others)
        if self.fix is not None:
            return make(self.fix, strength, Pins.parse(self.free, self.what, given=given))
        return None if self.like is None else make(self.like, strength, None)

    def _strength(self, **others: object) -> float:
        option = "--like" if self.fix is None else "--fix"
        if self.like is None and self.fix is None:
            if self.strength is not None:
                raise UsageError("--strength says how far to go from the structure --like: name one")
            return STRENGTH
        for name, word in others.items():
            if word is not None and word != []:
                raise UsageError(f"--{name.replace('_', '-')}: the structure {option} says it already")
        if self.strength is None:
            return STRENGTH if self.fix is None else 1.0
        return _checked(self.strength)


def _checked(chosen: float) -> float:
    if not 0.0 <= chosen <= 1.0:
        raise UsageError(f"--strength {chosen:g}: 0 leaves the structure as it is, 1 leaves nothing of it")
    return chosen


R = TypeVar("R")


def only_record(path: str | Path, read: Callable[[Path], Iterable[Any]], kind: type[R], noun: str) -> R:
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
