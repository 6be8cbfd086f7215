"""Variance-preserving diffusion of real variables (KLDM, Sec. 3.3; Song et al. 2021)."""

from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from jaxtyping import Float64
from torch import Tensor

from epitaxy.flows._checks import check_number, check_option
from epitaxy.flows._reverse_steps import REVERSE_STEPS, Interval
from epitaxy.flows._rows import LAST_NOISE_TIME, column
from epitaxy.flows._samplers import ChoiceOfSampler
from epitaxy.flows._summed_loss import SummedLoss
from epitaxy.flows._time import ContinuousTime
from epitaxy.flows._types import PerRow, Values
from epitaxy.flows.noise_schedules import LinearBeta, NoiseSchedule
from epitaxy.flows.protocol import Features
from epitaxy.geometry import AnyRng, as_rng

Sampler = Literal["ancestral", "euler_maruyama", "exponential", "probability_flow", "published_pc"]
_LEAST_SQUARE = 1e-2
"""Least mean square of the score in a correction's size; that of a standard normal is 1 on average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariancePreserving(ContinuousTime, SummedLoss, ChoiceOfSampler):
    """Diffusion on real variables. Data are `"rows *event"`, best of about unit variance; so are states.

    At noise time u = 1 - t the state is alpha(u) x0 + sigma(u) eps. The prior is a standard normal, which the
    state at t = 0 has only nearly: of the data, alpha(1) = 0.0066 is left.

    Args:
        schedule: the rate of noise.
        prediction: what the network's output stands for, the data ("x0") or the noise ("epsilon").
        sampler: how a step is taken.
            "ancestral", draw x_s from the forward process' law given x_t and the predicted data: exact for
            data at one point, at any number of steps.
            "euler_maruyama", the reverse equation with everything held: x + (beta x / 2 + beta score) h +
            (beta h)^(1/2) eps. The paper's Alg. 3 prints no x in the drift and no g in the noise.
            "exponential", the same equation solved with the predicted noise held. The published code, which
            leaves it off, has (1 - e^(-2 dl))^(1/2) for the factor (e^(2 dl) - 1)^(1/2) of this form, l being
            ln(alpha / sigma); the former belongs to the form that holds the predicted data, which is
            "ancestral".
            "probability_flow", no noise but the prior's (DDIM).
            "published_pc", what the published code does to lattices: one correction of adaptive size before
            each step, see `correct`, then "probability_flow". The size depends on the state, so not even in
            the limit is this exact: least so for events of few components (tests/test_diffusion_oracle.py).
        corrector_step: tau, the size of a correction.

    """

    SAMPLERS = get_args(Sampler)

    schedule: NoiseSchedule = field(default_factory=LinearBeta)
    prediction: Literal["x0", "epsilon"] = "x0"
    sampler: Sampler = "ancestral"
    corrector_step: float = 0.25

    def __post_init__(self) -> None:
        check_option("prediction", self.prediction, ("x0", "epsilon"))
        check_option("sampler", self.sampler, self.SAMPLERS)
        check_number("corrector_step", self.corrector_step)

    @property
    def corrections(self) -> int:
        """Return 1 for "published_pc", else 0."""
        return int(self.sampler == "published_pc")

    def noise_time(self, t: PerRow) -> Float64[Tensor, " rows"]:
        """Return u = 1 - t, in float64."""
        return (1 - t.double()).clamp(min=0.0)

    def prior(self, like: Values, *, rng: AnyRng) -> Values:
        """Draw from the standard normal."""
        return as_rng(rng).normal(like.shape, dtype=like.dtype, device=like.device)

    def corrupt(self, x: Values, t: PerRow, *, rng: AnyRng) -> Values:
        """Draw from N(alpha x, sigma^2)."""
        alpha, sigma = self._kernel(self.noise_time(t), x)
        return alpha * x + sigma * as_rng(rng).normal(x.shape, dtype=x.dtype, device=x.device)

    def features(self, state: Values, t: PerRow) -> Features:
        """Return the state."""
        return Features(value=state)

    def x0_of(self, output: Values, state: Values, t: PerRow) -> Values:
        """Return the predicted data: the output, or (x - sigma eps) / alpha."""
        if self.prediction == "x0":
            return output
        alpha, sigma = self._kernel(self.noise_time(t), state)
        return (state - sigma * output) / alpha

    def output_of(self, x0: Values, state: Values, t: PerRow) -> Values:
        """Return the output that stands for data x0: the inverse of `x0_of`."""
        return x0 if self.prediction == "x0" else self._noise(x0, state, t)

    def epsilon_of(self, output: Values, state: Values, t: PerRow) -> Values:
        """Return the predicted noise: the output, or (x - alpha x0) / sigma."""
        if self.prediction == "epsilon":
            return output
        return self._noise(output, state, t)

    def score(self, output: Values, state: Values, t: PerRow) -> Values:
        """Return the predicted gradient of the state's log density, -eps / sigma."""
        _, sigma = self._kernel(self.noise_time(t).clamp(min=LAST_NOISE_TIME), state)
        return -self.epsilon_of(output, state, t) / sigma

    def component_losses(self, output: Values, x: Values, state: Values, t: PerRow) -> Values:
        """Return the squared error of the data or of the noise, as published: no weight by time, no nats."""
        target = x if self.prediction == "x0" else self._noise(x, state, t)
        return (output - target).square()

    def step(self, state: Values, output: Values, t: PerRow, s: PerRow, *, rng: AnyRng) -> Values:
        """Draw the state at s > t, see `sampler`."""
        at = Interval.between(
            self.schedule, self.noise_time(t).clamp(min=LAST_NOISE_TIME), self.noise_time(s)
        )
        step = REVERSE_STEPS[self.sampler](at)
        of_state, of_output = step.state, step.data
        if self.prediction == "epsilon":  # x0 = (x - sigma eps) / alpha, put in while still in float64
            of_state, of_output = of_state + step.data / at.alpha, -step.data * at.sigma / at.alpha
        moved = _cast(of_state, state) * state + _cast(of_output, state) * output
        if step.noise is None:
            return moved
        noise = as_rng(rng).normal(state.shape, dtype=state.dtype, device=state.device)
        return moved + _cast(step.noise, state) * noise

    def correct(self, state: Values, output: Values, t: PerRow, s: PerRow, *, rng: AnyRng) -> Values:
        """Draw x + delta score + (2 delta)^(1/2) eps with delta = corrector_step / mean(score^2), a row.

        The published delta is infinite where the score is 0, as near the middle of a normal law it nearly is;
        here the mean square counts as 0.01 at least.
        """
        score = self.score(output, state, t)
        square = score.square().flatten(1).mean(1) if score.ndim > 1 else score.square()
        delta = column(self.corrector_step / square.clamp(min=_LEAST_SQUARE), state.ndim)
        noise = as_rng(rng).normal(state.shape, dtype=state.dtype, device=state.device)
        return state + delta * score + (2 * delta).sqrt() * noise

    def decode(self, state: Values, output: Values, t: PerRow, *, rng: AnyRng) -> Values:
        """Return the predicted data."""
        return self.x0_of(output, state, t)

    def _kernel(self, u: Float64[Tensor, " rows"], like: Tensor) -> tuple[Tensor, Tensor]:
        """Return alpha and sigma at u, to be multiplied with a tensor like this."""
        integral = self.schedule.integral(u)
        return _cast(torch.exp(-integral / 2), like), _cast((-torch.expm1(-integral)).sqrt(), like)

    def _noise(self, x0: Tensor, state: Tensor, t: Tensor) -> Tensor:
        """Return the noise that takes x0 to the state."""
        alpha, sigma = self._kernel(self.noise_time(t).clamp(min=LAST_NOISE_TIME), state)
        return (state - alpha * x0) / sigma


def _cast(values: Float64[Tensor, " rows"], like: Tensor) -> Tensor:
    return column(values.to(like.dtype), like.ndim)
