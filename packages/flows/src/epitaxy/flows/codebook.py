"""Diffusion of class labels as points of a real space: one-hot vectors, analog bits (KLDM, Sec. 3.3)."""

from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.flows._checks import check_count, check_number, check_option
from epitaxy.flows._classes import labels
from epitaxy.flows._time import ContinuousTime
from epitaxy.flows._types import Codes, Labels, PerRow
from epitaxy.flows.limits import Limits
from epitaxy.flows.protocol import Features
from epitaxy.flows.variance_preserving import VariancePreserving
from epitaxy.geometry import AnyRng, as_rng

_LEAST = 1e-6
"""Least probability that a predicted component stands for: none is certain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodebookDiffusion(ContinuousTime):
    """Variance-preserving diffusion of the codes of class labels.

    Data are labels 0, ..., K - 1, `" rows"`; states and the network's output are `"rows channels"`, the
    output's meaning being the process' `prediction`. A sample is the class whose code is nearest to the
    predicted one, so every sample is a class. (Published analog bits are cut at 0 one by one: where K is no
    power of 2 that can give a number that no class has.)

    Args:
        codes: "one_hot", K channels; or "bits", the label's binary digits as -1 and 1, the most significant
            first (Chen et al. 2023), which takes prediction "x0".
        classes: number of classes K.
        process: the diffusion of the codes.
        scale: factor of the codes; the published runs vary it.
        clip: for "bits", clamp the predicted code to [-scale, scale] before each use of it in the reverse
            process.
        limits: set by `limited`.

    """

    codes: Literal["one_hot", "bits"]
    classes: int
    process: VariancePreserving = field(default_factory=VariancePreserving)
    scale: float = 1.0
    clip: bool = False
    limits: Limits | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_option("codes", self.codes, ("one_hot", "bits"))
        check_count("classes", self.classes)
        check_number("scale", self.scale)
        if self.codes == "bits" and self.process.prediction != "x0":
            raise ValueError("analog bits take a process with prediction='x0'")
        if self.codes != "bits" and self.clip:
            raise ValueError("clip is for codes='bits'")

    @property
    def channels(self) -> int:
        """Return the number of components of a code, which the network puts out."""
        return self.classes if self.codes == "one_hot" else max(1, (self.classes - 1).bit_length())

    @property
    def samplers(self) -> tuple[str, ...]:
        """Return the names of the process' samplers."""
        return self.process.samplers

    def with_sampler(self, name: str) -> "CodebookDiffusion":
        """Return the same flow with another sampler of its process."""
        return replace(self, process=self.process.with_sampler(name))

    def limited(self, limits: Limits) -> "CodebookDiffusion":
        """Return the same flow under limits: predicted codes are mixtures of codes that they allow.

        A predicted one-hot code is read as the classes' probabilities. Predicted bits are read as the means
        of independent bits, whose law on the allowed codes, renormalised, is that of the classes: with all
        codes allowed the mixture is the prediction itself. Samples are the allowed classes whose codes are
        nearest, in the sum of their squares where classes are required.
        """
        return replace(self, limits=limits)

    @property
    def corrections(self) -> int:
        """Return the process' number of corrections."""
        return self.process.corrections

    def codebook(
        self, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
    ) -> Float[Tensor, "classes channels"]:
        """Return the code of every class."""
        if self.codes == "one_hot":
            return self.scale * torch.eye(self.classes, dtype=dtype, device=device)
        label = torch.arange(self.classes, device=device)[:, None]
        digit = torch.arange(self.channels - 1, -1, -1, device=device)
        return self.scale * (2 * (label >> digit & 1) - 1).to(dtype)

    def encode(self, x: Labels, dtype: torch.dtype) -> Codes:
        """Return the labels' codes."""
        return self.codebook(dtype, x.device)[labels(x, self.classes)]

    def nearest(self, code: Codes) -> Labels:
        """Return the class whose code is nearest; the first of several."""
        if self.codes == "one_hot":
            return code.argmax(-1)
        # Codes have one length, so the nearest has the largest product; in float64 none overflows.
        signs = self.codebook(torch.float64, code.device).sign()
        return (code.double()[:, None] * signs).sum(-1).argmax(-1)

    def prior(self, like: Labels, *, rng: AnyRng) -> Codes:
        """Draw from the standard normal, in torch's default dtype."""
        shape = (like.shape[0], self.channels)
        return as_rng(rng).normal(shape, dtype=torch.get_default_dtype(), device=like.device)

    def corrupt(self, x: Labels, t: PerRow, *, rng: AnyRng) -> Codes:
        """Draw the process' state at t given the codes, in t's dtype."""
        return self.process.corrupt(self.encode(x, t.dtype), t, rng=rng)

    def features(self, state: Codes, t: PerRow) -> Features:
        """Return the state."""
        return self.process.features(state, t)

    def loss(self, output: Codes, x: Labels, state: Codes, t: PerRow, *, rng: AnyRng) -> PerRow:
        """Return the process' squared error, summed over channels (the published one is their mean)."""
        return self.process.loss(output, self.encode(x, output.dtype), state, t, rng=rng)

    def step(self, state: Codes, output: Codes, t: PerRow, s: PerRow, *, rng: AnyRng) -> Codes:
        """Draw the state at s > t."""
        return self.process.step(state, self._read(output, state, t), t, s, rng=rng)

    def correct(self, state: Codes, output: Codes, t: PerRow, s: PerRow, *, rng: AnyRng) -> Codes:
        """Draw another state at t, as the process does."""
        return self.process.correct(state, self._read(output, state, t), t, s, rng=rng)

    def decode(self, state: Codes, output: Codes, t: PerRow, *, rng: AnyRng) -> Labels:
        """Return the class nearest to the predicted code."""
        code = self.process.x0_of(self._clipped(output), state, t)
        if self.limits is None:
            return self.nearest(code)
        return self.limits.mode(code.double() @ self.codebook(torch.float64, code.device).T)

    def _read(self, output: Codes, state: Codes, t: Tensor) -> Codes:
        """Return the output clipped, and what stands for its code under the limits."""
        output = self._clipped(output)
        if self.limits is None:
            return output
        code = self.process.x0_of(output, state, t) / self.scale
        mixture = self.limits.log_probabilities(self._log_odds(code)).exp().to(code.dtype)
        return self.process.output_of(mixture @ self.codebook(code.dtype, code.device), state, t)

    def _log_odds(self, code: Codes) -> Float[Tensor, "rows classes"]:
        """Return the logarithms of the classes' probabilities that a code over `scale` is a mean of."""
        if self.codes == "one_hot":
            return code.clamp(min=_LEAST).log()
        sign = self.codebook(code.dtype, code.device).sign()
        one = ((1 + code) / 2).clamp(_LEAST, 1 - _LEAST)
        return one.log() @ (sign > 0).to(code.dtype).T + (1 - one).log() @ (sign < 0).to(code.dtype).T

    def _clipped(self, output: Codes) -> Codes:
        return output.clamp(-self.scale, self.scale) if self.clip else output
