"""What a potential answers, and what a relaxation gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Protocol, TypeGuard, runtime_checkable

import numpy as np
from jaxtyping import Float
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

GPA = 1 / 160.21766208
"""A gigapascal in eV per cubic angstrom."""


def pressure_energy(structure: Structure, pressure: float) -> float:
    """Compute pressure (GPa) times volume, eV/atom."""
    return pressure * GPA * float(structure.volume) / len(structure)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaxSettings:
    """When a relaxation ends.

    Attributes:
        fmax: Largest force on an atom, and largest gradient by the cell's logarithmic strain, over the number
            of atoms, at which it has converged, in eV/angstrom.
        max_steps: Steps after which it ends unconverged; 0 moves nothing.
        max_atoms: Atoms above which a structure is refused: one huge cell must not use up the memory.
        pressure: Of the surroundings, in GPa: what is lowered is then the enthalpy.
        keep_symmetry: Whether the operations that the structure has within 0.1 angstrom are kept, exactly.

    """

    fmax: float = 0.025
    max_steps: int = 500
    max_atoms: int = 500
    pressure: float = 0.0
    keep_symmetry: bool = False

    def __post_init__(self) -> None:
        """Refuse settings without meaning.

        Raises:
            ValueError: If one of them is not positive (``max_steps``: negative), or the pressure not finite.

        """
        if not isfinite(self.pressure):
            raise ValueError(f"the pressure must be a finite number of GPa, not {self.pressure}")
        if not (isfinite(self.fmax) and self.fmax > 0) or self.max_steps < 0 or self.max_atoms < 1:
            raise ValueError(
                f"fmax must be positive, max_steps 0 or more and max_atoms at least 1, not {self.fmax}, "
                f"{self.max_steps} and {self.max_atoms}"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Relaxed:
    """A structure at, or on the way to, a minimum of a potential; its atoms in the order given.

    Attributes:
        structure: The relaxed crystal.
        energy: Its energy, eV/atom.
        converged: Whether the forces fell below the threshold.
        steps: Steps taken.
        max_force: Largest force left on an atom, eV/angstrom.
        displacement: Root mean square distance the atoms went against the cell, common shift removed,
            in angstrom.
        rmsd: StructureMatcher's root mean square displacement to the input over (volume per atom)^(1/3), as
            match tables use it; None if relaxed and input do not match.
        spacegroup: International number of the relaxed crystal's space group; None if spglib finds none.
        seconds: Seconds of processor time.
        spacegroup_before: That of the structure as it was given.
        pressure: GPa under which it was relaxed.

    """

    structure: Structure
    energy: float
    converged: bool
    steps: int
    max_force: float
    displacement: float
    rmsd: float | None
    spacegroup: int | None
    seconds: float
    spacegroup_before: int | None = None
    pressure: float = 0.0

    @property
    def enthalpy(self) -> float:
        """Energy and pressure times volume, eV/atom: the energy where there is no pressure."""
        return self.energy + pressure_energy(self.structure, self.pressure)

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON values, from which :meth:`from_json` makes an equal object, bit for bit."""
        return {
            "lattice": self.structure.lattice.matrix.tolist(),
            "species": [site.species_string for site in self.structure],
            "coords": self.structure.frac_coords.tolist(),
            "energy": self.energy,
            "converged": self.converged,
            "steps": self.steps,
            "max_force": self.max_force,
            "displacement": self.displacement,
            "rmsd": self.rmsd,
            "spacegroup": self.spacegroup,
            "seconds": self.seconds,
            "spacegroup_before": self.spacegroup_before,
            "pressure": self.pressure,
        }

    @staticmethod
    def from_json(record: dict[str, Any]) -> "Relaxed":
        """Read what :meth:`to_json` wrote."""
        rest = {name: value for name, value in record.items() if name not in ("lattice", "species", "coords")}
        structure = Structure(Lattice(record["lattice"]), record["species"], record["coords"])
        return Relaxed(structure=structure, **rest)


@runtime_checkable
class Potential(Protocol):
    """Energies of crystals; picklable, if other processes are to use it."""

    @property
    def name(self) -> str:
        """What reports and caches call it: potentials of one name and version give one answer."""

    @property
    def version(self) -> str:
        """The versions of the code and the weights behind it."""

    def prepare(self) -> None:
        """Load what the first energy needs, so that this time counts against no structure."""

    def energy(self, structure: Structure) -> float:
        """Compute the energy of a crystal as it is, in eV/atom."""

    def relax(self, structure: Structure, settings: RelaxSettings) -> Relaxed:
        """Relax atoms and cell."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forces:
    """What a potential says of a crystal where its atoms are.

    Attributes:
        energy: Of all atoms, eV.
        forces: On each, eV/angstrom.
        stress: xx, yy, zz, yz, xz, xy, in eV per cubic angstrom; positive where the crystal would shrink.

    """

    energy: float
    forces: Float[np.ndarray, "atoms 3"]
    stress: Float[np.ndarray, " 6"]


class LostError(RuntimeError):
    """What computes is lost, and nothing more can be computed in this process: no crystal's fault."""


@runtime_checkable
class Batched(Protocol):
    """A potential that computes many crystals in one call, where that is quicker than one at a time."""

    @property
    def batched(self) -> bool:
        """Whether it is here."""

    def prepare_many(self) -> None:
        """Load what the first call needs, so that this time counts against no structure."""

    def check(self, structure: Structure) -> None:
        """Raise ValueError if it has no energy for an element."""

    def forces(self, crystals: Sequence[Any]) -> list[Forces]:
        """Compute ASE atoms, one answer each, in order.

        Raises:
            MemoryError: If fewer at once may do.
            LostError: If nothing more can be computed.

        """


def is_batched(potential: object) -> TypeGuard[Batched]:
    """Whether a potential computes many crystals at once here."""
    return isinstance(potential, Batched) and potential.batched


@runtime_checkable
class OfMethod(Protocol):
    """A potential that says which method its energies stand for."""

    @property
    def method(self) -> str | None:
        """One of :mod:`epitaxy.eval.stability.methods`, another name, or None where it is not known."""


def method_of(potential: Potential) -> str | None:
    """Return the method that a potential's energies stand for; None if it does not say."""
    return potential.method if isinstance(potential, OfMethod) else None
