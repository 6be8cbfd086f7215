"""Energies and relaxations, by any ASE calculator or step by step."""

import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.lattice import Lattice
from pymatgen.core.periodic_table import DummySpecies, Element
from pymatgen.core.structure import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from epitaxy.eval.csp.pair import rms_displacement
from epitaxy.eval.stability.bonds import impossible_bond
from epitaxy.eval.stability.course import Clock, Course, followed
from epitaxy.eval.stability.descent import SYMPREC, GoneError, descending
from epitaxy.eval.stability.potential import Relaxed, RelaxSettings

if TYPE_CHECKING:
    from ase import Atoms


def energy_with(calculator: Any, structure: Structure) -> float:
    """Compute the energy per atom, eV, by an ASE calculator. Raises as :func:`energy_course` does."""
    return followed(energy_course(structure), calculator)


def relax_with(calculator: Any, structure: Structure, settings: RelaxSettings) -> Relaxed:
    """Relax atoms and cell by an ASE calculator. Raises as :func:`relax_course` does."""
    return followed(relax_course(structure, settings, time.process_time), calculator)


def energy_course(structure: Structure) -> Course[float]:
    """Compute the energy per atom, eV, of a crystal as it is.

    Raises:
        ValueError: If the crystal is disordered or has dummy atoms, or the energy is not finite.

    """
    atoms: Any = to_atoms(structure)  # most of ASE has no types
    yield atoms
    return _finite(atoms.get_potential_energy() / len(atoms))


def relax_course(structure: Structure, settings: RelaxSettings, clock: Clock) -> Course[Relaxed]:
    """Relax atoms and cell (:mod:`epitaxy.eval.stability.descent`).

    Raises:
        ValueError: If the crystal is disordered, has dummy atoms or too many, flies apart or collapses,
            falls into a hole of the potential (:mod:`epitaxy.eval.stability.bonds`), or energy or forces are
            not finite.

    """
    if len(structure) > settings.max_atoms:
        raise ValueError(f"{len(structure)} atoms in the cell, and max_atoms is {settings.max_atoms}")
    started = clock()
    atoms: Any = to_atoms(structure)  # most of ASE has no types
    converged, steps = yield from descending(atoms, settings)
    energy = _finite(atoms.get_potential_energy() / len(atoms))
    forces: Float[np.ndarray, "atoms 3"] = atoms.get_forces()
    relaxed = to_structure(atoms)
    if (bond := impossible_bond(relaxed)) is not None:
        raise GoneError(f"it falls into a hole of the potential: {bond}")
    return Relaxed(
        structure=relaxed,
        energy=energy,
        converged=converged,
        steps=steps,
        max_force=float(np.linalg.norm(forces, axis=1).max()),
        displacement=_displacement(to_atoms(structure), atoms),
        rmsd=rms_displacement(_matcher(), structure, relaxed),
        spacegroup=_spacegroup(relaxed),
        seconds=clock() - started,
        spacegroup_before=_spacegroup(structure),
        pressure=settings.pressure,
    )


def check_elements(structure: Structure, known: Collection[int], name: str) -> None:
    """Refuse elements that a potential lacks; dummy species are refused elsewhere.

    Args:
        structure: The crystal.
        known: Atomic numbers of the elements that the potential has.
        name: What the potential is called.

    Raises:
        ValueError: naming them.

    """
    held = {site for site in structure.composition.elements if not isinstance(site, DummySpecies)}
    lacking = sorted({int(e.Z) for e in held} - set(known))
    if lacking:
        symbols = ", ".join(Element.from_Z(number).symbol for number in lacking)
        raise ValueError(f"{name} has no {symbols}: it was not trained on such crystals")


def to_atoms(structure: Structure) -> "Atoms":
    """Make ASE atoms: numbers, positions and cell; oxidation states and site properties stay behind.

    The cell is right-handed: of a left-handed one all three vectors are turned round, which is the same
    lattice. Potentials divide by the triple product, so that a left-handed cell has a stress of the wrong
    sign (CHGNet does), and relaxing then climbs.

    Raises:
        ValueError: If a site is shared between species or holds none of the elements.

    """
    from ase import Atoms

    if not structure.is_ordered:
        raise ValueError("sites are shared between species: choose an ordered structure to relax")
    if any(isinstance(site.specie, DummySpecies) for site in structure):
        raise ValueError("a site holds a dummy species, which has no energy")
    numbers = [site.specie.Z for site in structure]
    cell = structure.lattice.matrix * (1 if np.linalg.det(structure.lattice.matrix) > 0 else -1)
    return Atoms(numbers=numbers, positions=structure.cart_coords, cell=cell, pbc=True)


def to_structure(atoms: "Atoms") -> Structure:
    """Make a pymatgen structure of ASE atoms, every atom inside the cell."""
    species = [Element.from_Z(number) for number in atoms.numbers.tolist()]
    return Structure(
        Lattice(atoms.cell.array), species, atoms.positions, coords_are_cartesian=True, to_unit_cell=True
    )


def _displacement(before: "Atoms", after: "Atoms") -> float:
    """Compare fractions, so that what the cell does to all atoms alike does not count; ASE wraps none."""
    cells: tuple[Float[np.ndarray, "3 3"], ...] = (before.cell.array, after.cell.array)
    moved = after.positions @ np.linalg.inv(cells[1]) - before.positions @ np.linalg.inv(cells[0])
    steps = (moved - moved.mean(axis=0)) @ (cells[0] + cells[1]) / 2
    return float(np.sqrt(np.square(steps).sum(axis=1).mean()))


def _matcher() -> StructureMatcher:
    """The tolerances of match tables; the cells as they are, since the atoms are the same."""
    return StructureMatcher(ltol=0.3, stol=0.5, angle_tol=10, primitive_cell=False)


def _spacegroup(structure: Structure) -> int | None:
    try:
        return int(SpacegroupAnalyzer(structure, symprec=SYMPREC).get_space_group_number())
    except Exception:  # spglib's refusals have many types; a crystal without a name is still relaxed
        return None


def _finite(energy: Any) -> float:
    if not np.isfinite(energy):
        raise ValueError("the potential gives no finite energy for it")
    return float(energy)
