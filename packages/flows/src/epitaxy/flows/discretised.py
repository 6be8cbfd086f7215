"""Bayesian flow for a number on a few equal bins (GeoBFN Eq. 15, 19, 21; Graves et al. 2023, Sec. 5)."""

import math
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.flows._bayesian import DiscreteOrContinuous
from epitaxy.flows._bins import bin_centre, bin_centres, bin_expectation, log_bin_masses
from epitaxy.flows._checks import check_count, check_number, check_option
from epitaxy.flows._classes import draw_classes, labels
from epitaxy.flows._rows import step_index
from epitaxy.flows._types import Labels, PerRow
from epitaxy.flows.gaussian import SMALLEST_SIGMA, GaussianBFN
from epitaxy.flows.limits import Limits
from epitaxy.flows.protocol import Features
from epitaxy.geometry import AnyRng, Rng, as_rng, constant


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscretisedGaussianBFN(DiscreteOrContinuous):
    """Bayesian flow on a whole number, such as a nuclear charge, as the centre of one of K bins of [-1, 1].

    Data are bins 0, ..., K - 1, `" rows"`; bin k has the centre (2k + 1) / K - 1. The state is the mean mu of
    a Gaussian belief about the centre, of precision sigma1^(-2t), as in `GaussianBFN`. The network gives two
    numbers a row, `"rows 2"`: the noise in mu, and a logarithm of the scale,

        m = mu / gamma - r noise,   sigma = r exp(log_scale),   r = sqrt((1 - gamma) / gamma),
        gamma(t) = 1 - sigma1^(2t),

    and each bin's probability p_k is the mass of N(m, sigma^2) in it, all that is beyond -1 in the first and
    all that is beyond 1 in the last.

    A wide N(m, sigma^2) has most of its mass in the first and last bins though its expectation is in the
    middle, and the continuous loss, which sees the expectation alone, cannot tell it from a narrow one. Hence
    the paper's Eq. 21, which rounds the expectation to the nearest of all K bins: "published". That is not
    the most probable bin, and no `guess` but "sampled" returns the law of the data exactly. With the exact
    posterior for a network, nine bins and hydrogen, carbon, nitrogen, oxygen and fluorine in shares of 0.25,
    0.4, 0.2, 0.1 and 0.05, samples of 100 steps have 0.25, 0.40, 0.20, 0.10, 0.05 by "sampled" and 0.25,
    0.42, 0.20, 0.10, 0.03 by "expectation" and by "published". Rounding to legal bins at every step,
    "nearest", which the paper does not do, is strongly biased: 0.19, 0.44, 0.23, 0.11, 0.04. "sampled" trusts
    sigma, which the discrete loss teaches and the continuous one does not.

    Args:
        bins: number of bins K, at least 2.
        sigma1: standard deviation of the belief at t = 1, in (0, 1).
        legal: the bins that occur in data; None: all. No other bin is ever a sample.
        grid: number of steps n; None for continuous time.
        loss_kind: "continuous", -ln(sigma1) sigma1^(-2t) (sum_k p_k c_k - x)^2 at t with the centres c, Eq.
            19; or "discrete", n times the divergence of the message of step i at t = (i - 1) / n from the
            mixture of messages about the bins (Graves et al., Sec. 5), which needs a grid, estimated by
            `draws` antithetic pairs of messages.
        sampler: "bayes", update the belief by the next message; or "end_back", draw a fresh belief from the
            flow distribution.
        guess: what the sampler's message is about, and the sample. "expectation": the expectation sum_k p_k
            c_k itself, unrounded; the sample is the legal bin whose centre is nearest to it. "published": the
            bin nearest to the expectation, legal or not, Eq. 21, which so feeds back charges of no element;
            the sample is the nearest legal bin. "sampled": a legal bin drawn by its probability, the receiver
            distribution of Graves et al. "nearest": the nearest legal bin, which is beyond the paper.
        draws: pairs of messages for the discrete loss.
        t_min: earlier times count as this one where an output is read, since r grows without bound.
        output_clamp: both of the network's numbers are kept within plus and minus this.
        mean_clamp: m is kept within plus and minus this.
        sigma_range: sigma is kept between these two. This clamp and the former two are the code's, not the
            paper's; the loss has no slope in what one of them holds.
        temperature: of what is sampled, see `GaussianBFN`.
        limits: set by `limited`; their classes are all K bins.

    """

    bins: int
    sigma1: float
    legal: tuple[int, ...] | None = None
    grid: int | None = None
    loss_kind: Literal["discrete", "continuous"] = "continuous"
    guess: Literal["nearest", "sampled", "expectation", "published"] = "expectation"
    draws: int = 1
    t_min: float = 1e-4
    output_clamp: float = 10.0
    mean_clamp: float = 2.0
    sigma_range: tuple[float, float] = (1e-6, 4.0)
    temperature: float = 1.0
    limits: Limits | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_count("bins", self.bins, least=2)
        check_count("draws", self.draws)
        check_number("sigma1", self.sigma1, least=SMALLEST_SIGMA, below=1.0)
        if self.legal is not None and (not self.legal or not set(self.legal) <= set(range(self.bins))):
            raise ValueError(
                f"legal bins must be among 0, ..., {self.bins - 1}, at least one, not {self.legal}"
            )
        check_number("t_min", self.t_min, below=1.0)
        least, most = self.sigma_range
        clamps = (self.output_clamp, self.mean_clamp)
        if not 0.0 < least < most < math.inf or not all(0.0 < clamp < math.inf for clamp in clamps):
            raise ValueError(
                "clamps must be positive and finite, and sigma_range two rising such numbers, not "
                f"{self.output_clamp}, {self.mean_clamp}, {self.sigma_range}"
            )
        check_number("temperature", self.temperature, least=1e-2, below=1e2)
        self._check_time()
        check_option("guess", self.guess, ("nearest", "sampled", "expectation", "published"))

    @property
    def belief(self) -> GaussianBFN:
        """The flow of the belief about a bin's centre, told by its noise: gamma, messages, and m."""
        return GaussianBFN(
            sigma1=self.sigma1,
            grid=None,
            loss_kind="continuous",
            parametrisation="noise",
            t_min=self.t_min,
            clamp=self.output_clamp,
            temperature=self.temperature,
        )

    def with_temperature(self, temperature: float) -> "DiscretisedGaussianBFN":
        """Return the same flow, sampled at another temperature."""
        return replace(self, temperature=temperature)

    def limited(self, limits: Limits) -> "DiscretisedGaussianBFN":
        """Return the same flow under limits, which should allow legal bins alone.

        Expectations are over the allowed bins, so that one is neared even if its neighbours on both sides are
        what is predicted; the sample is the allowed bin nearest to it. "published" rounds to allowed bins.
        """
        return replace(self, limits=limits)

    def centre(self, x: Labels, dtype: torch.dtype) -> PerRow:
        """Return the centres of bins."""
        return bin_centre(labels(x, self.bins), self.bins, dtype)

    def gaussian(self, output: Float[Tensor, "rows 2"], mean: PerRow, t: PerRow) -> tuple[PerRow, PerRow]:
        """Return the mean m and standard deviation sigma that the network's output stands for."""
        noise, log_scale = output.unbind(1)
        scale = log_scale.clamp(-self.output_clamp, self.output_clamp).exp()
        m = self.belief.data_of(noise, mean, t).clamp(-self.mean_clamp, self.mean_clamp)
        return m, (self.belief.spread(t) * scale).clamp(*self.sigma_range)

    def log_probabilities(
        self, output: Float[Tensor, "rows 2"], mean: PerRow, t: PerRow
    ) -> Float[Tensor, "rows bins"]:
        """Return the logarithms of the bins' probabilities, legal or not, in float64."""
        return log_bin_masses(*self.gaussian(output, mean, t), self.bins)

    def prior(self, like: Labels, *, rng: AnyRng) -> PerRow:
        """Return the mean 0 in torch's default dtype: the belief is a standard Gaussian."""
        return torch.zeros(like.shape[0], device=like.device)

    def corrupt(self, x: Labels, t: PerRow, *, rng: AnyRng) -> PerRow:
        """Draw the mean from the flow distribution N(gamma c, gamma (1 - gamma)), c the centre of x."""
        return self.belief.corrupt(self.centre(x, t.dtype), t, rng=rng)

    def features(self, state: PerRow, t: PerRow) -> Features:
        """Return the mean, as one column."""
        return Features(value=state[:, None])

    def loss(
        self, output: Float[Tensor, "rows 2"], x: Labels, state: PerRow, t: PerRow, *, rng: AnyRng
    ) -> PerRow:
        """Return the loss at t, see `loss_kind`."""
        if self.loss_kind == "continuous" or self.grid is None:
            expected = bin_expectation(*self.gaussian(output, state, t), self.bins)
            error = expected - self.centre(x, expected.dtype)
            return -math.log(self.sigma1) * self.belief.precision(t) * error.square()
        i = step_index(t, self.grid).double()
        alpha = self.belief.accuracy(i / self.grid, (i + 1) / self.grid)
        divergence = self._divergence(self.log_probabilities(output, state, t), x, alpha, as_rng(rng))
        return (self.grid * divergence).to(output.dtype)

    def receiver(self, log_p: Float[Tensor, "rows bins"], alpha: PerRow, *, rng: AnyRng) -> PerRow:
        """Draw the message y ~ N(c, temperature / alpha) that the bins expect, c by `guess`."""
        source = as_rng(rng)
        return self.belief.receiver(self._guess(log_p, source).to(alpha.dtype), alpha, rng=source)

    def step(
        self, state: PerRow, output: Float[Tensor, " rows _outputs"], t: PerRow, s: PerRow, *, rng: AnyRng
    ) -> PerRow:
        """Draw the mean at s > t, see `sampler` and `guess`. Any s will do, on the grid or off it."""
        log_p, source = self.log_probabilities(output, state, t), as_rng(rng)
        if self.sampler == "end_back":
            return self.belief.fresh(self._guess(log_p, source).to(state.dtype), s, rng=source)
        alpha = self.belief.accuracy(t, s)
        y = self.receiver(log_p, alpha, rng=source)
        return self.belief.bayesian_update(state, y, alpha, self.belief.precision(t))

    def decode(
        self, state: PerRow, output: Float[Tensor, " rows _outputs"], t: PerRow, *, rng: AnyRng
    ) -> Labels:
        """Return a legal bin: drawn by its probability if `guess` is "sampled", else the nearest one."""
        log_p = self.log_probabilities(output, state, t)
        if self.guess == "sampled":
            return self._draw(log_p, as_rng(rng))
        return self._nearest(log_p, self._legal(log_p))

    def _guess(self, log_p: Float[Tensor, "rows bins"], rng: Rng) -> PerRow:
        """Return what a message is about, a point of [-1, 1]."""
        if self.guess == "expectation":
            return self._expectation(log_p)
        if self.guess == "sampled":
            return self.centre(self._draw(log_p, rng), log_p.dtype)
        among = (
            self._legal(log_p) if self.guess == "nearest" else torch.arange(self.bins, device=log_p.device)
        )
        return self.centre(self._nearest(log_p, among), log_p.dtype)

    def _legal(self, like: Tensor) -> Int[Tensor, " legal"]:
        listed = sorted(set(range(self.bins) if self.legal is None else self.legal))
        return constant(tuple(listed), torch.int64, like.device)

    def _expectation(self, log_p: Float[Tensor, "rows bins"]) -> PerRow:
        p = log_p.exp() if self.limits is None else self.limits.probabilities(log_p)
        return (p * bin_centres(self.bins, log_p)).sum(1)

    def _nearest(self, log_p: Float[Tensor, "rows bins"], among: Int[Tensor, " some"]) -> Labels:
        """Return the bin among some, or among those allowed, whose centre is nearest to the expectation."""
        if self.limits is not None:
            off = self._expectation(log_p)[:, None] - bin_centres(self.bins, log_p)
            return self.limits.mode(-off.square())
        gap = self._expectation(log_p)[:, None] - self.centre(among, log_p.dtype)
        return among[gap.abs().argmin(1)]

    def _draw(self, log_p: Float[Tensor, "rows bins"], rng: Rng) -> Labels:
        """Draw a legal bin by its probability."""
        if self.limits is not None:
            return self.limits.draw(log_p, rng)
        legal = self._legal(log_p)
        return legal[draw_classes(log_p[:, legal], rng)]

    def _divergence(self, log_p: Float[Tensor, "rows bins"], x: Labels, alpha: PerRow, rng: Rng) -> PerRow:
        """Return the mean of ln N(y | c_x) - ln sum_k p_k N(y | c_k) over messages y about x.

        Noise comes in pairs of opposite signs: what is linear in it, by far the most of the variance at small
        alpha, cancels.
        """
        half = rng.normal((x.shape[0], self.draws), dtype=log_p.dtype, device=log_p.device)
        noise = torch.cat([half, -half], dim=1)[:, :, None]
        gap = (bin_centres(self.bins, log_p) - self.centre(x, log_p.dtype)[:, None])[:, None]
        scale = alpha.to(log_p.dtype)[:, None, None]
        advantage = scale.sqrt() * noise * gap - scale / 2 * gap.square()
        return -torch.logsumexp(log_p[:, None] + advantage, dim=-1).mean(1)
