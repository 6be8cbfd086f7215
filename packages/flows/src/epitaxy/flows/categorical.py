"""Bayesian flow for class labels (CrysBFN Eq. 23-25; Graves et al. 2023, Sec. 6)."""

from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from epitaxy.flows._bayesian import DiscreteOrContinuous
from epitaxy.flows._checks import check_count, check_number, check_option
from epitaxy.flows._classes import labels
from epitaxy.flows._rows import column, step_index, total
from epitaxy.flows._types import PerRow, Scores
from epitaxy.flows.limits import Limits, drawn, likeliest
from epitaxy.flows.protocol import Features
from epitaxy.geometry import AnyRng, Rng, as_rng


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoricalBFN(DiscreteOrContinuous):
    """Bayesian flow on class labels.

    Data are labels 0, ..., K - 1, `" rows *event"`, such as one a row (the element of an atom) or fifteen
    (SymmBFN's site symmetries, one an axis); the network predicts logits, `"rows *event classes"`. The state
    is the logarithm of the belief's probabilities theta. The accuracy accumulated at t is beta(t) = beta1
    t^2; a message about class k is y ~ N(alpha (K e_k - 1), alpha K), and the update is theta -> softmax(ln
    theta + y).

    Args:
        classes: number of classes K; with K = 1 there is nothing to learn and every loss is 0.
        beta1: accuracy at t = 1.
        grid: number of steps n; None for continuous time.
        loss_kind: "discrete", n times the divergence of the message of step i at t = (i - 1) / n, Eq. 24,
            estimated by `draws` antithetic pairs of messages, which needs a grid; or "continuous", K beta1 t
            |e_x - p|^2 at t (Graves et al., Eq. 205). The published runs use the latter at t = (i - 1) / n,
            though the paper describes the former.
        sampler: "bayes", update the belief by the next message (Alg. 2); or "end_back", draw a fresh belief
            from the flow distribution, as the published runs do.
        guess: what the sampler's message is about: "sampled", a class drawn from the predicted probabilities
            p, which is the receiver distribution; or "expectation", the soft label p itself in place of e_k,
            as the published end-back sampler does. None: "expectation" for end_back and "sampled" for bayes.
        final: the sample is "sampled" from the predicted probabilities (Alg. 2); or it is their "mode".
        reads: what `features` shows of the belief: "probabilities", 2 theta - 1, as the papers do; or
            "evidence", the logarithms of theta about their mean, over the deviation (1 + K beta)^(1/2) that
            noise gives them. Of K = 88 classes the first are all near -1 while the belief is being made up,
            and what several labels say together is a sum of logarithms. Beyond the papers.
        parametrisation: what the network's output stands for: the "data", its logits; or the "residual", what
            everything else says of the label, to which the belief itself is added: logits = output + ln
            theta. That is Bayes' rule, as theta is the likelihood of the label: the output is then the
            logarithm of a prior given the rest, and a network that knows nothing reads beliefs exactly.
            Beyond the papers.
        temperature: by which the logits are divided when sampling, not in the loss. 1 samples the law that
            was learnt; below it labels that stand together agree more than a weak network knows, and rare
            ones become rarer. Beyond the papers.
        draws: pairs of messages y for the discrete loss.
        limits: set by `limited`; of labels one a row.

    """

    classes: int
    beta1: float
    guess: Literal["expectation", "sampled"] | None = None
    final: Literal["sampled", "mode"] = "sampled"
    reads: Literal["probabilities", "evidence"] = "probabilities"
    parametrisation: Literal["data", "residual"] = "data"
    temperature: float = 1.0
    draws: int = 1
    limits: Limits | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_count("classes", self.classes)
        check_count("draws", self.draws)
        check_number("beta1", self.beta1)
        check_number("temperature", self.temperature)
        self._check_time()
        check_option("guess", self.guess, ("expectation", "sampled", None))
        check_option("final", self.final, ("sampled", "mode"))
        check_option("reads", self.reads, ("probabilities", "evidence"))
        check_option("parametrisation", self.parametrisation, ("data", "residual"))

    def with_temperature(self, temperature: float) -> "CategoricalBFN":
        """Return the same flow, sampled at another temperature."""
        return replace(self, temperature=temperature)

    def limited(self, limits: Limits) -> "CategoricalBFN":
        """Return the same flow under limits: messages and samples are of what they allow."""
        return replace(self, limits=limits)

    def beta(self, t: PerRow) -> PerRow:
        """Return the accuracy accumulated at t, beta1 t^2."""
        return self.beta1 * t.square()

    def accuracy(self, t: PerRow, s: PerRow) -> PerRow:
        """Return the accuracy beta(s) - beta(t) of the messages between t and s."""
        return self.beta1 * (s - t) * (s + t)

    def prior(self, like: Int[Tensor, " rows *event"], *, rng: AnyRng) -> Scores:
        """Return uniform probabilities, as logarithms in torch's default dtype."""
        log_theta = torch.zeros(*like.shape, self.classes, device=like.device)
        return torch.log_softmax(log_theta, dim=-1)

    def sender(self, x: Int[Tensor, " rows *event"], alpha: PerRow, *, rng: AnyRng) -> Scores:
        """Draw a message about x: y ~ N(alpha (K e_x - 1), alpha K)."""
        return self._message(self._one_hot(x, alpha.dtype), alpha, as_rng(rng))

    def receiver(self, logits: Scores, alpha: PerRow, *, rng: AnyRng) -> Scores:
        """Draw the message that a prediction expects: about a class drawn from it (Eq. 24)."""
        source = as_rng(rng)
        return self.sender(drawn(logits, self.limits, source), alpha, rng=source)

    def bayesian_update(self, log_theta: Scores, y: Scores) -> Scores:
        """Return the belief after message y; its accuracy does not enter."""
        return torch.log_softmax(log_theta + y, dim=-1)

    def corrupt(self, x: Int[Tensor, " rows *event"], t: PerRow, *, rng: AnyRng) -> Scores:
        """Draw from the flow distribution, Eq. 23: one message of accuracy beta(t) to the prior."""
        return torch.log_softmax(self.sender(x, self.beta(t), rng=rng), dim=-1)

    def features(self, state: Scores, t: PerRow) -> Features:
        """Return the probabilities on the scale of [-1, 1], 2 theta - 1; or the evidence, see `reads`."""
        if self.reads == "probabilities":
            return Features(value=2 * state.exp() - 1)
        deviation = column((1 + self.classes * self.beta(t)).sqrt(), state.ndim)
        return Features(value=(state - state.mean(-1, keepdim=True)) / deviation)

    def logits(self, output: Scores, state: Scores) -> Scores:
        """Return the logits that an output stands for, see `parametrisation`."""
        return output + state if self.parametrisation == "residual" else output

    def output_of(self, logits: Scores, state: Scores) -> Scores:
        """Return the output that stands for these logits: the inverse of `logits`."""
        return logits - state if self.parametrisation == "residual" else logits

    def loss(
        self, output: Scores, x: Int[Tensor, " rows *event"], state: Scores, t: PerRow, *, rng: AnyRng
    ) -> PerRow:
        """Return the loss at t, see `loss_kind`."""
        logits = self.logits(output, state)
        if self.loss_kind == "continuous" or self.grid is None:
            error = (logits.softmax(-1) - self._one_hot(x, logits.dtype)).square().sum(-1)
            return self.classes * self.beta1 * t * total(error)
        i = step_index(t, self.grid).to(t.dtype)
        alpha = self.accuracy(i / self.grid, (i + 1) / self.grid)
        return self.grid * self._divergence(logits, x, alpha, as_rng(rng))

    def step(self, state: Scores, output: Scores, t: PerRow, s: PerRow, *, rng: AnyRng) -> Scores:
        """Draw the belief at s > t, see `sampler` and `guess`. Any s will do, on the grid or off it."""
        fresh = self.sampler == "end_back"
        alpha = self.beta(s) if fresh else self.accuracy(t, s)
        soft = self.guess == "expectation" or (self.guess is None and fresh)
        source, logits = as_rng(rng), self.logits(output, state) / self.temperature
        y = (
            self._message(self._probabilities(logits), alpha, source)
            if soft
            else self.receiver(logits, alpha, rng=source)
        )
        return self.bayesian_update(torch.zeros_like(state) if fresh else state, y)

    def decode(self, state: Scores, output: Scores, t: PerRow, *, rng: AnyRng) -> Int[Tensor, " rows *event"]:
        """Return a class for each label, see `final`."""
        logits = self.logits(output, state) / self.temperature
        if self.final == "mode":
            return likeliest(logits, self.limits)
        return drawn(logits, self.limits, rng)

    def _probabilities(self, logits: Scores) -> Scores:
        return logits.softmax(-1) if self.limits is None else self.limits.probabilities(logits)

    def _one_hot(self, x: Int[Tensor, " rows *event"], dtype: torch.dtype) -> Scores:
        return torch.nn.functional.one_hot(labels(x, self.classes), self.classes).to(dtype)

    def _message(self, label: Scores, alpha: PerRow, rng: Rng) -> Scores:
        """Draw y ~ N(alpha (K e - 1), alpha K) for hard or soft labels e."""
        noise = rng.normal(label.shape, dtype=label.dtype, device=label.device)
        accuracy = column(alpha, label.ndim)
        return accuracy * (self.classes * label - 1) + (accuracy * self.classes).sqrt() * noise

    def _divergence(self, logits: Scores, x: Int[Tensor, " rows *event"], alpha: Tensor, rng: Rng) -> PerRow:
        """Return the mean of ln N(y | e_x) - ln sum_k p_k N(y | e_k) over messages y about x.

        The Gaussians differ by exp(y_k) only, so this is -ln sum_k p_k exp(y_k - y_x). Noise comes in pairs
        of opposite signs: what is linear in it, by far the most of the variance at small alpha, cancels.
        """
        shape = (x.shape[0], self.draws, *x.shape[1:], self.classes)
        half = rng.normal(shape, dtype=logits.dtype, device=logits.device)
        noise = torch.cat([half, -half], dim=1)
        own = labels(x, self.classes)[:, None, ..., None].expand(*noise.shape[:-1], 1)
        gap = noise - noise.gather(-1, own)
        scale = column(alpha * self.classes, noise.ndim)
        others = 1 - self._one_hot(x, logits.dtype)[:, None]
        advantage = (scale.sqrt() * gap - scale) * others
        log_p = torch.log_softmax(logits, dim=-1)[:, None]
        return total(-torch.logsumexp(log_p + advantage, dim=-1).mean(1))
