"""Collecting the figures of a report, so that none is ever 0 or left out for want of data."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from epitaxy.eval.intervals import Interval, wilson_interval
from epitaxy.eval.report import Report


@dataclass(slots=True)
class Figures:
    """What :class:`Report` holds, while it is being put together."""

    counts: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, float | None] = field(default_factory=dict)
    intervals: dict[str, Interval] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    ids: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def rate(self, name: str, successes: int, trials: int, *, without: str) -> None:
        """Add a rate with its count and Wilson interval; ``without`` says why there is none of no trials."""
        self.counts[name] = successes
        interval = wilson_interval(successes, trials)
        if interval is None:
            self.missing([name], without)
        else:
            self.value(name, successes / trials, interval)

    def value(
        self, name: str, value: float, interval: Interval | None = None, note: str | None = None
    ) -> None:
        """Add a figure."""
        self.metrics[name] = value
        if interval is not None:
            self.intervals[name] = interval
        if note is not None:
            self.notes[name] = note

    def missing(self, names: Iterable[str], reason: str) -> None:
        """Add figures that could not be computed."""
        for name in names:
            self.metrics[name], self.notes[name] = None, reason

    def named(self, name: str, ids: Iterable[str]) -> None:
        """Count some crystals and name them."""
        self.ids[name] = tuple(ids)
        self.counts[name] = len(self.ids[name])

    def report(self, protocol: dict[str, object]) -> Report:
        """Make the report."""
        return Report(
            protocol=protocol,
            counts=self.counts,
            metrics=self.metrics,
            intervals=self.intervals,
            notes=self.notes,
            ids=self.ids,
        )
