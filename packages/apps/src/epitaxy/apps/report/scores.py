"""A report's figures as rows of text."""

from epitaxy.eval import Report

_PERCENT = ("rate", "valid")


def score_rows(report: Report) -> list[tuple[str, str, str]]:
    """Return (name, value, 95 % interval) of each metric, then each count that is not zero."""
    rows = []
    for name, value in report.metrics.items():
        interval = report.intervals.get(name)
        rows.append((name, _text(name, value), "" if interval is None else _range(name, interval)))
    rows += [(name, str(count), "") for name, count in report.counts.items() if count]
    return rows


def _text(name: str, value: float | None) -> str:
    if value is None:
        return "none"
    return f"{100 * value:.2f} %" if any(word in name for word in _PERCENT) else f"{value:.4f}"


def _range(name: str, interval: tuple[float, float]) -> str:
    return f"{_text(name, interval[0])} to {_text(name, interval[1])}"
