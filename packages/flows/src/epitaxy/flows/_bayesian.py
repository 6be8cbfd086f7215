"""What Bayesian flows have in common: their two samplers, and the two kinds of time and loss."""

from dataclasses import dataclass, replace
from typing import Literal, TypeVar, get_args

from epitaxy.flows._checks import check_count, check_grid, check_option
from epitaxy.flows._samplers import ChoiceOfSampler

BayesianSampler = Literal["bayes", "end_back"]
BAYESIAN_SAMPLERS: tuple[BayesianSampler, ...] = get_args(BayesianSampler)
"""How the Bayesian flows take a step: each says in its class what they mean."""

F = TypeVar("F", bound="DiscreteOrContinuous")


@dataclass(frozen=True, slots=True, kw_only=True)
class BayesianFlow(ChoiceOfSampler):
    """A flow whose states are beliefs.

    Attributes:
        sampler: "bayes", update the belief by a message; or "end_back", draw a fresh one.

    """

    SAMPLERS = BAYESIAN_SAMPLERS

    sampler: BayesianSampler = "bayes"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscreteOrContinuous(BayesianFlow):
    """A Bayesian flow with a loss for time on a grid, and another for continuous time.

    Attributes:
        grid: number of steps n; None for continuous time.
        loss_kind: "discrete", which needs a grid; or "continuous".

    """

    grid: int | None = 1000
    loss_kind: Literal["discrete", "continuous"] = "discrete"

    def with_steps(self: F, n: int) -> F:
        """Return the same flow on a grid of n steps; itself in continuous time.

        Raises:
            ValueError: if it is no number of steps.

        """
        check_count("steps", n)
        return self if self.grid is None else replace(self, grid=n)

    def _check_time(self) -> None:
        check_grid(self.grid)
        check_option("loss_kind", self.loss_kind, ("discrete", "continuous"))
        check_option("sampler", self.sampler, self.SAMPLERS)
        if self.grid is None and self.loss_kind == "discrete":
            raise ValueError("the discrete-time loss needs a grid: give one, or loss_kind='continuous'")
