"""One candidate before any force was computed, and where it comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from pymatgen.core import Lattice, Structure

Source = Literal["models", "prototypes", "random"]
KINDS: tuple[Source, ...] = ("prototypes", "models", "random")
"""In the order of their turns: what costs nothing to propose comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a candidate comes from.

    Attributes:
        kind: a model, a known structure type, or chance.
        by: the model's name, or the kind again.
        detail: what makes it again: the model's seed, the known crystal and what was replaced by what, or the
            space group and the seed.
    """

    kind: Source
    by: str
    detail: str

    def __str__(self) -> str:
        return f"{self.by} ({self.detail})"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Proposal:
    """A candidate, or the reason why what was proposed is none.

    Attributes:
        origin: where it comes from.
        structure: what came.
        fault: why there is none.
    """

    origin: Origin
    structure: Structure | None
    fault: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON values, from which :meth:`from_json` makes an equal object, bit for bit."""
        held = self.structure
        crystal = None if held is None else {
            "lattice": held.lattice.matrix.tolist(),
            "species": [site.specie.symbol for site in held],
            "coords": held.frac_coords.tolist(),
        }  # fmt: skip
        origin = {"kind": self.origin.kind, "by": self.origin.by, "detail": self.origin.detail}
        return {"origin": origin, "crystal": crystal, "fault": self.fault}

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> "Proposal":
        """Read what :meth:`to_json` wrote."""
        crystal = record["crystal"]
        structure = None
        if crystal is not None:
            structure = Structure(Lattice(crystal["lattice"]), crystal["species"], crystal["coords"])
        return Proposal(origin=Origin(**record["origin"]), structure=structure, fault=record["fault"])


@runtime_checkable
class Proposer(Protocol):
    """One source of candidates: a function from the number of a batch to the batch, whatever was before."""

    @property
    def kind(self) -> Source:
        """Which kind of source it is."""
        ...

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def batch(self, number: int) -> Sequence[Proposal] | None:
        """Return a batch, the same each time; None beyond the last."""
        ...
