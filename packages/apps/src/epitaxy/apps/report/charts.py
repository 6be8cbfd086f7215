"""Charts of an evaluation: rates with their intervals, distributions against a reference."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from pymatgen.symmetry.groups import sg_symbol_from_int_number

from epitaxy.apps.report.scores import Scored
from epitaxy.eval.dng import CRYSTAL_SYSTEMS
from epitaxy.eval.symmetry import SPACE_GROUPS

REFERENCE = "reference"
REFERENCE_COLOUR = "#9a9a9a"
COLOURS = ("#1f6fb2", "#c0392b", "#2e8b57", "#8e44ad", "#d68910", "#148f8f", "#7f5539", "#5d6d7e")
"""One a set, over again where there are more."""

_BINS = 60
_WIDTH = 0.6  # of a group's place that the sets' bars take, side by side
_SHORT = {"triclinic": "tric.", "monoclinic": "mono."}

_HIGHEST = 1.0
"""Electronvolts an atom above the hull up to which energies are shown: nothing beyond is of interest."""


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
    figure.update_layout(xaxis_title=quantity, yaxis_title="share", yaxis_rangemode="tozero", **_look())
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


def space_groups_figure(sets: Mapping[str, Sequence[int]], reference: Sequence[int]) -> go.Figure:
    """Return the shares of the 230 space groups on a logarithmic scale, the sets on the reference."""
    figure = go.Figure()
    each = _WIDTH / max(1, len(sets))
    for n, (name, values) in enumerate(((REFERENCE, reference), *sets.items())):
        counted = Counter(values)
        numbers = sorted(counted)
        figure.add_bar(
            x=numbers, y=[counted[k] / len(values) for k in numbers], name=name,
            width=0.95 if n == 0 else each, offset=-0.475 if n == 0 else (n - 1) * each - _WIDTH / 2,
            marker={"color": _colour(n) if n else "#cfcfcf", "line": {"width": 0}},
            text=[f"{sg_symbol_from_int_number(k)} ({k})" for k in numbers], textposition="none",
            hovertemplate=f"%{{text}}: %{{y:.2%}} of {name}<extra></extra>",
        )  # fmt: skip
    first = 0.5
    for n, (system, last) in enumerate(CRYSTAL_SYSTEMS.items()):
        end = last + 0.5
        if n % 2:
            figure.add_vrect(x0=first, x1=end, fillcolor="#f4f4f4", line_width=0, layer="below")
        figure.add_annotation(
            x=(first + end) / 2, y=1.0, yref="paper", yanchor="bottom", text=_SHORT.get(system, system),
            showarrow=False, font={"size": 11}, hovertext=system,
        )  # fmt: skip
        first = end
    figure.update_layout(
        barmode="overlay", bargap=0, xaxis_title="space group", xaxis_range=[0, SPACE_GROUPS + 1],
        yaxis_title="share", yaxis_type="log", yaxis_tickformat=".3~%", yaxis_dtick=1, **_look(1.08),
    )  # fmt: skip
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
        xaxis_tickvals=sorted({steps for _, steps, _ in sets}), yaxis_rangemode="tozero", **_look(),
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
    for level, word in ((0.0, "stable below"), (0.1, "metastable below")):
        figure.add_hline(
            y=level, line={"color": "#888", "dash": "dot", "width": 1}, annotation_text=word,
            annotation_position="top left", annotation_font_color="#777",
        )  # fmt: skip
    every = [value for values in sets.values() for value in values]
    beyond = sum(value > _HIGHEST for value in every)
    title = "energy above the hull, eV/atom" + (f" ({beyond} above {_HIGHEST:g})" if beyond else "")
    low, high = min([*every, 0.0]), min(_HIGHEST, max([*every, 0.15]))
    room = 0.06 * (high - low)
    figure.update_layout(
        xaxis_title="rank", yaxis_title=title, yaxis_range=[low - room, high + room], **_look()
    )
    return figure


def _colour(n: int) -> str:
    """The first is the reference."""
    return REFERENCE_COLOUR if n == 0 else COLOURS[(n - 1) % len(COLOURS)]


def _look(legend: float = 1.02) -> dict[str, object]:
    """Return what all charts share; ``legend`` is how high above the axes the legend stands."""
    return {
        "height": 380, "margin": {"t": 60, "r": 20}, "template": "simple_white", "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": legend, "yanchor": "bottom"},
    }  # fmt: skip
