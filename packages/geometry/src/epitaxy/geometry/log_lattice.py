"""Six numbers without constraints that describe a lattice: what a diffusion may add noise to."""

import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.geometry.lattice import lattice_matrix


def lattice_to_log(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 6"]:
    """Measure [ln a, ln b, ln c, tan(alpha - pi/2), tan(beta - pi/2), tan(gamma - pi/2)].

    Lengths are in angstrom. The form is that of EquiCSP (ICML 2024) and KLDM (2025). The tangent is minus the
    angle's cotangent, a scalar product over the length of a vector product: no angle is computed, and all its
    digits are kept near 90 degrees as well as near 0 and 180. Rotations and reflections change nothing. Two
    parallel vectors, as no cell has, give an infinity, and a vector of length 0 gives NaN.
    """
    u, v = matrix.roll(-1, dims=-2), matrix.roll(-2, dims=-2)
    sine = torch.linalg.vector_norm(torch.cross(u, v, dim=-1), dim=-1)
    lengths = torch.linalg.vector_norm(matrix, dim=-1)
    return torch.cat([lengths.log(), -(u * v).sum(-1) / sine], dim=-1)


def lattice_from_log(vector: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3 3"]:
    """Build the lattice of such a vector in the standard form of `lattice_matrix`, which see.

    Every finite vector has three angles in (0, pi), but three angles need not fit together: those that no
    cell can have give a flat cell, of volume 0. Check `volume` before use.
    """
    # atan2(1, -t) is pi/2 + atan(t) without the cancellation near 0.
    tangents = vector[..., 3:]
    angles = torch.atan2(torch.ones_like(tangents), -tangents)
    return lattice_matrix(vector[..., :3].exp(), angles)
