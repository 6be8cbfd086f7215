"""Atoms and cell that move together, as ASE's ``FrechetCellFilter`` has them, without computing twice.

The cell's variable is U, the logarithm of the deformation F = exp(U), and the force on it is the adjoint of
the matrix exponential's derivative: of a cell gradient G it is L(U^T, G), one Fréchet derivative (N. Higham,
Functions of Matrices, SIAM 2008, section 3.2). ASE sums nine, one for each entry of U, and an optimiser asks
it for the same forces four times a step. For cells of ten atoms that takes longer than CHGNet.
"""

from typing import Any

import numpy as np
from ase.filters import FrechetCellFilter
from ase.stress import voigt_6_to_full_3x3_stress
from jaxtyping import Float

_AseFilter: Any = FrechetCellFilter  # ASE's own types are partial


class CellFilter(_AseFilter):  # type: ignore[misc]  # ASE left it unannotated
    """ASE's filter, with its logarithm and forces remembered; all variables and values are the same.

    Atoms and cell must not be changed but through it.

    Args:
        atoms: ASE atoms with a calculator that has stress.
        pressure: eV per cubic angstrom.

    """

    def __init__(self, atoms: Any, pressure: float) -> None:
        super().__init__(atoms, exp_cell_factor=1.0, scalar_pressure=pressure)
        self._forget()

    def _forget(self) -> None:
        self._logarithm: Float[np.ndarray, "3 3"] | None = None
        self._forces: Float[np.ndarray, "rows 3"] | None = None

    def get_positions(self) -> Float[np.ndarray, "rows 3"]:
        """Return the atoms' positions in the undeformed cell, angstrom, and U in the last three rows.

        As in ASE, the logarithm of the number of atoms is on U's diagonal.
        """
        undeformed = np.linalg.solve(self.deform_grad(), self.atoms.get_positions().T).T
        return np.vstack([undeformed, self._log() + np.log(len(self.atoms)) * np.eye(3)])

    def set_positions(self, new: Float[np.ndarray, "rows 3"], **words: Any) -> None:
        """Move atoms and cell."""
        self._forget()
        super().set_positions(new, **words)

    def get_forces(self, **words: Any) -> Float[np.ndarray, "rows 3"]:
        """Return the forces on the atoms, eV/angstrom, and on U, eV."""
        if self._forces is None:
            self._forces = self._computed(**words)
        return self._forces.copy()

    def _log(self) -> Float[np.ndarray, "3 3"]:
        if self._logarithm is None:
            self._logarithm = self.logm(self.deform_grad())
        return self._logarithm

    def _computed(self, **words: Any) -> Float[np.ndarray, "rows 3"]:
        atoms = self.atoms
        voigt = atoms.get_stress(**words)
        stress = voigt_6_to_full_3x3_stress(voigt)  # type: ignore[no-untyped-call]  # ASE left it unannotated
        stress = stress + self.scalar_pressure * np.eye(3)
        deformation = self.deform_grad()
        by_deformation = -atoms.get_volume() * stress @ np.linalg.inv(deformation.T)
        by_logarithm = self.expm_frechet(self._log().T, by_deformation, compute_expm=False)
        return np.vstack([atoms.get_forces(**words) @ deformation, by_logarithm])
