"""A 3D figure on a canvas that the pointer turns: any number of them on one page.

Plotly draws in three dimensions by WebGL, of which a browser gives a page some sixteen contexts: of a gallery
of twenty structures the first four stay blank. Figures of markers and lines alone need none of it.
"""

import html
import json
from importlib.resources import files
from typing import Any

import numpy as np
import plotly.graph_objects as go

STYLE = """
figure.turn { margin: 0; break-inside: avoid; }
figure.turn canvas { width: 100%; height: 15rem; cursor: grab; touch-action: pan-y; }
figure.turn figcaption { font-size: .82rem; text-align: center; min-height: 2.4em; overflow-wrap: anywhere; }
figure.turn .legend { font-size: .8rem; text-align: center; }
figure.turn .legend i { display: inline-block; width: .75em; height: .75em; border-radius: 50%;
  border: 1px solid #555; margin: 0 .3em 0 .9em; vertical-align: -.05em; }
"""


def can_turn(figure: go.Figure) -> bool:
    """Whether a figure is all markers and lines in three dimensions."""
    return bool(figure.data) and all(trace.type == "scatter3d" for trace in figure.data)


def turntable(figure: go.Figure) -> str:
    """Return the figure's HTML: its title, a canvas with what is on it beside it, and a legend."""
    atoms = [trace for trace in figure.data if trace.mode == "markers"]
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    model = {
        "atoms": [atom for trace in atoms for atom in _atoms(trace)],
        "lines": [
            {"points": _points(trace), "color": trace.line.color, "width": (trace.line.width or 2) / 1.5}
            for trace in lines
        ],
    }
    title = html.escape(figure.layout.title.text or "").replace("&lt;br&gt;", "<br>")
    words = html.escape((figure.layout.title.text or "").replace("<br>", ", "), quote=True)
    legend = "".join(
        f'<span><i style="background:{html.escape(trace.marker.color, quote=True)}"></i>'
        f"{html.escape(trace.name)}</span>"
        for trace in atoms
    )
    data = json.dumps(model, separators=(",", ":")).replace("<", "\\u003c")
    return (
        f'<figure class="turn"><figcaption>{title}</figcaption>'
        f'<canvas class="turn" tabindex="0" role="img" aria-label="{words}"></canvas>'
        f'<script type="application/json">{data}</script><div class="legend">{legend}</div></figure>'
    )


def script() -> str:
    """Return the script that draws every turntable of a page; it goes after them."""
    return files("epitaxy.apps.report").joinpath("turntable.js").read_text(encoding="utf-8")


def _atoms(trace: go.Scatter3d) -> list[dict[str, Any]]:
    about = {"size": round(float(trace.marker.size), 2), "color": trace.marker.color, "name": trace.name}
    return [{"at": point, **about} for point in _points(trace) if point is not None]


def _points(trace: go.Scatter3d) -> list[list[float] | None]:
    """List the points, None where a line is broken off."""
    points = np.column_stack([np.asarray(axis, dtype=float) for axis in (trace.x, trace.y, trace.z)])
    return [None if np.isnan(point).any() else np.round(point, 3).tolist() for point in points]
