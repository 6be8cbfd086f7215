"""Diffusion of class labels by masking (KLDM, Sec. 3.3; MD4, Shi et al. 2024)."""

import math
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from epitaxy.flows._checks import check_count, check_number, check_option
from epitaxy.flows._classes import labels
from epitaxy.flows._time import ContinuousTime
from epitaxy.flows._types import Labels, PerRow, Scores
from epitaxy.flows.limits import Limits, drawn, likeliest
from epitaxy.flows.protocol import Features
from epitaxy.geometry import AnyRng, as_rng

_SHOWN = 60.0
"""Logit of a label that shows: another is as likely as e^-60, and taken where limits leave no choice."""
_MARGIN = 1e-4
"""Probability that a label shows at t = 0, and that it is still masked at t = 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsorbingDiffusion(ContinuousTime):
    """Absorbing diffusion on class labels.

    Data are labels 0, ..., K - 1, `" rows"`. A state is labels too, of which K means masked; the network,
    which embeds K + 1 labels, puts out logits of the K classes. At t a row shows its label with probability
    alpha(t) = (1 - 2e-4) a(t) + 1e-4 and is masked otherwise. The prior, all masked, is what states at t = 0
    are but for a share of 1e-4.

    Args:
        classes: number of classes K.
        schedule: "linear", a = t; "poly2", a = 1 - (1 - t)^2; or "cosine", a = 1 - cos(pi t / 2).
        loss_kind: "elbo", alpha' / (1 - alpha) times the cross entropy of masked rows, 0 for others: nats,
            whose mean over uniform t bounds the negative log likelihood; or "cross_entropy", unweighted.
        decode_kind: how a row that is still masked at the last step gets its class: "sampled" from the
            probabilities, which keeps their law at any number of steps; or "argmax", the likeliest, for as
            many rows as one step in n unmasks: at 10 steps classes of 0.5, 0.3 and 0.2 come out as 0.55, 0.27
            and 0.18. (The published code hands masks out as if they were an element.)
        reads: what `features` shows of a state: "labels", 0, ..., K, as the papers do; or "evidence", K
            numbers a row for networks that read beliefs: 0 of a masked row, which is told nothing, and
            K^(1/2) (e_k - 1/K) of one that shows k. Beyond the papers.
        remasking: how much of what may be masked again at a step is, in [0, 1). At 0, as in the papers, what
            shows stays, though it was drawn while little else was known. Else a label that shows is masked
            with probability `remasking` min(1, (1 - alpha(s)) / alpha(t)), and as many more are shown: the
            law of states given the data is the same at every time (Wang et al. 2025, ReMDM, "rescaled").
            Beyond the papers of crystals.
        temperature: by which the logits are divided when a label is drawn, not in the loss. 1 samples the law
            that was learnt; below it rare labels become rarer. Beyond the papers.
        limits: set by `limited`.

    """

    classes: int
    schedule: Literal["linear", "poly2", "cosine"] = "linear"
    loss_kind: Literal["elbo", "cross_entropy"] = "elbo"
    decode_kind: Literal["argmax", "sampled"] = "sampled"
    reads: Literal["labels", "evidence"] = "labels"
    remasking: float = 0.0
    temperature: float = 1.0
    limits: Limits | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_count("classes", self.classes)
        check_option("schedule", self.schedule, ("linear", "poly2", "cosine"))
        check_option("loss_kind", self.loss_kind, ("elbo", "cross_entropy"))
        check_option("decode_kind", self.decode_kind, ("argmax", "sampled"))
        check_option("reads", self.reads, ("labels", "evidence"))
        check_number("remasking", self.remasking, least=0.0, below=1.0)
        check_number("temperature", self.temperature)

    @property
    def mask(self) -> int:
        """Return the label of masked rows, K."""
        return self.classes

    @property
    def samplers(self) -> tuple[str, ...]:
        """Return the one sampler's name."""
        return ("ancestral",)

    def with_sampler(self, name: str) -> "AbsorbingDiffusion":
        """Return the flow itself: it has one sampler."""
        check_option("sampler", name, self.samplers)
        return self

    def with_temperature(self, temperature: float) -> "AbsorbingDiffusion":
        """Return the same flow, sampled at another temperature."""
        return replace(self, temperature=temperature)

    def limited(self, limits: Limits) -> "AbsorbingDiffusion":
        """Return the same flow under limits: masked rows get what they allow.

        A label that shows and is not allowed counts as a mask.
        """
        return replace(self, limits=limits)

    def alpha(self, t: PerRow) -> Float64[Tensor, " rows"]:
        """Return the probability that a label shows."""
        return 1 - self.masked(t)

    def masked(self, t: PerRow) -> Float64[Tensor, " rows"]:
        """Return 1 - alpha(t), accurate near t = 1 too."""
        rest = 1 - t.double().clamp(0.0, 1.0)
        if self.schedule == "poly2":
            rest = rest.square()
        elif self.schedule == "cosine":
            rest = torch.sin(math.pi / 2 * rest)
        return (1 - 2 * _MARGIN) * rest + _MARGIN

    def alpha_slope(self, t: PerRow) -> Float64[Tensor, " rows"]:
        """Return the derivative of alpha with respect to t."""
        time = t.double().clamp(0.0, 1.0)
        if self.schedule == "poly2":
            slope = 2 * (1 - time)
        elif self.schedule == "cosine":
            slope = math.pi / 2 * torch.sin(math.pi / 2 * time)
        else:
            slope = torch.ones_like(time)
        return (1 - 2 * _MARGIN) * slope

    def prior(self, like: Labels, *, rng: AnyRng) -> Labels:
        """Return masks."""
        return torch.full(like.shape, self.mask, dtype=torch.int64, device=like.device)

    def corrupt(self, x: Labels, t: PerRow, *, rng: AnyRng) -> Labels:
        """Mask each row with probability 1 - alpha(t)."""
        hidden = self._happens(self.masked(t), rng)
        return torch.where(hidden, self.mask, labels(x, self.classes))

    def features(self, state: Labels, t: PerRow) -> Features:
        """Return the labels, 0, ..., K; or evidence for them, see `reads`."""
        if self.reads == "labels":
            return Features(value=state)
        one_hot = torch.nn.functional.one_hot(state, self.classes + 1)[..., : self.classes]
        shown = one_hot.to(t.dtype) - 1 / self.classes
        return Features(value=torch.where((state == self.mask)[..., None], 0.0, self.classes**0.5 * shown))

    def logits(self, output: Scores, state: Labels) -> Scores:
        """Return the logits of each row's label: the output of masked rows, certainty of those that show."""
        return self._known(output, state, self._hidden(state))

    def output_of(self, logits: Scores, state: Labels) -> Scores:
        """Return the output that stands for these logits of masked rows: they themselves."""
        return logits

    def loss(
        self, output: Float[Tensor, "rows classes"], x: Labels, state: Labels, t: PerRow, *, rng: AnyRng
    ) -> PerRow:
        """Return the loss at t, see `loss_kind`."""
        entropy = torch.nn.functional.cross_entropy(output, labels(x, self.classes), reduction="none")
        if self.loss_kind == "elbo":
            entropy = (self.alpha_slope(t) / self.masked(t)).to(output.dtype) * entropy
        return torch.where(state == self.mask, entropy, 0.0)

    def step(
        self, state: Labels, output: Float[Tensor, "rows classes"], t: PerRow, s: PerRow, *, rng: AnyRng
    ) -> Labels:
        """Unmask each masked row with probability (alpha(s) - (1 - r) alpha(t)) / (1 - alpha(t)).

        Others are masked with probability r, which is 0 but for `remasking`.
        """
        source, before, after = as_rng(rng), self.masked(t), self.masked(s)
        again = self.remasking * (after / (1 - before)).clamp(max=1.0)
        hidden = self._hidden(state)
        moves = self._happens(
            torch.where(hidden, 1 - after / before + again * (1 - before) / before, again), source
        )
        label = drawn(self._tempered(output, state, hidden), self.limits, source)
        return torch.where(moves, torch.where(hidden, label, self.mask), state)

    def decode(
        self, state: Labels, output: Float[Tensor, "rows classes"], t: PerRow, *, rng: AnyRng
    ) -> Labels:
        """Give every row that is still masked a class, see `decode_kind`: no mask is left."""
        hidden = self._hidden(state)
        known = self._tempered(output, state, hidden)
        guess = (
            likeliest(known, self.limits) if self.decode_kind == "argmax" else drawn(known, self.limits, rng)
        )
        # Under limits the guess is about all rows: where those that show lack a class, one of them has to go.
        return torch.where(hidden, guess, state) if self.limits is None else guess

    def _hidden(self, state: Labels) -> Bool[Tensor, " rows"]:
        """Return which rows have no label yet, or one that they may not have."""
        masked = state == self.mask
        if self.limits is None:
            return masked
        label = torch.where(masked, 0, state)
        return masked | ~self.limits.allowed.gather(1, label[:, None])[:, 0]

    def _tempered(
        self, output: Float[Tensor, "rows classes"], state: Labels, hidden: Bool[Tensor, " rows"]
    ) -> Float[Tensor, "rows classes"]:
        """Return what labels are drawn from; limits see all rows at once, those that show too."""
        cooled = output / self.temperature
        return cooled if self.limits is None else self._known(cooled, state, hidden)

    def _known(
        self, output: Float[Tensor, "rows classes"], state: Labels, hidden: Bool[Tensor, " rows"]
    ) -> Float[Tensor, "rows classes"]:
        """Return the output of rows that have no label, and certainty of the others."""
        label = torch.where(hidden, 0, state)
        certain = _SHOWN * torch.nn.functional.one_hot(label, self.classes).to(output.dtype)
        return torch.where(hidden[:, None], output, certain)

    def _happens(self, probability: Float64[Tensor, " rows"], rng: AnyRng) -> Bool[Tensor, " rows"]:
        """Draw whether something of this probability happens."""
        u = as_rng(rng).uniform(probability.shape, dtype=torch.float64, device=probability.device)
        return u < probability
