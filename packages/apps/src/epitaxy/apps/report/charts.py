"""Charts of an evaluation: rates with their intervals, distributions against a reference."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from epitaxy.apps.report.scores import Scored

REFERENCE = "reference"
REFERENCE_COLOUR = "#9a9a9a"
COLOURS = ("#1f6fb2", "#c0392b", "#2e8b57", "#8e44ad", "#d68910", "#148f8f", "#7f5539", "#5d6d7e")
"""One a set, over again where there are more."""

_BINS = 60


def rates_figure(sets: Sequence[Scored], names: Sequence[str]) -> go.Figure:
    """Return bars of rates in per cent, with their 95 % intervals; those without a value are left out."""
    figure = go.Figure()
    for n, scored in enumerate(sets):
        report = scored.report
        known = [name for name in names if report.metrics.get(name) is not None]
        values = [100 * float(report.metrics[name] or 0.0) for name in known]
        ends = [report.intervals.get(name) for name in known]
        pairs = list(zip(values, ends, strict=True))
        figure.add_bar(
            x=known, y=values, name=scored.name, marker_color=COLOURS[n % len(COLOURS)],
            error_y={
                "type": "data", "symmetric": False,
                "array": [0.0 if e is None else 100 * e[1] - v for v, e in pairs],
                "arrayminus": [0.0 if e is None else v - 100 * e[0] for v, e in pairs],
            },
        )  # fmt: skip
    figure.update_layout(barmode="group", yaxis_title="%", yaxis_range=[0, 105], **_look())
    return figure


def density_figure(
    sets: Mapping[str, Sequence[float]], reference: Sequence[float], *, quantity: str
) -> go.Figure:
    """Return the distributions of a quantity as steps, each over its own number, the reference filled."""
    held = [np.asarray(values, dtype=float) for values in (reference, *sets.values()) if len(values)]
    joined = np.concatenate(held) if held else np.zeros(1)
    low, high = float(joined.min()), float(np.quantile(joined, 0.999))
    edges = np.linspace(low, max(high, low + 1e-6), _BINS + 1)
    figure = go.Figure()
    for n, (name, values) in enumerate(((REFERENCE, reference), *sets.items())):
        heights, _ = np.histogram(np.clip(np.asarray(values, dtype=float), edges[0], edges[-1]), bins=edges)
        figure.add_scatter(
            x=edges[:-1].tolist(), y=(heights / max(1, len(values))).tolist(), name=name, mode="lines",
            line={"shape": "hv", "color": _colour(n)}, fill="tozeroy" if n == 0 else None,
        )  # fmt: skip
    figure.update_layout(xaxis_title=quantity, yaxis_title="share", **_look())
    return figure


def shares_figure(
    sets: Mapping[str, Sequence[float]], reference: Sequence[float], *, quantity: str
) -> go.Figure:
    """Return the frequencies of whole numbers as bars, the reference beside the sets."""
    figure = go.Figure()
    for n, (name, values) in enumerate(((REFERENCE, reference), *sets.items())):
        counted = Counter(int(value) for value in values)
        whole = sorted(counted)
        figure.add_bar(
            x=whole, y=[counted[k] / len(values) for k in whole], name=name, marker_color=_colour(n)
        )
    figure.update_layout(barmode="group", xaxis_title=quantity, yaxis_title="share", **_look())
    return figure


def steps_figure(sets: Sequence[tuple[str, int, Scored]]) -> go.Figure:
    """Return match rates @1 and @k against the steps of sampling: (model, steps, set) each.

    Sets of one model are joined by a line.
    """
    figure = go.Figure()
    names = [n for n in dict.fromkeys(n for _, _, s in sets for n in s.report.metrics) if "match_rate" in n]
    models = list(dict.fromkeys(model for model, _, _ in sets))
    for n, model in enumerate(models):
        for dash, name in zip(("solid", "dash", "dot", "dashdot") * len(names), names, strict=False):
            points = sorted(
                (steps, 100 * value, scored.report.intervals.get(name, (value, value)))
                for of, steps, scored in sets
                if of == model and (value := scored.report.metrics.get(name)) is not None
            )
            if not points:
                continue
            figure.add_scatter(
                x=[p[0] for p in points], y=[p[1] for p in points], name=f"{model} {name}",
                mode="lines+markers", line={"dash": dash, "color": COLOURS[n % len(COLOURS)]},
                error_y={
                    "type": "data", "symmetric": False,
                    "array": [100 * p[2][1] - p[1] for p in points],
                    "arrayminus": [p[1] - 100 * p[2][0] for p in points],
                },
            )  # fmt: skip
    figure.update_layout(
        xaxis_title="steps (network evaluations a structure)", yaxis_title="match rate, %", xaxis_type="log",
        **_look(),
    )  # fmt: skip
    return figure


def energies_figure(sets: Mapping[str, Sequence[float]]) -> go.Figure:
    """Return energies above the hull, ranked, in eV/atom, with the thresholds of stable and metastable."""
    figure = go.Figure()
    for n, (name, values) in enumerate(sets.items()):
        ranked = sorted(values)
        figure.add_scatter(
            x=list(range(1, len(ranked) + 1)), y=ranked, mode="markers", name=name,
            marker={"color": COLOURS[n % len(COLOURS)]},
        )  # fmt: skip
    for level in (0.0, 0.1):
        figure.add_hline(y=level, line={"color": "#888", "dash": "dot"})
    figure.update_layout(xaxis_title="rank", yaxis_title="energy above the hull, eV/atom", **_look())
    return figure


def _colour(n: int) -> str:
    """The first is the reference."""
    return REFERENCE_COLOUR if n == 0 else COLOURS[(n - 1) % len(COLOURS)]


def _look() -> dict[str, object]:
    return {"height": 360, "margin": {"t": 30}, "template": "simple_white", "showlegend": True}
