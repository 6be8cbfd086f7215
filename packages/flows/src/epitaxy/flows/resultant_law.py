"""The law of a sum of von Mises messages, tabulated: one draw costs the same however many messages it sums.

Let S be the sum of messages a_k exp(i y_k), y_k ~ vM(0, a_k), and c its length. Each message's density is
exp(a_k cos y_k) / (2 pi I0(a_k)), so the density of S at (c, y) is that of the walk with the same lengths of
steps and uniform directions (Kluyver 1905), which depends on c alone, times exp(c cos y) / prod I0(a_k). So

1. given its length, the direction of the sum is vM(0, c), exactly, and
2. h(c), the mean of S's density on the circle of radius c, obeys an integral equation from one message to the
   next, whose kernel is positive: nothing cancels, whatever c is.

Only c is tabulated, then, by its distribution function at nodes, for each number of messages. The tests hold
it to E[I0(l c) / I0(c)] = prod I0(l a_k) / I0(a_k), which for all l determines the law: it is met to 1e-8.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float64, Int
from torch import Tensor

from epitaxy.flows._random_walk import walk_density
from epitaxy.flows._rows import column
from epitaxy.flows.circular_messages import Resultant, Span, all_at_once
from epitaxy.flows.schedules import EntropySchedule
from epitaxy.geometry import Rng, bessel_ratio, von_mises_noise
from epitaxy.geometry.bessel import log_i0e

FEWEST = 24
"""Messages whose sum has a law smooth enough (ten continuous derivatives) to be tabulated."""
_NODES = 321
_REACH = 9.0
"""Half-width of a table in standard deviations."""
_STENCIL = 8
_STEEPEST = 24.0
"""Largest sum v of the first squared accuracies: the walk's density is e^(-v / 4) of its peak where c is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResultantLaw:
    """Distribution functions of the sums' lengths.

    Row j - `FEWEST` is that of the sum of messages 1, ..., j.

    Attributes:
        low: length at the first node.
        gap: distance between nodes.
        mass: probability of a shorter length, at each node: from 0 to 1.
        density: its derivative.

    """

    low: Float64[Tensor, " sums"]
    gap: Float64[Tensor, " sums"]
    mass: Float64[Tensor, "sums nodes"]
    density: Float64[Tensor, "sums nodes"]

    def length(self, count: Int[Tensor, " rows"], u: Float64[Tensor, " rows *event"]) -> Tensor:
        """Return the length that a share u, in [0, 1), of sums of `count` >= `FEWEST` messages falls below.

        Between nodes the distribution function is the cubic of its values and slopes there.
        """
        row, flat = count - FEWEST, (u.flatten(1) if u.ndim > 1 else u[:, None]).contiguous()
        mass = self.mass[row]
        cell = (torch.searchsorted(mass, flat, right=True) - 1).clamp(0, mass.shape[1] - 2)
        gap = self.gap[row][:, None]
        start, end = mass.gather(1, cell), mass.gather(1, cell + 1)
        density = self.density[row]
        rise, finish = density.gather(1, cell) * gap, density.gather(1, cell + 1) * gap
        share = _solve_cubic((flat - start).clamp(min=0.0), end - start, rise, finish)
        return (self.low[row][:, None] + (cell + share) * gap).view(u.shape)

    def to(self, device: torch.device) -> "ResultantLaw":
        """Return the same on a device."""
        return ResultantLaw(
            low=self.low.to(device),
            gap=self.gap.to(device),
            mass=self.mass.to(device),
            density=self.density.to(device),
        )


@lru_cache(maxsize=16)
def resultant_law(schedule: EntropySchedule, device: torch.device) -> ResultantLaw | None:
    """Tabulate the sums of a schedule's first messages; None where sums are short and that is not possible.

    Such are schedules whose first messages already are sharp: those of few steps (below 57 for a final
    concentration of 1000).
    A second's work for 1000 steps, once in a process.
    """
    if device.type != "cpu":
        law = resultant_law(schedule, torch.device("cpu"))
        return None if law is None else law.to(device)
    accuracies = schedule.accuracies()
    if len(accuracies) <= FEWEST or float(accuracies[:FEWEST].square().sum()) > _STEEPEST:
        return None
    return tabulated(accuracies)


