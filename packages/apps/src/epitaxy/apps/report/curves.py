"""The loss curve as a figure."""

from collections.abc import Sequence

import plotly.graph_objects as go

_SHOWN = 400
"""Points drawn for the training curve; each is the mean of the reports it stands for."""


def loss_figure(rows: Sequence[dict[str, str]]) -> go.Figure:
    """Return the training (smoothed) and validation losses against the step.

    Args:
        rows: the rows of a run's ``metrics.csv``.
    """
    figure = go.Figure()
    train = [(int(r["step"]), float(r["loss"])) for r in rows if r["split"] == "train"]
    width = max(1, len(train) // _SHOWN)
    groups = [train[k : k + width] for k in range(0, len(train), width)]
    figure.add_scatter(
        x=[group[-1][0] for group in groups],
        y=[sum(loss for _, loss in group) / len(group) for group in groups],
        name="training",
        line={"color": "#9bb7d4"},
    )
    val = [(int(r["step"]), float(r["loss"])) for r in rows if r["split"] == "val"]
    figure.add_scatter(
        x=[step for step, _ in val], y=[loss for _, loss in val], name="validation", line={"color": "#c0392b"}
    )
    figure.update_layout(
        xaxis_title="step", yaxis_title="loss", yaxis_type="log", height=380, margin={"t": 20},
        template="simple_white",
    )  # fmt: skip
    return figure
