"""What became of one sample."""

from dataclasses import dataclass
from typing import Literal

from epitaxy.eval.stability.hull import AboveHull
from epitaxy.eval.stability.potential import Relaxed

Status = Literal["unreadable", "time", "error", "crash", "relaxed"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """A sample, relaxed and compared with the hull.

    Attributes:
        id: Its id.
        status: ``relaxed``, converged or not; ``unreadable``; or how its relaxation failed.
        relaxed: What its relaxation gave; None without one.
        above: Where it lies against the hull; with a reason where that cannot be told.
        unique: Whether it is the one of its kind among the samples that is shown; None if nobody said.
        novel: Whether the training set lacks it; None if nobody said.
        above_best: Energy (enthalpy) above the lowest of its composition among the samples, eV/atom.
        same_as: The id of the sample that is the same crystal, relaxed, and is shown in its place.
        copies: Ids of the samples that it is shown for beside itself.
        known: The id of a known phase that it is, relaxed; None if it is none, or nobody said.

    """

    id: str
    status: Status
    relaxed: Relaxed | None
    above: AboveHull
    unique: bool | None = None
    novel: bool | None = None
    above_best: float | None = None
    same_as: str | None = None
    copies: tuple[str, ...] = ()
    known: str | None = None

    @property
    def enthalpy(self) -> float | None:
        """Energy, under pressure enthalpy, in eV/atom; None if it was not relaxed."""
        return None if self.relaxed is None else self.relaxed.enthalpy

    @property
    def found(self) -> int:
        """How many samples relaxed to it."""
        return 1 + len(self.copies)

    @property
    def e_hull(self) -> float | None:
        """Energy above the hull, eV/atom; None if it could not be told."""
        return self.above.value

    def row(self) -> dict[str, str | float | int | bool | None]:
        """Give one line of the table, as plain JSON values; energies in eV/atom, displacement in angstrom."""
        held = self.relaxed
        return {
            "id": self.id,
            "formula": None if held is None else held.structure.composition.reduced_formula,
            "atoms": None if held is None else len(held.structure),
            "e_hull": self.above.value,
            "above_best": self.above_best,
            "energy": None if held is None else held.energy,
            "enthalpy": self.enthalpy,
            "found": self.found,
            "known": self.known,
            "rmsd": None if held is None else held.rmsd,
            "displacement": None if held is None else held.displacement,
            "spacegroup": None if held is None else held.spacegroup,
            "spacegroup_before": None if held is None else held.spacegroup_before,
            "converged": None if held is None else held.converged,
            "unique": self.unique,
            "novel": self.novel,
            "decomposition": " + ".join(f"{share:.3f} {name}" for name, share in self.above.decomposition),
            "reason": self.above.reason,
        }