def tabulated_sums(
    law: ResultantLaw,
    accuracies: Float64[Tensor, " n"],
    span: Span,
    event: Sequence[int],
    *,
    rng: Rng,
) -> Resultant:
    """Draw the sum of each row's messages, from the first: by the law, or one by one where few."""
    count = span.last
    summed = all_at_once(accuracies[: FEWEST - 1], _few(span), event, rng=rng)
    u = rng.uniform((count.shape[0], *event), dtype=torch.float64, device=count.device)
    many = column(count >= FEWEST, u.ndim)
    length = law.length(count.clamp(min=FEWEST), u)
    turned = von_mises_noise(torch.where(many, length, 0.0), rng=rng)
    return Resultant(
        deviation=torch.where(many, turned, summed.deviation),
        length=torch.where(many, length, summed.length),
    )


def _few(span: Span) -> Span:
    """Return the messages of those rows that sum less than `FEWEST`, none of the others."""
    alike = span.alike
    if alike is not None and len(alike) >= FEWEST:
        alike = range(0)
    return Span(first=span.first, last=span.last * (span.last < FEWEST), alike=alike)


def tabulated(accuracies: Float64[Tensor, " n"]) -> ResultantLaw:
    """Tabulate the sums of the first `FEWEST`, ..., n of these messages."""
    low, gap = _windows(accuracies)
    ring = _first(accuracies[:FEWEST], _nodes(low[0], gap[0]))
    tables = [_table(ring, low[0], gap[0])]
    for j in range(1, len(low)):
        into = _nodes(low[j], gap[j])
        ring = _one_more(tables[-1][2], low[j - 1], gap[j - 1], into, float(accuracies[FEWEST + j - 1]))
        tables.append(_table(ring, low[j], gap[j]))
    mass, density, _ = (torch.stack(column) for column in zip(*tables, strict=True))
    return ResultantLaw(low=low, gap=gap, mass=mass, density=density)


def _solve_cubic(target: Tensor, height: Tensor, rise: Tensor, finish: Tensor) -> Tensor:
    """Solve H(x) = target on [0, 1] for the cubic of these slopes with H(0) = 0 and H(1) = height."""
    second, third = 3 * height - 2 * rise - finish, rise + finish - 2 * height
    tiny = torch.finfo(height.dtype).tiny
    x = (target / height.clamp(min=tiny)).clamp(0.0, 1.0)
    for _ in range(6):
        value = x * (rise + x * (second + x * third)) - target
        slope = rise + x * (2 * second + 3 * x * third)
        x = (x - value / slope.clamp(min=tiny)).clamp(0.0, 1.0)
    return x


def _windows(accuracies: Float64[Tensor, " n"]) -> tuple[Tensor, Tensor]:
    """Return where each table starts and its nodes' distance, from the moments of the sums."""
    ratio = bessel_ratio(accuracies)
    along = (accuracies * ratio).cumsum(0)
    across_var = (accuracies * ratio).cumsum(0)  # a^2 E sin^2 y = a A(a)
    along_var = (accuracies.square() * (1 - ratio.square()) - accuracies * ratio).cumsum(0)
    middle = (along.square() + along_var + across_var).sqrt()
    reach = _REACH * (along_var + across_var.clamp(max=1.0)).sqrt()
    low, high = (middle - reach).clamp(min=0.0), torch.minimum(middle + reach, accuracies.cumsum(0))
    return low[FEWEST - 1 :], ((high - low) / (_NODES - 1))[FEWEST - 1 :]


def _nodes(low: Tensor, gap: Tensor) -> Float64[Tensor, " nodes"]:
    return low + gap * torch.arange(_NODES, dtype=torch.float64)


