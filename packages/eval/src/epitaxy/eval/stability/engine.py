"""Energies and relaxations by any ASE calculator."""

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.lattice import Lattice
from pymatgen.core.periodic_table import DummySpecies, Element
from pymatgen.core.structure import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from epitaxy.eval.csp.pair import rms_displacement
from epitaxy.eval.stability.potential import Relaxed, RelaxSettings

if TYPE_CHECKING:
    from ase import Atoms

SYMPREC = 0.1
"""Angstrom within which sites count as equivalent when a space group is named."""


def energy_with(calculator: Any, structure: Structure) -> float:
    """Compute the energy per atom, eV, of a crystal as it is.

    Raises:
        ValueError: If the crystal is disordered or has dummy atoms, or the energy is not finite.

    """
    atoms: Any = to_atoms(structure)  # most of ASE has no types
    atoms.calc = calculator
    return _finite(atoms.get_potential_energy() / len(atoms))


def relax_with(calculator: Any, structure: Structure, settings: RelaxSettings) -> Relaxed:
    """Relax atoms and cell by FIRE (Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006)).

    The cell moves by the logarithm of its deformation (ASE's ``FrechetCellFilter``).

    Raises:
        ValueError: If the crystal is disordered, has dummy atoms or too many, or the energy is not finite.

    """
    from ase import filters
    from ase.optimize import FIRE

    if len(structure) > settings.max_atoms:
        raise ValueError(f"{len(structure)} atoms in the cell, and max_atoms is {settings.max_atoms}")
    started = time.perf_counter()
    atoms: Any = to_atoms(structure)  # most of ASE has no types
    atoms.calc = calculator
    free: Any = filters.FrechetCellFilter
    optimizer = FIRE(free(atoms), logfile=None)
    converged = optimizer.run(fmax=settings.fmax, steps=settings.max_steps)
    energy = _finite(atoms.get_potential_energy() / len(atoms))
    forces: Float[np.ndarray, "atoms 3"] = atoms.get_forces()
    relaxed = to_structure(atoms)
    return Relaxed(
        structure=relaxed,
        energy=energy,
        converged=bool(converged),
        steps=int(optimizer.nsteps),
        max_force=float(np.linalg.norm(forces, axis=1).max()),
        displacement=_displacement(structure, atoms),
        rmsd=rms_displacement(_matcher(), structure, relaxed),
        spacegroup=_spacegroup(relaxed),
        seconds=time.perf_counter() - started,
    )


def to_atoms(structure: Structure) -> "Atoms":
    """Make ASE atoms: numbers, positions and cell; oxidation states and site properties stay behind.

    Raises:
        ValueError: If a site is shared between species or holds none of the elements.

    """
    from ase import Atoms

    if not structure.is_ordered:
        raise ValueError("sites are shared between species: choose an ordered structure to relax")
    if any(isinstance(site.specie, DummySpecies) for site in structure):
        raise ValueError("a site holds a dummy species, which has no energy")
    numbers = [site.specie.Z for site in structure]
    return Atoms(numbers=numbers, positions=structure.cart_coords, cell=structure.lattice.matrix, pbc=True)


def to_structure(atoms: "Atoms") -> Structure:
    """Make a pymatgen structure of ASE atoms, every atom inside the cell."""
    species = [Element.from_Z(number) for number in atoms.numbers.tolist()]
    return Structure(
        Lattice(atoms.cell.array), species, atoms.positions, coords_are_cartesian=True, to_unit_cell=True
    )


def _displacement(before: Structure, after: "Atoms") -> float:
    """Compare fractions, so that what the cell does to all atoms alike does not count; ASE wraps none."""
    cells: tuple[Float[np.ndarray, "3 3"], ...] = (before.lattice.matrix, after.cell.array)
    moved = after.positions @ np.linalg.inv(cells[1]) - before.cart_coords @ np.linalg.inv(cells[0])
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
