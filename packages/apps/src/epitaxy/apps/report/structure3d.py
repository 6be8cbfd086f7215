"""A crystal as a rotatable plotly figure: atoms, the cell's edges, and images on its faces."""

import itertools

import numpy as np
import plotly.graph_objects as go
from ase.data import atomic_numbers
from ase.data.colors import jmol_colors
from numpy.typing import NDArray
from pymatgen.core import Element, Structure

_CORNERS = np.array(list(itertools.product((0.0, 1.0), repeat=3)))
_FACE = 0.02
"""An atom this close (fractional) to a face is drawn on the opposite face too."""


def structure_figure(structure: Structure, *, title: str) -> go.Figure:
    """Return a 3D figure of one unit cell."""
    return scene([_cell(structure), *_atoms(structure)], title=title)


def scene(traces: list[go.Scatter3d], *, title: str) -> go.Figure:
    """Return a 3D figure of so many traces: no axes, one length in all directions, a legend below."""
    figure = go.Figure(traces)
    hidden = {"visible": False}
    figure.update_layout(
        title={"text": title, "font": {"size": 13}, "x": 0.5},
        scene={"xaxis": hidden, "yaxis": hidden, "zaxis": hidden, "aspectmode": "data"},
        margin={"l": 0, "r": 0, "t": 40, "b": 0},
        height=300,
        legend={"orientation": "h", "y": 0},
    )
    return figure


def _atoms(structure: Structure) -> list[go.Scatter3d]:
    traces = []
    for symbol in dict.fromkeys(site.specie.symbol for site in structure):
        inside = np.array([s.frac_coords % 1.0 for s in structure if s.specie.symbol == symbol])
        points = _with_images(inside) @ structure.lattice.matrix
        element = Element(symbol)
        traces.append(
            go.Scatter3d(
                x=points[:, 0], y=points[:, 1], z=points[:, 2], mode="markers", name=symbol,
                marker={"size": 5 + 6 * float(element.atomic_radius or 1.4), "color": colour(symbol),
                        "line": {"width": 1, "color": "#333"}, "opacity": 1.0},
                hovertemplate=f"{symbol} (%{{x:.2f}}, %{{y:.2f}}, %{{z:.2f}}) Å<extra></extra>",
            )
        )  # fmt: skip
    return traces


def _with_images(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add the periodic images of atoms on a face, edge or corner."""
    shifts = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
    images = (points[:, None] + shifts).reshape(-1, 3)
    shown: NDArray[np.bool_] = ((images > -_FACE) & (images < 1 + _FACE)).all(axis=1)
    selected: NDArray[np.float64] = images[shown]
    return selected


def _cell(structure: Structure) -> go.Scatter3d:
    edges = [
        (a, b) for a, b in itertools.combinations(range(8), 2) if np.abs(_CORNERS[a] - _CORNERS[b]).sum() == 1
    ]
    gap = np.full(3, np.nan)
    path = np.array([point for a, b in edges for point in (_CORNERS[a], _CORNERS[b], gap)])
    line = path @ structure.lattice.matrix
    return go.Scatter3d(
        x=line[:, 0], y=line[:, 1], z=line[:, 2], mode="lines", line={"color": "#888", "width": 2},
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip


def colour(symbol: str) -> str:
    """Return an element's colour, Jmol's; magenta where it has none."""
    number = atomic_numbers.get(symbol, 0)
    if not 0 < number < len(jmol_colors):
        return "#ff00ff"
    red, green, blue = jmol_colors[number]
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"
