"""What a table means by stable."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class StabilityConvention:
    """A threshold on the energy above the hull.

    Attributes:
        name: What its rate is called.
        sun: What the rate of stable, unique and novel samples under it is called.
        threshold: eV/atom.
        inclusive: Whether the threshold itself is stable.
        definition: It in a phrase.

    """

    name: str
    sun: str
    threshold: float
    inclusive: bool
    definition: str

    def holds(self, above: float | None) -> bool:
        """Whether an energy above the hull, in eV/atom, is stable; an unknown one is not."""
        if above is None:
            return False
        return above <= self.threshold if self.inclusive else above < self.threshold


CONVENTIONS: Mapping[str, StabilityConvention] = MappingProxyType(
    {
        convention.name: convention
        for convention in (
            StabilityConvention(
                name="stable",
                sun="sun",
                threshold=0.0,
                inclusive=False,
                definition="below the hull of known phases, e < 0 (FlowMM, SymmBFN)",
            ),
            StabilityConvention(
                name="metastable",
                sun="metastable_sun",
                threshold=0.1,
                inclusive=True,
                definition="e <= 0.1 eV/atom, the stable ones included",
            ),
            StabilityConvention(
                name="mattergen_stable",
                sun="mattergen_sun",
                threshold=0.1,
                inclusive=False,
                definition="what MatterGen calls stable, e < 0.1 eV/atom",
            ),
        )
    }
)
"""By name."""


def convention_of(name: str) -> StabilityConvention:
    """Look up a convention.

    Raises:
        ValueError: If none has that name.

    """
    if name not in CONVENTIONS:
        raise ValueError(f"no convention is called {name!r}; there are {', '.join(CONVENTIONS)}")
    return CONVENTIONS[name]