def _first(accuracies: Float64[Tensor, " few"], c: Float64[Tensor, " nodes"]) -> Float64[Tensor, " nodes"]:
    """Return the ring density at lengths c: the uniform walk's, times I0(c) / prod I0(a_k)."""
    scale = log_i0e(c) + c - (log_i0e(accuracies) + accuracies).sum()
    return walk_density(accuracies, c).clamp(min=0.0) * scale.exp()


def _one_more(
    ring: Float64[Tensor, " nodes"],
    low: Tensor,
    gap: Tensor,
    into: Float64[Tensor, " nodes"],
    accuracy: float,
) -> Float64[Tensor, " nodes"]:
    """Return h after one more message at the nodes `into`, from h before it.

    h'(c) is the mean of h(b) I0(c) / (I0(b) I0(a)) over directions u, with b = |c - a exp(iu)|.
    """
    points = 12 + int(6 * math.sqrt(accuracy))
    half = torch.sin((torch.arange(points, dtype=torch.float64) + 0.5) * (math.pi / points / 2)).square()
    c = into[:, None]
    before = ((c - accuracy).square() + 4 * c * accuracy * half).sqrt()
    drop = c - before - accuracy
    a = torch.tensor([accuracy], dtype=torch.float64)
    kernel = (drop + log_i0e(c) - log_i0e(before) - log_i0e(a)).exp()
    return (_interpolated(ring, low, gap, before) * kernel).mean(1).clamp(min=0.0)


def _interpolated(ring: Float64[Tensor, " nodes"], low: Tensor, gap: Tensor, at: Tensor) -> Tensor:
    """Interpolate by polynomials of degree 7; the ring density is even, and 0 beyond its nodes."""
    left = ring[1 : _STENCIL + 1].flip(0) if float(low) == 0.0 else ring.new_zeros(_STENCIL)
    padded = torch.cat([left, ring, ring.new_zeros(_STENCIL)])
    place = ((at - low) / gap).clamp(-_STENCIL / 2, len(ring) - 1 + _STENCIL / 2)
    base = place.floor()
    first = base.long() + _STENCIL - (_STENCIL // 2 - 1)
    terms = (padded.unfold(0, _STENCIL, 1)[first] @ _lagrange()).unbind(-1)
    x, value = place - base - 0.5, terms[-1]
    for term in terms[-2::-1]:
        value = value * x + term
    return value


@lru_cache(maxsize=1)
def _lagrange() -> Float64[Tensor, "places powers"]:
    """Return the matrix from values at -3, ..., 4 to their polynomial's coefficients in x - 1/2."""
    places = torch.arange(1 - _STENCIL // 2, _STENCIL // 2 + 1, dtype=torch.float64) - 0.5
    weights: Tensor = torch.linalg.inv(places[:, None] ** torch.arange(_STENCIL)).T.contiguous()
    return weights


def _table(ring: Float64[Tensor, " nodes"], low: Tensor, gap: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return distribution function, density and h, scaled so that the probabilities sum to 1."""
    c = _nodes(low, gap)
    density = 2 * math.pi * c * ring
    slope = _slope(density, gap, odd=float(low) == 0.0)
    # Euler and Maclaurin: the trapezium's error is of order 4 with the slopes at both ends.
    cells = gap / 2 * (density[:-1] + density[1:]) + gap.square() / 12 * (slope[:-1] - slope[1:])
    mass = torch.cat([density.new_zeros(1), cells.clamp(min=0.0).cumsum(0)])
    return mass / mass[-1], density / mass[-1], ring / mass[-1]


def _slope(values: Float64[Tensor, " nodes"], gap: Tensor, *, odd: bool) -> Float64[Tensor, " nodes"]:
    """Differentiate by central differences of order 4; beyond the ends is 0, or the odd continuation."""
    before = -values[1:3].flip(0) if odd else values.new_zeros(2)
    wide = torch.cat([before, values, values.new_zeros(2)])
    return (8 * (wide[3:-1] - wide[1:-3]) - (wide[4:] - wide[:-4])) / (12 * gap)
