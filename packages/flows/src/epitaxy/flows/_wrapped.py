"""What the flows around another flow have in common."""

from dataclasses import dataclass, replace
from typing import Any, TypeVar

from epitaxy.flows.protocol import Componentwise, Correcting, Flow, Tempered

F = TypeVar("F", bound="AroundFlow")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AroundFlow:
    """A flow around another one, whose time and samplers it has.

    Attributes:
        flow: the other one.

    """

    flow: Flow[Any]

    @property
    def grid(self) -> int | None:
        """Return the flow's grid."""
        return self.flow.grid

    def with_steps(self: F, n: int) -> F:
        """Return the same around the flow with n steps."""
        return replace(self, flow=self.flow.with_steps(n))

    @property
    def samplers(self) -> tuple[str, ...]:
        """Return the names of the flow's samplers."""
        return self.flow.samplers

    def with_sampler(self: F, name: str) -> F:
        """Return the same around the flow with another sampler."""
        return replace(self, flow=self.flow.with_sampler(name))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AroundComponents(AroundFlow):
    """A flow around one of components that its sampler must not tie together: it takes no corrections.

    Attributes:
        flow: the other one.

    """

    flow: Componentwise

    @property
    def samplers(self) -> tuple[str, ...]:
        """Return the names of the flow's samplers, but of those that correct."""
        return tuple(name for name in self.flow.samplers if not _corrects(self.flow.with_sampler(name)))

    def _check_uncorrected(self, samples: str) -> None:
        """Refuse a flow whose sampler corrects, `samples` being what cannot take it.

        Raises:
            ValueError: if it does.

        """
        if _corrects(self.flow):
            names = ", ".join(self.samplers)
            raise ValueError(f"{samples} take no corrections: choose a sampler of {names}")


def at_temperature(flow: Flow[Any], temperature: float) -> Flow[Any] | None:
    """Return the same flow at another temperature, or around one at it; None if there is none to set."""
    if isinstance(flow, AroundFlow):
        inner = at_temperature(flow.flow, temperature)
        return None if inner is None else replace(flow, flow=inner)
    return flow.with_temperature(temperature) if isinstance(flow, Tempered) else None


def _corrects(flow: Componentwise) -> bool:
    """Return whether the flow's sampler corrects states: by a size that ties their components together."""
    return isinstance(flow, Correcting) and flow.corrections > 0
