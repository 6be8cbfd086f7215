"""The noising of kinetic diffusion: what becomes of points as time goes on (KLDM, Sec. 3)."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from epitaxy.flows._checks import check_number, check_option
from epitaxy.flows._rows import LAST_NOISE_TIME, column
from epitaxy.flows._time import ContinuousTime
from epitaxy.flows._types import PerRow, Points
from epitaxy.flows.kinetic_kernel import KineticKernel
from epitaxy.flows.kinetic_state import CorruptedKineticState, KineticState
from epitaxy.flows.protocol import Features
from epitaxy.geometry import (
    AnyRng,
    Centered,
    FlatTorus,
    Rng,
    Segments,
    as_rng,
    wrapped_normal_information,
)

TURN = 2 * math.pi
F = TypeVar("F", bound="KineticProcess")


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficients:
    """The kernel at each row's time, as columns in the state's dtype."""

    velocity_std: Tensor
    slope: Tensor
    spread: Tensor
    root_information: Tensor
    """Root of the mean square of the wrapped kernel's score, lambda(t)^(1/2)."""


@dataclass(frozen=True, kw_only=True)  # without slots, of which one of two parents may have some
class KineticProcess(ContinuousTime):
    """Points on a flat torus whose velocities are noised: `KineticDiffusion`, which undoes it, says how.

    Attributes:
        manifold: the torus, whose period is the unit of positions.
        horizon: the noise time at t = 0.
        initial_velocity: standard deviation of velocities at the data.
        prior_kind: "uniform" positions; or "marginal".
        segments: set by `on`.

    """

    manifold: FlatTorus = field(default_factory=FlatTorus)
    horizon: float = 2.0
    initial_velocity: float = 0.0
    prior_kind: Literal["uniform", "marginal"] = "uniform"
    segments: Segments | None = field(default=None, repr=False, compare=False)

    def _check_process(self) -> None:
        check_number("horizon", self.horizon, least=1e-3, below=1e3)
        check_number("initial_velocity", self.initial_velocity, least=0.0, below=1e6)
        check_option("prior_kind", self.prior_kind, ("uniform", "marginal"))

    def on(self: F, segments: Segments) -> F:
        """Return the flow for rows that are the atoms of these graphs, without net translation."""
        return replace(self, segments=segments)

    def noise_time(self, t: PerRow) -> PerRow:
        """Return u = horizon (1 - t), in float64."""
        return self.horizon * (1 - t.double()).clamp(min=0.0)

    def prior(self, like: Points, *, rng: AnyRng) -> KineticState:
        """Draw the start, see `prior_kind`; velocities have the law that they have at t = 0."""
        source = as_rng(rng)
        if self.prior_kind == "marginal":
            return self.corrupt(like, torch.zeros_like(like[:, 0]), rng=source)
        u = torch.tensor([self.horizon], dtype=torch.float64)
        std = float(KineticKernel.at(u, self.initial_velocity).velocity_std)
        position = self.manifold.sample_uniform(like.shape, rng=source, dtype=like.dtype, device=like.device)
        return KineticState(position=position, velocity=std * self._normal(like, source))

    def corrupt(self, x: Points, t: PerRow, *, rng: AnyRng) -> CorruptedKineticState:
        """Draw from the transition kernel, Eq. 16."""
        at, source = self._at(t, x), as_rng(rng)
        velocity = at.velocity_std * self._normal(x, source)
        noise = self._normal(x, source)
        position = self._moved(x, at.slope * velocity + at.spread * noise)
        return CorruptedKineticState(position=position, velocity=velocity, noise=noise)

    def features(self, state: KineticState, t: PerRow) -> Features:
        """Return position and velocity."""
        return Features(value=state.position, velocity=state.velocity)

    def _read_at(self, t: PerRow, like: Tensor) -> Coefficients:
        """Return the kernel by which outputs and states are read, which divides by its widths."""
        return self._kernel(self._least(self.noise_time(t)), like)

    def _least(self, u: Float64[Tensor, " rows"]) -> Float64[Tensor, " rows"]:
        return u.clamp(min=self.horizon * LAST_NOISE_TIME)

    def _at(self, t: PerRow, like: Tensor) -> Coefficients:
        """Return the kernel at each row's time."""
        return self._kernel(self.noise_time(t), like)

    def _kernel(self, u: Float64[Tensor, " rows"], like: Tensor) -> Coefficients:
        """Return the kernel at noise times; rows of one graph share theirs, so it is computed once."""
        times, rows = distinct(u)
        kernel = KineticKernel.at(times, self.initial_velocity)
        spread = kernel.spread.clamp(min=torch.finfo(like.dtype).tiny ** 0.5)
        columns = (
            column(rows(values).to(like.dtype), like.ndim)
            for values in (
                kernel.velocity_std,
                kernel.slope,
                spread,
                wrapped_normal_information(spread).sqrt(),
            )
        )
        velocity_std, slope, spread, root_information = columns
        return Coefficients(
            velocity_std=velocity_std, slope=slope, spread=spread, root_information=root_information
        )

    def _normal(self, like: Tensor, rng: Rng) -> Points:
        if self.segments is None:
            return rng.normal(like.shape, dtype=like.dtype, device=like.device)
        return Centered(self.segments).normal(like.shape[1], rng=rng, dtype=like.dtype, device=like.device)

    def _centred(self, x: Points) -> Points:
        return x if self.segments is None else self.segments.center(x)

    def _moved(self, x: Points, radians: Points) -> Tensor:
        return self.manifold.exp(x, radians * (self.manifold.period / TURN))

    def _arrived(self, position: Tensor, radians: Tensor, velocity: Tensor) -> KineticState:
        """Return the state after a move; velocities are centred again, lest rounding add up to a drift."""
        return KineticState(position=self._moved(position, radians), velocity=self._centred(velocity))


def distinct(times: Float[Tensor, "*pair rows"]) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Return the times of each run of equal ones, and how values at them become values a row.

    Rows of one graph are neighbours and share their times, and a CPU computes each once. Neighbours are
    compared, not all sorted (`torch.unique`), which took longer than what it saved. Which are the same is no
    question for another device: the host would wait for the answer, and there all rows are computed as fast.
    """
    if times.device.type != "cpu" or not times.shape[-1]:
        return times, lambda values: values
    several = times if times.ndim > 1 else times[None]
    first = torch.ones(several.shape[-1], dtype=torch.bool)
    first[1:] = (several[:, 1:] != several[:, :-1]).any(0)
    rows = first.cumsum(0) - 1
    return times[..., first], lambda values: values[rows]
