"""A crystal as databases write it: its conventional cell, and what its symmetry is called."""

from dataclasses import dataclass

from pymatgen.core.structure import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from epitaxy.eval.stability.descent import SYMPREC


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standard:
    """A crystal in its conventional cell.

    Attributes:
        structure: Symmetrised, in spglib's standard setting.
        symbol: The space group's international symbol, such as ``Pm-3m``.
        number: Its number.

    """

    structure: Structure
    symbol: str
    number: int


def standardised(structure: Structure, *, symprec: float = SYMPREC) -> Standard:
    """Bring a crystal into its conventional cell; one without symmetry, or that spglib refuses, stays in P1.

    Args:
        structure: The crystal.
        symprec: Angstrom within which sites count as equivalent.

    """
    try:
        found = SpacegroupAnalyzer(structure, symprec=symprec)
        cell, symbol, number = (
            found.get_refined_structure(),
            str(found.get_space_group_symbol()),
            int(found.get_space_group_number()),
        )
    except Exception:  # spglib's refusals have many types; a crystal without a name is still a crystal
        return Standard(structure=structure, symbol="P1", number=1)
    return Standard(structure=cell, symbol=symbol, number=number)
