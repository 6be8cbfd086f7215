"""What flows of continuous time have in common."""

from typing import TypeVar

from epitaxy.flows._checks import check_count

F = TypeVar("F", bound="ContinuousTime")


class ContinuousTime:
    """A flow without a grid: a sampler may take any number of steps."""

    __slots__ = ()

    @property
    def grid(self) -> None:
        """None: time is continuous."""
        return None

    def with_steps(self: F, n: int) -> F:
        """Return the flow itself: any number of steps will do.

        Raises:
            ValueError: if it is no number of steps.

        """
        check_count("steps", n)
        return self
