"""Loss curves, as a figure of a page or as a drawing."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import plotly.graph_objects as go

from epitaxy.apps.foundation.files import write_text

Rows = Sequence[dict[str, str]]
"""Those of a run's ``metrics.csv``."""

_SHOWN = 400
"""Points drawn for a training curve; each is the mean of the reports it stands for."""

COLOURS = (("#9bb7d4", "#1f6fb2"), ("#e6b0aa", "#c0392b"), ("#a9dfbf", "#2e8b57"), ("#d2b4de", "#8e44ad"))
"""Of training and validation, a pair a run; over again where there are more."""

_AXES = {"x": "optimiser step", "y": "loss, all modalities together"}


def curve(rows: Rows, split: str) -> tuple[list[int], list[float]]:
    """Return steps and losses of a split, the training's smoothed."""
    points = [(int(row["step"]), float(row["loss"])) for row in rows if row["split"] == split]
    width = max(1, len(points) // _SHOWN) if split == "train" else 1
    groups = [points[k : k + width] for k in range(0, len(points), width)]
    return [group[-1][0] for group in groups], [sum(loss for _, loss in g) / len(g) for g in groups]


def loss_figure(rows: Rows) -> go.Figure:
    """Return the training (smoothed) and validation losses of one run against the step."""
    return curves_figure({"": rows})


def curves_figure(runs: Mapping[str, Rows]) -> go.Figure:
    """Return the training (smoothed) and validation losses of runs, by name, against the step."""
    figure = go.Figure()
    for name, split, colour, rows in _lines(runs):
        steps, losses = curve(rows, split)
        figure.add_scatter(x=steps, y=losses, name=name, line={"color": colour})
    figure.update_layout(
        xaxis_title=_AXES["x"], yaxis_title=_AXES["y"], yaxis_type="log", height=380, margin={"t": 20},
        template="simple_white",
    )  # fmt: skip
    return figure


def write_loss_svg(path: Path, runs: Mapping[str, Rows]) -> None:
    """Draw the same into an SVG file, atomically and the same to the byte every time."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), layout="tight")
    axes = figure.add_subplot()
    for name, split, colour, rows in _lines(runs):
        steps, losses = curve(rows, split)
        axes.plot(steps, losses, color=colour, label=name, linewidth=1.2)
    axes.set(xlabel=_AXES["x"], ylabel=_AXES["y"], yscale="log")
    axes.legend()
    drawn = io.StringIO()
    with rc_context({"svg.hashsalt": "epitaxy"}):
        FigureCanvasSVG(figure).print_svg(drawn, metadata={"Date": None})  # type: ignore[no-untyped-call]  # matplotlib's
    write_text(path, drawn.getvalue())


def _lines(runs: Mapping[str, Rows]) -> list[tuple[str, str, str, Rows]]:
    """List what is drawn: name, split, colour and rows of each line; empty ones are left out."""
    lines = []
    for n, (run, rows) in enumerate(runs.items()):
        for (split, word), colour in zip(
            (("train", "training"), ("val", "validation")), COLOURS[n % len(COLOURS)], strict=True
        ):
            if any(row["split"] == split for row in rows):
                lines.append((word if len(runs) == 1 else f"{run}, {word}", split, colour, rows))
    return lines
