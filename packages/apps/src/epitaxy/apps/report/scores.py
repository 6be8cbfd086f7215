"""Reports' figures as rows of text: one set, or several side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from epitaxy.apps.report.definitions import PERCENT, meaning
from epitaxy.eval import Report

NONE = "none"

_COUNTS = {
    "metre": "metre_references_found",
    "atom_stability": "stable_atoms",
    "molecule_stability": "stable",
    "validity_x_uniqueness": "unique",
    "uniqueness": "unique",
    "validity": "valid",
    "novelty": "novel",
    "jsd_space_groups": "space_group_samples",
}
"""The count behind a rate where it has another name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A set of samples and its figures.

    Attributes:
        name: what it is called.
        report: its figures.
        rejects: why records of it could not be used, by name.
        extra: further plain JSON values, by name.
    """

    name: str
    report: Report
    rejects: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)


def score_rows(report: Report) -> list[tuple[str, str, str]]:
    """Return (name, value, 95 % interval) of each metric, then each count that is not zero."""
    rows = [(name, value_text(report, name), interval_text(report, name)) for name in report.metrics]
    rows += [(name, str(count), "") for name, count in report.counts.items() if count]
    return rows


def figure_rows(sets: Sequence[Scored]) -> list[tuple[str, ...]]:
    """Return a row a metric: name, value, interval and count of one set; name and values of several."""
    if len(sets) == 1:
        report = sets[0].report
        return [
            (name, value_text(report, name), interval_text(report, name), count_text(report, name))
            for name in report.metrics
        ]
    names = dict.fromkeys(name for scored in sets for name in scored.report.metrics)
    return [(name, *(_joined(scored.report, name) for scored in sets)) for name in names]


def figure_header(sets: Sequence[Scored]) -> tuple[str, ...]:
    """Return the heads of the columns of :func:`figure_rows`."""
    if len(sets) == 1:
        return ("metric", "value", "95 % interval", "count")
    return ("metric", *(scored.name for scored in sets))


def count_rows(sets: Sequence[Scored]) -> list[tuple[str, ...]]:
    """Return (name, count...) of the counts that are not zero everywhere and are not behind a rate."""
    names = dict.fromkeys(name for scored in sets for name in scored.report.counts)
    shown = [n for n in names if all(n not in s.report.metrics for s in sets)]
    return [
        (name, *(str(scored.report.counts.get(name, 0)) for scored in sets))
        for name in shown
        if any(scored.report.counts.get(name) for scored in sets)
    ]


def reasons(report: Report) -> dict[str, list[str]]:
    """Return the names of the missing figures by the reason why."""
    found: dict[str, list[str]] = {}
    for name, value in report.metrics.items():
        if value is None:
            found.setdefault(report.notes[name], []).append(name)
    return found


def remarks(report: Report) -> dict[str, str]:
    """Return the notes that are not about a missing figure."""
    return {name: note for name, note in report.notes.items() if report.metrics.get(name, 0.0) is not None}


def value_text(report: Report, name: str) -> str:
    """Return a figure with its unit."""
    value = report.metrics.get(name)
    return NONE if value is None else _text(value, _unit(report, name))


def interval_text(report: Report, name: str) -> str:
    """Return a figure's interval, empty where it has none."""
    interval = report.intervals.get(name)
    if interval is None or report.metrics.get(name) is None:
        return ""
    unit = _unit(report, name)
    return f"{_text(interval[0], unit)} to {_text(interval[1], unit)}"


def count_text(report: Report, name: str) -> str:
    """Return how many of how many a figure is of, as far as the report says."""
    value, counts = report.metrics.get(name), report.counts
    if value is None:
        return ""
    if name.startswith("match_rate@"):
        return f"{counts[name.replace('match_rate', 'matched')]} of {counts['references']}"
    behind = name if name in counts else _COUNTS.get(name, f"{name}_samples")
    if behind not in counts:
        return ""
    if _unit(report, name) != PERCENT:
        return str(counts[behind])
    return f"{counts[behind]} of {round(counts[behind] / value)}" if value else "0"


def is_rate(report: Report, name: str) -> bool:
    """Whether a figure is a share."""
    return _unit(report, name) == PERCENT


def _unit(report: Report, name: str) -> str:
    return meaning(name, str(report.protocol["name"])).unit


def _joined(report: Report, name: str) -> str:
    interval = report.intervals.get(name)
    if interval is None or report.metrics.get(name) is None:
        return value_text(report, name)
    scale = 100.0 if is_rate(report, name) else 1.0
    low, high = (_significant(scale * end, is_rate(report, name)) for end in interval)
    return f"{value_text(report, name)} [{low}, {high}]"


def _text(value: float, unit: str) -> str:
    number = _significant(100 * value if unit == PERCENT else value, unit == PERCENT)
    return f"{number} {unit}" if unit else number


def _significant(value: float, percent: bool) -> str:
    return f"{value:.2f}" if percent else f"{value:.4f}"
