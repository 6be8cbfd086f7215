"""Bayesian flow for real variables, with Gaussian messages (CrysBFN Eq. 20-22; SymmBFN Eq. 9-15)."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from epitaxy.flows._bayesian import DiscreteOrContinuous
from epitaxy.flows._checks import check_number, check_option
from epitaxy.flows._rows import column, step_index
from epitaxy.flows._summed_loss import SummedLoss
from epitaxy.flows._types import PerRow, Values
from epitaxy.flows.protocol import Features
from epitaxy.geometry import AnyRng, FlatTorus, Rng, as_rng

SMALLEST_SIGMA = 1e-9
"""Least sigma1: losses weigh by its inverse square, and are float32 numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianBFN(SummedLoss, DiscreteOrContinuous):
    """Bayesian flow on real variables. Data are `"rows *event"`; the network predicts them, or the noise.

    The state is the mean mu of a Gaussian belief. Its precision rho(t) = sigma1^(-2t) depends on time alone,
    from 1 at t = 0 to sigma1^-2 at t = 1, so it is no part of the state. (The paper's Alg. 2 starts mu at 1;
    its text and code, and this, at 0.)

    Args:
        sigma1: standard deviation of the belief at t = 1, at least 1e-9 and less than 1.
        grid: number of steps n; None for continuous time.
        loss_kind: "discrete", the divergence of step i at t = (i - 1) / n times n,
            n (1 - sigma1^(2/n)) / (2 sigma1^(2i/n)) |x - x_hat|^2, Eq. 21, which needs a grid; or
            "continuous", its limit -ln(sigma1) sigma1^(-2t) |x - x_hat|^2 at t.
        sampler: "bayes", update the belief by a message around the prediction (Alg. 2); or "end_back", draw a
            fresh belief around the prediction from the flow distribution, as the published runs do.
        parametrisation: what the network's output stands for: the "data" x_hat; or the "noise" eps_hat that
            made the mean, x_hat = mu / gamma - ((1 - gamma) / gamma)^(1/2) eps_hat (SymmBFN Eq. 14). The
            continuous loss is then -ln(sigma1) / gamma |eps - eps_hat|^2. Or the "residual" of the belief in
            its own standard deviations, x_hat = mu + sigma1^t r_hat, beyond the papers: of data of unit scale
            r is of unit scale at all times, from x at t = 0 to a noise at t = 1, and the continuous loss
            -ln(sigma1) |r - r_hat|^2 weighs all times alike. Noise read from a mean near t = 0, by contrast,
            is a small number times a large one where the loss has its largest weight.
        t_min: earlier times count as this one in the continuous loss's weight and wherever an output stands
            for noise; the state's law, its prior and its steps know the true time. "noise" needs one: its
            loss diverges as 1 / (2t), of which SymmBFN, which states none, has an infinite expectation.
            GeoBFN's code has 1e-4 (and shows the network a mean of 0 before).
        clamp: bound on the components of the predicted noise, in the loss too, which has no gradient beyond;
            GeoBFN's code has 10. None: no bound.
        period: data are points in [0, period) that go around, such as fractional coordinates in the Euclidean
            belief of SymmBFN: predictions are wrapped before messages are drawn around them and when decoded,
            and the loss takes the shortest difference. (The paper wraps too, but has the plain difference,
            by which 0.01 and 0.99 are far apart; whether it wraps before the loss it does not say.) Early on,
            where ((1 - gamma) / gamma)^(1/2) is more than a period, such a loss says little about the noise.
        temperature: of what is sampled: the noise of every message that a prediction expects has this share
            of its variance. 1 is the law that was learned. Below it samples are finer and less various: of
            data with a Gaussian law N(m, V), a perfect network's samples by many steps of "bayes" have the
            law N(m, temperature V). None of the papers has one.
        wrapped: the mean itself is put into [0, period), in training and after every step, as SymmBFN's
            published code does (`mu_coord % 1.0`; its text does not say so). Outputs are read from the
            wrapped mean. No belief is one that its messages made then: 0.1 short of the cell's edge and 0.1
            beyond it look alike, as they should, but a mean that is halved and wrapped is no half of a point.

    """

    sigma1: float = math.sqrt(1e-3)
    parametrisation: Literal["data", "noise", "residual"] = "data"
    t_min: float = 0.0
    clamp: float | None = None
    period: float | None = None
    wrapped: bool = False
    temperature: float = 1.0

    def __post_init__(self) -> None:
        check_number("sigma1", self.sigma1, least=SMALLEST_SIGMA, below=1.0)
        check_number("temperature", self.temperature, least=1e-2, below=1e2)
        self._check_time()
        self._check_outputs()

    def _check_outputs(self) -> None:
        check_option("parametrisation", self.parametrisation, ("data", "noise", "residual"))
        check_number("t_min", self.t_min, least=0.0, below=1.0)
        if self.parametrisation == "noise" and self.t_min == 0.0:
            raise ValueError("the loss of a predicted noise is infinite at t = 0: give a t_min, such as 1e-4")
        if self.clamp is not None and self.parametrisation != "noise":
            raise ValueError("clamp bounds a predicted noise: leave it, or say parametrisation='noise'")
        if self.clamp is not None:
            check_number("clamp", self.clamp)
        if self.period is not None:
            FlatTorus(self.period)
        elif self.wrapped:
            raise ValueError("wrapped puts the mean of points that go around into their cell: give a period")

    def with_temperature(self, temperature: float) -> "GaussianBFN":
        """Return the same flow, sampled at another temperature."""
        return replace(self, temperature=temperature)

    def precision(self, t: PerRow) -> PerRow:
        """Return the belief's precision rho(t) = sigma1^(-2t)."""
        return torch.exp(-2 * math.log(self.sigma1) * t)

    def deviation(self, t: PerRow) -> PerRow:
        """Return the belief's standard deviation sigma1^t."""
        return torch.exp(math.log(self.sigma1) * t)

    def gamma(self, t: PerRow) -> PerRow:
        """Return the share of the data in the mean, 1 - sigma1^(2t), accurate near t = 0."""
        return -torch.expm1(2 * math.log(self.sigma1) * t)

    def spread(self, t: PerRow) -> PerRow:
        """Return the deviation ((1 - gamma) / gamma)^(1/2) of mu / gamma, at `t_min` at the earliest.

        It is beta^(-1/2) with beta = rho - 1, which neither end of time cancels away.
        """
        return torch.expm1(-2 * math.log(self.sigma1) * t.clamp(min=self.t_min)).rsqrt()

    def accuracy(self, t: PerRow, s: PerRow) -> PerRow:
        """Return the accuracy rho(s) - rho(t) of the messages between t and s."""
        return self.precision(s) * self.gamma(s - t)

    def prior(self, like: Values, *, rng: AnyRng) -> Values:
        """Return the mean 0: the belief is a standard Gaussian."""
        return torch.zeros_like(like)

    def sender(self, x: Values, alpha: PerRow, *, rng: AnyRng) -> Values:
        """Draw a message about x: y ~ N(x, 1 / alpha); finite where alpha is 0, and then without effect."""
        return self._message(x, alpha, 1.0, as_rng(rng))

    def receiver(self, x_hat: Values, alpha: PerRow, *, rng: AnyRng) -> Values:
        """Draw the message that a prediction expects: its output law is a point mass.

        It is N(x_hat, 1 / alpha) at temperature 1, and N(x_hat, temperature / alpha) at another.
        """
        return self._message(x_hat, alpha, self.temperature, as_rng(rng))

    def bayesian_update(self, mean: Values, y: Values, alpha: PerRow, precision: PerRow) -> Values:
        """Return the mean after message y of accuracy alpha, from a belief of this precision."""
        share = (alpha / (precision + alpha)).to(y.dtype)
        return torch.lerp(mean, y, column(share, y.ndim))

    def corrupt(self, x: Values, t: PerRow, *, rng: AnyRng) -> Values:
        """Draw from the flow distribution N(gamma x, gamma (1 - gamma)), Eq. 20."""
        return self._belief(x, t, 1.0, as_rng(rng))

    def fresh(self, x_hat: Values, t: PerRow, *, rng: AnyRng) -> Values:
        """Draw the mean at t that messages about a prediction make, at the flow's temperature."""
        return self._belief(x_hat, t, self.temperature, as_rng(rng))

    def features(self, state: Values, t: PerRow) -> Features:
        """Return the mean."""
        return Features(value=state)

    def data_of(self, output: Values, state: Values, t: PerRow) -> Values:
        """Return the data x_hat that an output predicts, see `parametrisation` and `period`."""
        if self.parametrisation == "noise":
            share, spread = self._share_and_spread(t, state.ndim)
            noise = output if self.clamp is None else output.clamp(-self.clamp, self.clamp)
            output = state / share - spread * noise
        elif self.parametrisation == "residual":
            output = state + column(self.deviation(t), state.ndim) * output
        return output if self.period is None else FlatTorus(self.period).project(output)

    def noise_of(self, x: Values, state: Values, t: PerRow) -> Values:
        """Return the noise eps that makes the state from data x, at `t_min` at the earliest."""
        share, spread = self._share_and_spread(t, state.ndim)
        return (state / share - x) / spread

    def output_of(self, x: Values, state: Values, t: PerRow) -> Values:
        """Return the output that stands for data x, see `parametrisation`: the inverse of `data_of`."""
        if self.parametrisation == "noise":
            return self.noise_of(x, state, t)
        if self.parametrisation == "residual":
            return (x - state) / column(self.deviation(t), state.ndim)
        return x

    def component_losses(self, output: Values, x: Values, state: Values, t: PerRow) -> Values:
        """Return each component's part of the loss at t, see `loss_kind`."""
        gap = self.data_of(output, state, t) - x
        if self.period is not None:
            gap = FlatTorus(self.period).wrap(gap)
        return column(self._weight(t), gap.ndim) * gap.square()

    def step(self, state: Values, output: Values, t: PerRow, s: PerRow, *, rng: AnyRng) -> Values:
        """Draw the mean at s > t, see `sampler`. Any s will do, on the grid or off it."""
        x_hat = self.data_of(output, state, t)
        if self.sampler == "end_back":
            return self.fresh(x_hat, s, rng=rng)
        alpha = self.accuracy(t, s)
        message = self.receiver(x_hat, alpha, rng=rng)
        return self._put(self.bayesian_update(state, message, alpha, self.precision(t)))

    def decode(self, state: Values, output: Values, t: PerRow, *, rng: AnyRng) -> Values:
        """Return the predicted data (Alg. 2)."""
        return self.data_of(output, state, t)

    def _message(self, x: Values, alpha: PerRow, heat: float, rng: Rng) -> Values:
        """Draw y ~ N(x, heat / alpha)."""
        noise = rng.normal(x.shape, dtype=x.dtype, device=x.device)
        precision = column(alpha.clamp(min=torch.finfo(x.dtype).tiny), x.ndim)
        return x + math.sqrt(heat) * noise / precision.sqrt()

    def _belief(self, x: Values, t: PerRow, heat: float, rng: Rng) -> Values:
        """Draw the mean of a belief after messages about x whose noise has this share of its variance."""
        gamma, rest = column(self.gamma(t), x.ndim), column(1 / self.precision(t), x.ndim)
        noise = rng.normal(x.shape, dtype=x.dtype, device=x.device)
        return self._put(gamma * x + math.sqrt(heat) * (gamma * rest).sqrt() * noise)

    def _put(self, mean: Values) -> Values:
        """Return the mean where `wrapped` has it."""
        return mean if self.period is None or not self.wrapped else FlatTorus(self.period).project(mean)

    def _share_and_spread(self, t: PerRow, ndim: int) -> tuple[Tensor, Tensor]:
        """Return gamma and `spread` as columns, at t_min at the earliest."""
        return column(self.gamma(t.clamp(min=self.t_min)), ndim), column(self.spread(t), ndim)

    def _weight(self, t: PerRow) -> PerRow:
        if self.loss_kind == "continuous" or self.grid is None:
            return -math.log(self.sigma1) * self.precision(t.clamp(min=self.t_min))
        i = step_index(t, self.grid).to(t.dtype)
        return self.grid / 2 * self.accuracy(i / self.grid, (i + 1) / self.grid)
