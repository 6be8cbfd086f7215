"""Orbitals, dipole moments and charges of molecules by GFN2-xTB, a tight-binding method that is quick.

Bannwarth, Ehlert and Grimme, J. Chem. Theory Comput. 15, 1652 (2019), computed by tblite, the extra ``xtb``.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

METHOD = "GFN2-xTB"
LAST_ELEMENT = 86
"""Radon: the method has no parameters beyond."""

BOHR = 0.529177210903  # angstrom, CODATA 2018
DEBYE = 2.541746473  # debye of one elementary charge times one bohr, CODATA 2018


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ElectronicStructure:
    """The valence electrons of one neutral molecule, all of them in pairs.

    Attributes:
        levels: Energies of the orbitals, hartree, ascending.
        pairs: How many of them are occupied, by two electrons each; at least one.
        dipole: Length of the dipole moment, debye.
        charges: Net charges of the atoms, in elementary charges.
        shares: How much of the highest occupied orbital, and of the lowest unoccupied one, is at each atom
            (Mulliken): each sums to 1; without an unoccupied one its row is 0.

    """

    levels: Float64[np.ndarray, " orbitals"]
    pairs: int
    dipole: float
    charges: Float64[np.ndarray, " atoms"]
    shares: Float64[np.ndarray, "2 atoms"]

    def level(self, place: int) -> float:
        """Return the energy of an orbital, hartree; NaN where there is none.

        Args:
            place: 0 for the highest occupied one, -1 for the one below it, 1 for the lowest unoccupied one.

        """
        number = self.pairs - 1 + place
        return float(self.levels[number]) if 0 <= number < len(self.levels) else float("nan")


def require_tblite() -> None:
    """Say how to get tblite if it is not here.

    Raises:
        ImportError: If tblite is missing.

    """
    try:
        import tblite.interface  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise ImportError("tblite, which computes GFN2-xTB, is missing: pip install tblite") from error


def electronic_structure(
    numbers: Int64[np.ndarray, " atoms"], positions: Float64[np.ndarray, "atoms 3"]
) -> ElectronicStructure:
    """Compute a neutral molecule as it lies, by GFN2-xTB; one of QM9 takes some 20 ms.

    Args:
        numbers: Atomic numbers, 1 to 86.
        positions: Cartesian, angstrom.

    Raises:
        ImportError: If tblite is missing.
        ValueError: If the molecule cannot be computed, with the reason: an element without parameters, an odd
            number of electrons, atoms that lie upon each other, charges that do not settle.

    """
    require_tblite()
    from tblite.interface import Calculator

    if not np.isfinite(positions).all():
        raise ValueError("a coordinate is not a finite number")
    outside = (numbers < 1) | (numbers > LAST_ELEMENT)
    if outside.any():
        raise ValueError(f"{METHOD} has elements 1 to {LAST_ELEMENT}, not {int(numbers[outside][0])}")
    try:
        calculator = Calculator(METHOD, numbers, positions / BOHR)
        calculator.set("verbosity", 0)
        calculator.set("save-integrals", 1)  # the overlaps
        found = calculator.singlepoint()
    except RuntimeError as error:
        raise ValueError(f"{METHOD}: {str(error).strip()}") from error
    electrons = round(float(found.get("orbital-occupations").sum()))
    if electrons % 2 or electrons == 0:
        raise ValueError(f"{electrons} valence electrons are not all in pairs: a radical")
    pairs = electrons // 2
    owner = calculator.get("shell-map")[calculator.get("orbital-map")]
    vectors = found.get("orbital-coefficients")[:, pairs - 1 : pairs + 1]
    weights = vectors * (found.get("overlap-matrix") @ vectors)
    shares = np.zeros((2, len(numbers)))
    for row, weight in zip(shares, weights.T, strict=False):
        np.add.at(row, owner, weight)
    return ElectronicStructure(
        levels=np.array(found.get("orbital-energies"), dtype=np.float64),
        pairs=pairs,
        dipole=float(np.linalg.norm(found.get("dipole"))) * DEBYE,
        charges=np.array(found.get("charges"), dtype=np.float64),
        shares=shares,
    )
