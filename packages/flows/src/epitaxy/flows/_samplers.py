"""What flows that can take a step in several ways have in common."""

from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

from epitaxy.flows._checks import check_option

F = TypeVar("F", bound="ChoiceOfSampler")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceOfSampler:
    """A flow with several ways of taking a step, of which it has one.

    Attributes:
        SAMPLERS: their names; each flow says what they mean.
        sampler: the one it has.

    """

    SAMPLERS: ClassVar[tuple[str, ...]]

    sampler: str

    @property
    def samplers(self) -> tuple[str, ...]:
        """Return the names that `sampler` may have."""
        return self.SAMPLERS

    def with_sampler(self: F, name: str) -> F:
        """Return the same flow with another sampler.

        Raises:
            ValueError: if it has none of this name.

        """
        check_option("sampler", name, self.SAMPLERS)
        return replace(self, sampler=name)
