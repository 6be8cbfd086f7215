"""Cells as six numbers k that a space group fixes one by one: the symmetric part of the polar form.

Rows of L are lattice vectors and L = exp(S) Q with S symmetric and Q orthogonal, so exp(2S) = L L^T is the
metric tensor: S is half its logarithm and knows nothing of the orientation. S = k1 B1 + ... + k6 B6 in the
basis of SymmBFN's equation 1 (Jiao et al., 2024), whose k6 is a third of the volume's logarithm. SymmCD's
code takes the logarithm of the matrix L itself instead, which is not symmetric: its monoclinic and triclinic
cells do not come back (beta = 120 degrees becomes 115.8). Here every cell does.
"""

import math
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from epitaxy.geometry.devices import constant, require
from epitaxy.geometry.symmetry.table import check_numbers

HEXAGONAL_K1 = -math.log(3.0) / 4.0
"""k1 of every cell with a = b and gamma = 120 degrees: cos(gamma) = tanh(2 k1)."""

# First groups of the families after the triclinic; trigonal and hexagonal groups are one family.
_FAMILIES = (3, 16, 75, 143, 195)
_FREE = (
    (1, 1, 1, 1, 1, 1),
    (0, 1, 0, 1, 1, 1),
    (0, 0, 0, 1, 1, 1),
    (0, 0, 0, 0, 1, 1),
    (0, 0, 0, 0, 1, 1),
    (0, 0, 0, 0, 0, 1),
)
_HEXAGONAL = 4


class _HalfLogMetric(torch.autograd.Function):
    """log(L L^T) / 2, with finite gradients also where singular values coincide (cubic cells)."""

    @staticmethod
    def forward(ctx: Any, lattice: Tensor) -> Tensor:
        # Singular values keep the digits that the metric's eigenvalues, their squares, would lose.
        u, sigma, _ = torch.linalg.svd(lattice)
        ctx.save_for_backward(lattice, u, sigma)
        half_log: Tensor = (u * sigma.log()[..., None, :]) @ u.transpose(-1, -2)
        return half_log

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        lattice, u, sigma = ctx.saved_tensors
        large, small = sigma.square()[..., :, None], sigma.square()[..., None, :]
        step = (large - small) / small
        # (log a - log b) / (a - b), the difference quotient of Daleckii and Krein, 1 / b where a = b.
        quotient = torch.where(step == 0, 1.0, step.log1p() / torch.where(step == 0, 1.0, step)) / small
        symmetric = (gradient + gradient.transpose(-1, -2)) / 2
        inner = quotient * (u.transpose(-1, -2) @ symmetric @ u)
        result: Tensor = u @ inner @ u.transpose(-1, -2) @ lattice
        return result


