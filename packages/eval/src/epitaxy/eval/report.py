"""The one shape of every metric's result, as ``--json`` writes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite

from epitaxy.eval.intervals import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Figures, the protocol they were made under, and what they were made of.

    Attributes:
        protocol: ``name``, ``definition`` and ``parameters``.
        counts: How many of what, by name.
        metrics: The figures by name; None where one could not be computed, and then a note says why.
        intervals: 95 % confidence intervals of those metrics that have one.
        notes: What a reader must know, by the name of the metric or count it is about.
        ids: The ids behind those counts that name something missing or wrong.

    """

    protocol: Mapping[str, object]
    counts: Mapping[str, int]
    metrics: Mapping[str, float | None]
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a figure that is missing without a reason, or is not a number.

        Raises:
            ValueError: If a metric is None without a note, or not finite.

        """
        for name, value in self.metrics.items():
            if value is None and name not in self.notes:
                raise ValueError(f"metric {name!r} is missing and no note says why")
            if value is not None and not isfinite(value):
                raise ValueError(
                    f"metric {name!r} is {value}; one that cannot be computed is None with a note"
                )

    def to_json(self) -> dict[str, object]:
        """Give the report as plain dicts, lists, strings and numbers, for ``json.dumps``."""
        return {
            "protocol": dict(self.protocol),
            "counts": dict(self.counts),
            "metrics": dict(self.metrics),
            "intervals": {name: list(interval) for name, interval in self.intervals.items()},
            "notes": dict(self.notes),
            "ids": {name: list(ids) for name, ids in self.ids.items()},
        }
