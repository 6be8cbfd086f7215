"""Whether a Gaussian belief about known data has received the messages that it should have."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.geometry.testing import FAILURE_RATE


class WatchedBelief:
    """Records the means of a walk of Gaussian beliefs about data, and takes out the noise of each message.

    The mean of precision rho(t) = sigma1^(-2t) is mu = ((rho - 1) x + w) / rho where w, the noise of all
    messages, is a Wiener process at time rho - 1: its increments between steps, over the square root of the
    difference of their rho, are independent standard Gaussian numbers, or those projected if centred. An
    oracle that inverts a flow's formulas gets the data back from any state; its increments are right only
    if times, accuracies and steps are. The formulas here use no flow's.

    Args:
        sigma1: the belief's standard deviation at t = 1.

    """

    def __init__(self, sigma1: float) -> None:
        self.sigma1 = sigma1
        self.times: list[float] = []
        self.walk: list[Float[Tensor, " rows *event"]] = []

    def see(
        self, mean: Float[Tensor, " rows *event"], x: Float[Tensor, " rows *event"], t: Float[Tensor, " rows"]
    ) -> None:
        """Record the beliefs' means about data x at a time that all rows share."""
        assert bool((t == t[0]).all())
        rho = self.sigma1 ** (-2 * float(t[0]))
        self.times.append(float(t[0]))
        self.walk.append(rho * mean.double() - (rho - 1) * x.double())

    def noises(self) -> Float[Tensor, "steps rows *event"]:
        """Return the noise of each message, in its standard deviations."""
        beta = [math.expm1(-2 * math.log(self.sigma1) * t) for t in self.times]
        gaps = torch.tensor(beta, dtype=torch.float64).diff()
        walk = torch.stack(self.walk)
        return walk.diff(dim=0) / gaps.sqrt().view(-1, *[1] * (walk.ndim - 1))

    def check(self, times: Sequence[float], *, freedom: float = 1.0) -> None:
        """Assert that the walk started at zero, had these times, and received messages of the right noise.

        None is larger than 7 standard deviations, by chance with 3e-12 a number, and their sum of squares is
        that of `freedom` independent Gaussian numbers for each of theirs, but for `FAILURE_RATE`, by the
        bounds of Laurent and Massart (2000, Lemma 1). Centred coordinates of n atoms: 1 - 1 / n.
        """
        assert self.times == [float(torch.tensor(t, dtype=torch.float32)) for t in times]
        assert float(self.walk[0].abs().max()) == 0.0
        noises = self.noises()
        assert float(noises.abs().max()) < 7.0
        degrees, rare = noises.numel() * freedom, math.log(2 / FAILURE_RATE)
        square, slack = float(noises.square().sum()), 2 * math.sqrt(degrees * rare)
        assert degrees - slack < square < degrees + slack + 2 * rare
