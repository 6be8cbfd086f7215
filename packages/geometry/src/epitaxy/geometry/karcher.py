"""The Karcher (Frechet) mean of each graph's atoms on the flat torus, exactly."""

import math

import torch
from jaxtyping import Float, Float64, Int, Int64
from torch import Tensor

from epitaxy.geometry.segments import Segments
from epitaxy.geometry.torus import FlatTorus

# Atoms are ranked and cuts compared on a grid of this many points a period. Sums of integers are exact, so
# that a graph's result depends neither on the graphs beside it nor on the order of its atoms. Partial sums of
# one graph hold 2^22 atoms; those of a whole batch may overflow, as only their differences modulo 2^64 count.
_GRID = 2.0**40


def karcher_mean(
    x: Float[Tensor, " atoms *rest"], segments: Segments, period: float = 1.0
) -> Float[Tensor, " graphs *rest"]:
    """Find each graph's point with the least sum of squared wrapped distances to its atoms, by coordinate.

    The mean on a circle of n points is one of n: cut the circle before one of them, and average what lies on
    a line then (Hotz & Huckemann, "Intrinsic means on the circle", 2015). All cuts are compared, by partial
    sums of the sorted coordinates. The result moves with the atoms under translation, whatever their order,
    except where several points are equally good: of those the one is taken whose cut is next above 0, that
    is, which counts the fewest atoms as lying in the next period. Cuts whose objectives differ by less than
    about 1e-12 period^2 an atom may be taken for equal, or for unequal the wrong way.

    The derivative with respect to each of a graph's n atoms is 1/n.

    Args:
        x: coordinates in the period's unit, any representative.
        segments: the index of the atoms.
        period: length of the circle.

    Returns:
        Points in [0, period). A graph of one atom gives that atom.

    Raises:
        ValueError: if the period is not positive and finite, or x has not one row an atom.

    """
    if x.shape[0] != segments.num_atoms:
        raise ValueError(f"x has {x.shape[0]} rows, but the segments have {segments.num_atoms} atoms")
    torus, rest = FlatTorus(period), x.shape[1:]
    points = torus.project(x).reshape(segments.num_atoms, math.prod(rest))
    points = points.gather(0, _order(points, segments)).double()
    share = _best_cut(points / period, segments).double() / segments.counts[:, None]
    # Sums run over the sorted atoms: they do not depend on the order that x gave them.
    mean = segments.mean(points) + period * share
    # Rounding to x's dtype may give the period itself.
    return torus.project(torus.project(mean).to(x.dtype)).reshape(segments.num_graphs, *rest)


def _order(points: Float[Tensor, "atoms columns"], segments: Segments) -> Int64[Tensor, "atoms columns"]:
    """Sort by graph and, within it, by value: for each column apart."""
    by_value = points.detach().sort(dim=0, stable=True).indices
    by_graph = segments.index[by_value].sort(dim=0, stable=True).indices
    return by_value.gather(0, by_graph)


def _best_cut(
    sorted_points: Float64[Tensor, "atoms columns"], segments: Segments
) -> Int[Tensor, "graphs columns"]:
    """Count the atoms, first in the sorted order, that the best cut moves up by one period.

    With the first j of n points moved up, n times the sum of squares about the mean changes by
    2 (n C_j - j C_n) + j (n - j), where C_j is the sum of the first j points (periods).
    """
    ticks = (sorted_points.detach() * _GRID).round().to(torch.int64)
    before = ticks.cumsum(0) - ticks
    partial = before - before[segments.offsets[:-1]][segments.index]
    n, j = segments.counts[segments.index][:, None], segments.rank[:, None]
    total = segments.sum(ticks)[segments.index]
    change = 2.0 * (n * partial.double() - j * total.double()) / _GRID + j * (n - j)
    slot = segments.index[:, None].expand_as(change)
    none = change.new_full((segments.num_graphs, change.shape[1]), torch.inf)
    least = none.scatter_reduce(0, slot, change, "amin")
    candidates = torch.where(change == least[segments.index], j, n)
    return segments.counts[:, None].expand_as(none).scatter_reduce(0, slot, candidates, "amin")
