"""What the statistics of crystals, asymmetric units and molecules have in common."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyStatistics:
    """One property over the crystals for which it is known; std is the population's."""

    known: int
    mean: float
    std: float
    min: float
    max: float


def of_properties(properties: Mapping[str, Float[Tensor, " _rows"]]) -> dict[str, PropertyStatistics]:
    """Return each property's statistics; a property that is nowhere known is left out."""
    return {name: s for name, values in properties.items() if (s := _of_property(values)) is not None}


def _of_property(values: Float[Tensor, " rows"]) -> PropertyStatistics | None:
    known = values[values.isfinite()]
    if known.numel() == 0:
        return None
    return PropertyStatistics(
        known=known.numel(),
        mean=float(known.mean()),
        std=float(known.std(unbiased=False)),
        min=float(known.min()),
        max=float(known.max()),
    )


def histogram(values: Int[Tensor, " rows"]) -> dict[int, int]:
    """Count how often each value occurs, in ascending order of the values."""
    return dict(sorted(Counter(values.tolist()).items()))


def parse_histogram(fields: Mapping[str, int]) -> dict[int, int]:
    """Return a histogram after JSON, which makes its keys strings."""
    return {int(value): int(count) for value, count in fields.items()}


def parse_properties(fields: Mapping[str, Mapping[str, Any]]) -> dict[str, PropertyStatistics]:
    """Return what `dataclasses.asdict` made of the properties' statistics, after JSON."""
    return {name: PropertyStatistics(**values) for name, values in fields.items()}
