"""The closest point on a Wyckoff position."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.geometry.symmetry.closest import closest_vector, obtuse_basis
from epitaxy.geometry.symmetry.kvector import check_metric
from epitaxy.geometry.symmetry.table import WyckoffTable, apply
from epitaxy.geometry.torus import FlatTorus


class Projection(NamedTuple):
    """Points on their Wyckoff positions.

    Attributes:
        coordinates: fractional, in [0, 1).
        distance: how far the points were moved, angstrom; it carries no gradient.
        member: the member of the orbit that the point is, for `expand_orbits`.

    """

    coordinates: Float[Tensor, "atoms 3"]
    distance: Float[Tensor, " atoms"]
    member: Int[Tensor, " atoms"]


def project_to_wyckoff(
    table: WyckoffTable,
    position: Int[Tensor, " atoms"],
    coordinates: Float[Tensor, "atoms 3"],
    metric: Float[Tensor, "atoms 3 3"],
) -> Projection:
    """Move each atom to the closest point of its Wyckoff position: any member of the orbit, any cell.

    The result is a point of the position to rounding, and exactly the tabulated point where there is no
    freedom. Near a point it is an affine function of the coordinates, and so it has a gradient.
    PyXtal's `search_cloest_wp`, which SymmCD uses, reads the free parameters of the projected point from the
    wrong coordinates for positions such as (0, x, 0) and searches no metric; this is the true minimum.

    Args:
        table: the positions.
        position: each atom's Wyckoff position, 0 to 1730.
        coordinates: fractional; they need not be in [0, 1).
        metric: metric tensor `gram(lattice)` of each atom's crystal, square angstrom. It must have the form
            of the crystal family; up to 1e-3 of deviation is averaged away.

    Raises:
        ValueError: if a metric is not of the family's form, not finite, or that of a nearly flat cell.

    """
    table = table.to(coordinates.device, coordinates.dtype)
    metric = check_metric(metric, table.number[position])
    with torch.no_grad():
        member, cells, distance = _nearest(table, position, coordinates, metric)
    operator = table.member_operator[table.member_first[position] + member]
    pulled = apply(table.inverse[operator], coordinates) - cells
    first = apply(table.parametrise[position], apply(table.project[position], pulled))
    return Projection(FlatTorus().project(apply(table.operator[operator], first)), distance, member)


def _nearest(
    table: WyckoffTable, position: Tensor, coordinates: Tensor, metric: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Find each atom's nearest member, the whole cells to take off when pulled back, and the distance."""
    dtype, atoms = coordinates.dtype, position.shape[0]
    counts = table.search_first.diff()[position]
    atom = torch.arange(atoms, device=position.device).repeat_interleave(counts)
    rank = torch.arange(atom.shape[0], device=atom.device) - (counts.cumsum(0) - counts)[atom]
    member = table.search_member[table.search_first[position][atom] + rank]
    operator = table.member_operator[table.member_first[position][atom] + member]

    # Pulled back to the first member, every member has the same lattice of components across it.
    across, basis = _across(table, position, metric)
    pulled = apply(table.inverse[operator], coordinates[atom])
    residual = pulled - apply(table.project[position][atom], pulled)
    undo = (torch.linalg.inv(basis) @ table.components[position].to(torch.float64)).to(dtype)
    reduced = (basis.transpose(-1, -2) @ across @ basis).to(dtype)
    vector, square = closest_vector((undo[atom] @ residual[..., None])[..., 0], reduced[atom])

    least = square.new_full((atoms,), torch.inf).scatter_reduce(0, atom, square, "amin")
    rows = torch.arange(atom.shape[0], device=atom.device).masked_fill(square > least[atom], atom.shape[0])
    row = rows.new_full((atoms,), atom.shape[0]).scatter_reduce(0, atom, rows, "amin")
    lifted = (table.lift[position] @ basis.to(dtype) @ vector[row][..., None])[..., 0]
    return member[row], lifted, least.sqrt()


def _across(table: WyckoffTable, position: Tensor, metric: Tensor) -> tuple[Tensor, Tensor]:
    """Metric of the lattice across the first member, and an obtuse basis of it, as columns; float64.

    Missing dimensions are filled with vectors perpendicular to the others, which no residual has a part of.
    """
    basis = table.basis[position].to(torch.float64)
    metric = metric.to(torch.float64)
    across = basis.transpose(-1, -2) @ metric @ basis
    missing = (table.lift[position] == 0).all(-2)
    scale = metric.diagonal(dim1=-2, dim2=-1).mean(-1)
    across = across + torch.diag_embed(missing * scale[:, None])
    return across, obtuse_basis(across).transpose(-1, -2)
