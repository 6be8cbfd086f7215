"""Bayesian flow for periodic variables, with von Mises messages (CrysBFN, Sec. 4.1 and App. A)."""

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.flows._bayesian import BayesianFlow
from epitaxy.flows._checks import check_count, check_option
from epitaxy.flows._rows import column, grid_index, known_index, step_index, total
from epitaxy.flows._types import PerRow, Points
from epitaxy.flows.bank import TrajectoryBank
from epitaxy.flows.circular_messages import Resultant, Span, add, all_at_once, stepwise
from epitaxy.flows.protocol import Features
from epitaxy.flows.resultant_law import resultant_law, tabulated_sums
from epitaxy.flows.schedules import EntropySchedule
from epitaxy.geometry import AnyRng, FlatTorus, Rng, as_rng, filled, von_mises_noise

Draw = Literal["bank", "tabulated", "all_at_once", "stepwise"]

# The concentration that counts as none in the network's input, from the published code.
_FLOOR = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CircularState:
    """A von Mises belief about each coordinate.

    Attributes:
        direction: its mean, in the manifold's units, in [0, period).
        concentration: its concentration c, at least 0.

    """

    direction: Points
    concentration: Points


@dataclass(frozen=True, kw_only=True)
class CircularBFN(BayesianFlow):
    """Bayesian flow on a flat torus.

    Data are points, `"rows dim"`; the network predicts a displacement from the direction, in radians. Time is
    the grid 0, 1/n, ..., 1 of the schedule; a time between grid points means the nearest one. At t = i / n
    the belief has received messages 1, ..., i. All that is drawn is an angle around the data or the
    prediction and never depends on it, so translations carry through to the last bit but rounding.

    Args:
        manifold: the torus, whose period is the unit of data and directions.
        schedule: the messages' accuracies.
        loss_kind: "kl", n alpha_i A(alpha_i) (1 - cos d), Eq. 18 and 61; or "squared", n alpha_i A(alpha_i)
            d^2 with d the wrapped difference in radians, which the published tables were made with and which
            is twice the divergence to leading order.
        sampler: "bayes", update the belief by the next message around the prediction (Alg. 2); or "end_back",
            draw a fresh belief around the prediction from the flow distribution, as the published runs do.
        draw: how to draw from the flow distribution, always with the same law: "tabulated", by the
            sums' `resultant_law`, at constant cost; "all_at_once", sum the i messages; "stepwise", i Bayesian
            updates; "bank", in `corrupt` pick from a `TrajectoryBank`, at constant cost too, and in `step`
            as "tabulated", see there.
        bank_size: trajectories in the bank.
        bank_seed: seed of the bank.

    """

    manifold: FlatTorus = field(default_factory=FlatTorus)
    schedule: EntropySchedule = field(default_factory=EntropySchedule)
    loss_kind: Literal["kl", "squared"] = "kl"
    draw: Draw = "bank"
    bank_size: int = 4096
    bank_seed: int = 0

    def __post_init__(self) -> None:
        check_option("loss_kind", self.loss_kind, ("kl", "squared"))
        check_option("sampler", self.sampler, self.SAMPLERS)
        check_option("draw", self.draw, get_args(Draw))
        check_count("bank_size", self.bank_size)

    @cached_property
    def bank(self) -> TrajectoryBank:
        """The bank of this flow, filled when it is first drawn from."""
        blocks = math.gcd(self.bank_size, 16)
        return TrajectoryBank(self.schedule, size=self.bank_size, seed=self.bank_seed, blocks=blocks)

    @property
    def grid(self) -> int:
        """Number of steps n of the schedule."""
        return self.schedule.steps

    def with_steps(self, n: int) -> "CircularBFN":
        """Return the same flow with the schedule computed for n steps."""
        return replace(self, schedule=replace(self.schedule, steps=n))

    def refresh(self, round: int) -> None:
        """Bring the bank to a round of training; costs nothing until the bank is drawn from."""
        self.bank.refresh(round)

    def prior(self, like: Points, *, rng: AnyRng) -> CircularState:
        """Draw a uniform direction, with no concentration (Eq. 17)."""
        direction = self.manifold.sample_uniform(like.shape, rng=rng, dtype=like.dtype, device=like.device)
        return CircularState(direction=direction, concentration=torch.zeros_like(like))

    def accuracy(self, t: PerRow) -> PerRow:
        """Return the accuracy alpha_i of the message after t = (i - 1) / n; at t = 1 the last one's."""
        return self.schedule.accuracies(t.dtype, t.device)[step_index(t, self.grid)]

    def sender(self, x: Points, alpha: PerRow, *, rng: AnyRng) -> Points:
        """Draw a message about x: y ~ vM(x, alpha)."""
        noise = von_mises_noise(column(alpha, x.ndim).expand_as(x), rng=rng)
        return self.manifold.exp(x, noise / self._radians)

    def receiver(self, x_hat: Points, alpha: PerRow, *, rng: AnyRng) -> Points:
        """Draw the message that a prediction expects, vM(x_hat, alpha): a point mass is the output law."""
        return self.sender(x_hat, alpha, rng=rng)

    def bayesian_update(
        self, state: CircularState, y: Points, alpha: Float[Tensor, " rows *dim"]
    ) -> CircularState:
        """Return the belief after message y of accuracy alpha, one a row or one a component (Eq. 7-9)."""
        turn = self.manifold.log(state.direction, y) * self._radians
        here = Resultant(deviation=torch.zeros_like(turn), length=state.concentration)
        after = add(here, turn, alpha if alpha.ndim > 1 else column(alpha, y.ndim))
        return self._around(state.direction, after)

    def corrupt(self, x: Points, t: PerRow, *, rng: AnyRng) -> CircularState:
        """Draw from the flow distribution (Eq. 14-16) at t; the prior at t = 0."""
        return self._flow(x, t, as_rng(rng), bank=self.draw == "bank")

    def features(self, state: CircularState, t: PerRow) -> Features:
        """Return the direction, and ln c for each coordinate on a scale where c_n is 1 and none is 0.

        That is ln(c + 1e-7) moved and scaled. The paper says only that c is fed by its logarithm; the scale
        is that of the published code.
        """
        span = math.log(self.schedule.final_concentration / _FLOOR)
        condition = torch.log1p(state.concentration / _FLOOR) / span
        return Features(value=state.direction, condition=condition)

    def estimate(self, state: CircularState, output: Points) -> Points:
        """Return the predicted point: the direction displaced by the network's output, in radians."""
        return self.manifold.exp(state.direction, output / self._radians)

    def loss(self, output: Points, x: Points, state: CircularState, t: PerRow, *, rng: AnyRng) -> PerRow:
        """Return the loss of step i at t = (i - 1) / n, see `loss_kind`; at t = 1 the last step's weight."""
        angle = self.manifold.log(x, self.estimate(state, output)) * self._radians
        # 1 - cos d as 2 sin^2(d / 2): no cancellation for small d.
        distance = angle.square() if self.loss_kind == "squared" else 2 * torch.sin(angle / 2).square()
        weight = self.schedule.weights(t.dtype, t.device)[step_index(t, self.grid)]
        return weight * total(distance)

    def step(
        self, state: CircularState, output: Points, t: PerRow, s: PerRow, *, rng: AnyRng
    ) -> CircularState:
        """Draw the belief at s > t, see `sampler`. Steps over several grid points take all their messages.

        Draws are exact, never from the bank: conditionally on a bank its draws have the law of 2 `bank_size`
        trajectories rather than the flow distribution, an error of the order of one per cent that all
        structures made with it would share.

        A device is waited for only by "bayes", and only if the times are not `filled`.
        """
        x_hat, source = self.estimate(state, output), as_rng(rng)
        if self.sampler == "end_back":
            return self._flow(x_hat, s, source, bank=False)
        message = self._messages(self._span(t, s, few=True), x_hat, source)
        y = self.manifold.exp(x_hat, message.deviation.to(x_hat.dtype) / self._radians)
        return self.bayesian_update(state, y, message.length.to(x_hat.dtype))

    def decode(self, state: CircularState, output: Points, t: PerRow, *, rng: AnyRng) -> Points:
        """Return the predicted point (Alg. 2)."""
        return self.estimate(state, output)

    @property
    def _radians(self) -> float:
        """Radians in one unit of the manifold."""
        return 2 * math.pi / self.manifold.period

    def _around(self, x: Points, sums: Resultant) -> CircularState:
        """Return the belief that messages with these sums around x give."""
        direction = self.manifold.exp(x, sums.deviation.to(x.dtype) / self._radians)
        return CircularState(direction=direction, concentration=sums.length.to(x.dtype))

    def _flow(self, x: Points, t: PerRow, rng: Rng, *, bank: bool) -> CircularState:
        start = self.prior(x, rng=rng)
        i = grid_index(t, self.grid)
        sums = self.bank.draw(i, x.shape[1:], rng=rng) if bank else self._first_messages(t, x, rng)
        belief = self._around(x, sums)
        direction = torch.where(column(i == 0, x.ndim), start.direction, belief.direction)
        return replace(belief, direction=direction)

    def _span(self, t: PerRow, s: PerRow, *, few: bool = False) -> Span:
        """Return the messages after t and up to s."""
        first, last = grid_index(t, self.grid), grid_index(s, self.grid)
        begin, end = known_index(t, self.grid), known_index(s, self.grid)
        alike = None if begin is None or end is None else range(begin, end)
        return Span(first=first, last=last, alike=alike, few=few)

    def _first_messages(self, t: PerRow, x: Points, rng: Rng) -> Resultant:
        """Return the sum of each row's messages up to t."""
        span = self._span(filled(0.0, len(t), dtype=t.dtype, device=t.device), t)
        law = None
        if self.draw in ("bank", "tabulated"):
            law = resultant_law(self.schedule, x.device)
        if law is None:
            return self._messages(span, x, rng)
        accuracies = self.schedule.accuracies(torch.float64, x.device)
        return tabulated_sums(law, accuracies, span, x.shape[1:], rng=rng)

    def _messages(self, span: Span, x: Points, rng: Rng) -> Resultant:
        """Return the sum of each row's messages."""
        accuracies = self.schedule.accuracies(torch.float64, x.device)
        draw = stepwise if self.draw == "stepwise" else all_at_once
        return draw(accuracies, span, x.shape[1:], rng=rng)
