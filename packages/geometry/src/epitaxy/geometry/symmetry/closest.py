"""The closest vector of a lattice of up to three dimensions, in a batch, exactly.

A lattice vector basis whose superbase is obtuse (v1, v2, v3 and v0 = -v1 - v2 - v3 with no positive scalar
product) has this property: from the corner below a point, three steps along the best sum of some of v0 to
v3 reach the lattice vector closest to it. McKilliam, Grant and Clarkson, "Finding a closest point in a
lattice of Voronoi's first kind", SIAM J. Discrete Math. 28 (2014). Selling's reduction finds such a basis for
every lattice of three dimensions. Searching the 27 neighbouring cells, as is common, fails for skewed cells.
"""

import itertools

import torch
from jaxtyping import Float
from torch import Tensor

_MAX_STEPS = 200  # after shortening a few steps are enough, unless rounding prevents it
_OBTUSE = 1e-12  # scalar products up to this share of the squared lengths count as rounding
_FLAT = 1e-20  # share of the cubed squared lengths below which a metric's determinant is mostly rounding
_FEW = 12  # steps by which the cells of crystals are done; others are shortened by division first

_PAIRS = tuple(itertools.combinations(range(4), 2))


def _step(i: int, j: int) -> list[list[int]]:
    """Selling's step for v_i . v_j > 0: v_i turns round, and is added to the two others."""
    others = set(range(4)) - {i, j}
    rows = [[int(row == column) for column in range(4)] for row in range(4)]
    rows[i][i] = -1
    for k in others:
        rows[k][i] = 1
    return rows


def obtuse_basis(metric: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Reduce bases to obtuse ones.

    Args:
        metric: scalar products of the basis vectors, positive definite.

    Returns:
        Integer matrices, as float64: rows are the new basis vectors in the old ones.

    Raises:
        ValueError: if a metric is not finite, or so close to that of a flat cell that its digits are rounding
            (vectors that differ some 1e4-fold after reduction).

    """
    metric = metric.to(torch.float64)
    scale = metric.diagonal(dim1=-2, dim2=-1).sum(-1)
    if not bool(metric.isfinite().all()):
        raise ValueError("a lattice is not finite: leave the crystal out")
    if bool((flat := torch.linalg.det(metric) <= _FLAT * scale**3).any()):
        raise _too_flat(flat)
    steps = torch.tensor([_step(i, j) for i, j in _PAIRS], dtype=torch.float64, device=metric.device)
    first, second = torch.tensor(_PAIRS, device=metric.device).unbind(-1)
    basis = torch.eye(3, dtype=torch.float64, device=metric.device).expand_as(metric)
    superbase = torch.cat([basis, -basis.sum(-2, keepdim=True)], dim=-2)
    for step in range(_MAX_STEPS):
        products = (superbase @ metric @ superbase.transpose(-1, -2))[..., first, second]
        worst, pair = products.max(-1)
        sharp = worst > _OBTUSE * scale
        if not bool(sharp.any()):
            return superbase[..., :3, :]
        if step == _FEW:
            basis = _shorten(superbase[..., :3, :], metric)
            superbase = torch.cat([basis, -basis.sum(-2, keepdim=True)], dim=-2)
        else:
            superbase = torch.where(sharp[..., None, None], steps[pair] @ superbase, superbase)
    raise _too_flat(sharp)


def _too_flat(rows: Tensor) -> ValueError:
    row = int(rows.flatten().nonzero()[0])
    return ValueError(f"the lattice in row {row} is too close to flat: leave the crystal out")


def _shorten(basis: Tensor, metric: Tensor) -> Tensor:
    """Take off from each vector the multiple of each other that leaves it shortest, until none is left."""
    for _ in range(_MAX_STEPS):
        before = basis
        for i, j in itertools.permutations(range(3), 2):
            vector, other = basis[..., i, :], basis[..., j, :]
            along = (other[..., None, :] @ metric)[..., 0, :]
            times = ((along * vector).sum(-1) / (along * other).sum(-1)).round()
            change = torch.zeros_like(basis)
            change[..., i, :] = times[..., None] * other
            basis = basis - change
        if torch.equal(basis, before):
            break
    return basis


def closest_vector(
    x: Float[Tensor, "*batch 3"], metric: Float[Tensor, "*batch 3 3"]
) -> tuple[Float[Tensor, "*batch 3"], Float[Tensor, " *batch"]]:
    """Find the lattice vector closest to a point, both in coordinates of an obtuse basis.

    Args:
        x: points.
        metric: scalar products of the basis vectors, of an `obtuse_basis`.

    Returns:
        The integer coordinates of the closest vector, and the squared distance to it.

    """
    sums = torch.tensor(list(itertools.product((0.0, 1.0), repeat=4))[:-1], dtype=x.dtype, device=x.device)
    moves = sums[:, :3] - sums[:, 3:]
    floor = x.floor()
    rest = x - floor
    for _ in range(3):
        tried = rest[..., None, :] - moves
        lengths = ((tried @ metric) * tried).sum(-1)
        best = lengths.argmin(-1)
        rest = rest - moves[best]
    square = ((rest[..., None, :] @ metric)[..., 0, :] * rest).sum(-1)
    return (x - rest).round(), square.clamp(min=0)
