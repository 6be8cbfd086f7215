"""Lattices: lengths and angles, matrices, and what follows from them.

Rows of a matrix are lattice vectors a, b, c in angstrom, `cart = frac @ lattice`. Angles are in radians, in
the order alpha (between b and c), beta (a and c), gamma (a and b). Leading dimensions broadcast.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def lattice_matrix(
    lengths: Float[Tensor, "*batch 3"], angles: Float[Tensor, "*batch 3"]
) -> Float[Tensor, "*batch 3 3"]:
    """Build the matrix in the standard form: c along z, a in the xz plane, right-handed.

    It is the form of pymatgen's `Lattice.from_parameters`, without the arccos: nearly flat cells keep their
    volume, and gradients stay finite. Angles that no cell can have (alpha + beta < gamma and the like) give a
    flat cell of volume 0, as they do in pymatgen.
    """
    a, b, c = lengths.unbind(-1)
    sin_alpha, sin_beta, _ = angles.sin().unbind(-1)
    cos_alpha, cos_beta, cos_gamma = angles.cos().unbind(-1)
    # Where there is no such cell, b would have to be longer in the xz plane than it is.
    along_x = ((cos_gamma - cos_alpha * cos_beta) / sin_beta).clamp(-sin_alpha, sin_alpha)
    zero = torch.zeros_like(a)
    return torch.stack(
        [
            torch.stack([a * sin_beta, zero, a * cos_beta], dim=-1),
            torch.stack([b * along_x, b * _unit_volume(angles) / sin_beta, b * cos_alpha], dim=-1),
            torch.stack([zero, zero, c], dim=-1),
        ],
        dim=-2,
    )


def _unit_volume(angles: Float[Tensor, "*batch 3"]) -> Float[Tensor, " *batch"]:
    """Compute the volume of the cell with edges 1, or 0 if there is none.

    Its square 1 - cos^2(alpha) - ... + 2 cos(alpha) cos(beta) cos(gamma) cancels for flat cells; the same as
    a product, 4 sin(s) sin(s - alpha) sin(s - beta) sin(s - gamma) with the half sum s, does not.
    """
    half_sum = angles.sum(-1, keepdim=True) / 2
    square = 4.0 * half_sum.sin().squeeze(-1) * (half_sum - angles).sin().prod(-1)
    solid = square > 0
    return torch.where(solid, torch.where(solid, square, 1.0).sqrt(), 0.0)


def lattice_parameters(
    matrix: Float[Tensor, "*batch 3 3"],
) -> tuple[Float[Tensor, "*batch 3"], Float[Tensor, "*batch 3"]]:
    """Measure lengths and angles.

    Angles come from atan2(|u x v|, u . v), which is accurate near 0 and pi, where an arccos loses half its
    digits and its derivative is infinite.
    """
    lengths = torch.linalg.vector_norm(matrix, dim=-1)
    u, v = matrix.roll(-1, dims=-2), matrix.roll(-2, dims=-2)
    sine = torch.linalg.vector_norm(torch.cross(u, v, dim=-1), dim=-1)
    return lengths, torch.atan2(sine, (u * v).sum(-1))


def gram(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Compute the metric tensor L L^T, the lattice vectors' scalar products: no rotation changes it."""
    return matrix @ matrix.transpose(-1, -2)


def volume(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, " *batch"]:
    """Compute the cell's volume in cubic angstrom, positive whichever the handedness."""
    return _triple_product(matrix).abs()


def is_right_handed(matrix: Float[Tensor, "*batch 3 3"]) -> Bool[Tensor, " *batch"]:
    """Say whether a . (b x c) > 0; a flat cell is not right-handed."""
    return _triple_product(matrix) > 0


def reciprocal(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Compute the reciprocal vectors as rows, the crystallographer's: without 2 pi, a_i . b_j = delta_ij.

    The result is the inverse transposed; a flat cell gives infinities or NaN.
    """
    u, v = matrix.roll(-1, dims=-2), matrix.roll(-2, dims=-2)
    return torch.cross(u, v, dim=-1) / _triple_product(matrix)[..., None, None]


def _triple_product(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, " *batch"]:
    a, b, c = matrix.unbind(-2)
    return (a * torch.cross(b, c, dim=-1)).sum(-1)