def lattice_to_k(lattice: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 6"]:
    """Compute k of cells; their orientation and handedness do not matter.

    Args:
        lattice: rows are lattice vectors, angstrom, in the conventional setting of the space group.

    Raises:
        ValueError: if a cell is flat or not finite.

    """
    require(
        torch.linalg.det(lattice.detach().to(torch.float64)).abs() > 0,
        lambda: ValueError("a cell is flat or not finite and has no k: leave the crystal out"),
    )
    s = _HalfLogMetric.apply(lattice.to(torch.float64))  # type: ignore[no-untyped-call]  # torch has no type
    xx, yy, zz = s.diagonal(dim1=-2, dim2=-1).unbind(-1)
    off_diagonal = [s[..., 0, 1], s[..., 0, 2], s[..., 1, 2]]
    diagonal = [(xx - yy) / 2, (xx + yy - 2 * zz) / 6, (xx + yy + zz) / 3]
    return torch.stack(off_diagonal + diagonal, dim=-1).to(lattice.dtype)


def lattice_from_k(k: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3 3"]:
    """Build the cell exp(S): the symmetric, right-handed one of those with these k. Rows, angstrom.

    For the usual orientation, `lattice_matrix(*lattice_parameters(cell))`.
    """
    k1, k2, k3, k4, k5, k6 = k.to(torch.float64).unbind(-1)
    rows = [[k4 + k5 + k6, k1, k2], [k1, k5 + k6 - k4, k3], [k2, k3, k6 - 2 * k5]]
    s = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
    cell: Tensor = torch.linalg.matrix_exp(s).to(k.dtype)
    return cell


def _family(number: Tensor) -> Tensor:
    check_numbers(number)
    return torch.bucketize(number, constant(_FAMILIES, torch.int64, number.device), right=True)


def lattice_mask(number: Int[Tensor, "*batch"]) -> Bool[Tensor, "*batch 6"]:
    """Say which of k1 ... k6 are free in a space group (SymmBFN, table 1).

    Raises:
        ValueError: if a number is outside 1 to 230.

    """
    return constant(_FREE, torch.bool, number.device)[_family(number)]


def lattice_bias(
    number: Int[Tensor, "*batch"], dtype: torch.dtype = torch.float32
) -> Float[Tensor, "*batch 6"]:
    """Values of the components of k that are not free, 0 elsewhere: k1 = -log(3) / 4 for 143 to 194.

    Raises:
        ValueError: if a number is outside 1 to 230.

    """
    hexagonal = (_family(number) == _HEXAGONAL)[..., None].to(dtype)
    return hexagonal * constant((HEXAGONAL_K1, 0.0, 0.0, 0.0, 0.0, 0.0), dtype, number.device)


def constrain_k(k: Float[Tensor, "*batch 6"], number: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch 6"]:
    """Set the components of k that a space group fixes to their values, exactly, and keep the others.

    Raises:
        ValueError: if a number is outside 1 to 230.

    """
    return torch.where(lattice_mask(number), k, lattice_bias(number, k.dtype))


def symmetrize_metric(
    metric: Float[Tensor, "*batch 3 3"], number: Int[Tensor, "*batch"]
) -> Float[Tensor, "*batch 3 3"]:
    """Average metric tensors over the point group of the lattice of their group's crystal family.

    Raises:
        ValueError: if a number is outside 1 to 230.

    """
    family = _family(number)
    a, b, c = metric.diagonal(dim1=-2, dim2=-1).unbind(-1)
    ab, ac, bc = metric[..., 0, 1], metric[..., 0, 2], metric[..., 1, 2]
    hexagonal, cubic = family == _HEXAGONAL, family == 5
    # The turns of (a, b) by 60 degrees give [[a, ab], [ab, b]] this average times [[1, -1/2], [-1/2, 1]].
    flat = torch.where(hexagonal, (a + b + ab) * (2.0 / 3.0), (a + b) / 2)
    mean = (a + b + c) / 3
    a, b = (torch.where(cubic, mean, torch.where(family >= 3, flat, side)) for side in (a, b))
    c = torch.where(cubic, mean, c)
    ab = torch.where(hexagonal, -a / 2, torch.where(family == 0, ab, 0.0))
    ac = torch.where(family <= 1, ac, 0.0)
    bc = torch.where(family == 0, bc, 0.0)
    rows = [[a, ab, ac], [ab, b, bc], [ac, bc, c]]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def check_metric(
    metric: Float[Tensor, "*batch 3 3"], number: Int[Tensor, "*batch"], tolerance: float = 1e-3
) -> Float[Tensor, "*batch 3 3"]:
    """Symmetrize metric tensors that have nearly the form of their group's crystal family.

    Raises:
        ValueError: if a component is off by more than the tolerance's share of the longest squared length.

    """
    exact = symmetrize_metric(metric, number)
    size = metric.diagonal(dim1=-2, dim2=-1).amax(-1)
    off = (metric - exact).abs().amax((-2, -1)) > tolerance * size
    if bool(off.any()):
        raise ValueError(
            f"a cell does not have the form of space group {int(number[off][0])} in the standard setting; "
            f"make it by lattice_from_k(constrain_k(k, number))"
        )
    return exact
