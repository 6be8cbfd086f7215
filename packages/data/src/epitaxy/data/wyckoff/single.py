"""One crystal as its asymmetric unit, and which of its atoms belong to which orbit."""

from typing import NamedTuple

import torch
from jaxtyping import Int
from pymatgen.core.structure import Structure
from torch import Tensor

from epitaxy.data._cells import to_cell
from epitaxy.data._crystal import check, from_structure
from epitaxy.data.errors import DataError, UnusableRecordError
from epitaxy.data.readers import MAX_ATOMS
from epitaxy.data.wyckoff._standard import standardise
from epitaxy.data.wyckoff._units import Unit, units
from epitaxy.data.wyckoff.preparation import SYMPREC, check_symprec
from epitaxy.geometry import Segments, WyckoffBatch


class AsymmetricUnit(NamedTuple):
    """A crystal in the conventional cell of its space group, as `WyckoffDataset` has crystals.

    Attributes:
        batch: the crystal alone, in float64.
        orbit_of: row of the batch that each atom of the structure belongs to, in the structure's order.

    """

    batch: WyckoffBatch
    orbit_of: Int[Tensor, " sites"]


def asymmetric_unit(
    structure: Structure, *, symprec: float = SYMPREC, max_atoms: int = MAX_ATOMS
) -> AsymmetricUnit:
    """Find the asymmetric unit of a crystal, whatever cell it is given in.

    Args:
        structure: the crystal.
        symprec: spglib's distance tolerance, angstrom.
        max_atoms: larger conventional cells are refused.

    Raises:
        DataError: if it cannot be used, with the reason.

    """
    check_symprec(symprec)
    try:
        crystal = from_structure(structure)
        check(crystal, max(max_atoms, MAX_ATOMS))
        standard = standardise(to_cell(crystal, "as_given"), symprec, max_atoms)
        (unit,) = units([standard], symprec)
        if isinstance(unit, UnusableRecordError):
            raise unit
    except UnusableRecordError as error:
        raise DataError(f"the structure cannot be used: {error}") from error
    row = torch.from_numpy(unit.order).argsort()
    return AsymmetricUnit(_alone(unit), row[torch.from_numpy(standard.orbits)])


def _alone(unit: Unit) -> WyckoffBatch:
    return WyckoffBatch(
        segments=Segments.from_counts([len(unit.sites)]),
        space_groups=torch.tensor([unit.space_group]),
        sites=torch.from_numpy(unit.sites),
        positions=torch.from_numpy(unit.positions),
        lattice=torch.from_numpy(unit.lattice)[None],
        numbers=torch.from_numpy(unit.numbers),
        ids=("000000",),
        properties={},
    )
