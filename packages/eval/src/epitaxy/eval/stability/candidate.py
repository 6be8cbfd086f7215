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
        unique: Whether it is the first of its kind among the samples; None if nobody said.
        novel: Whether the training set lacks it; None if nobody said.

    """

    id: str
    status: Status
    relaxed: Relaxed | None
    above: AboveHull
    unique: bool | None = None
    novel: bool | None = None

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
            "energy": None if held is None else held.energy,
            "rmsd": None if held is None else held.rmsd,
            "displacement": None if held is None else held.displacement,
            "spacegroup": None if held is None else held.spacegroup,
            "converged": None if held is None else held.converged,
            "unique": self.unique,
            "novel": self.novel,
            "decomposition": " + ".join(f"{share:.3f} {name}" for name, share in self.above.decomposition),
            "reason": self.above.reason,
        }
