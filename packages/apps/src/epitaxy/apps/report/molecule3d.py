"""A molecule as a rotatable plotly figure: atoms and the bonds that it was judged by."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from ase.data import chemical_symbols
from jaxtyping import Float

from epitaxy.apps.report.structure3d import colour, scene

_OFFSET = 0.07
"""Angstrom between the lines of a double or triple bond and their middle."""


def molecule_figure(
    numbers: Sequence[int],
    positions: Float[np.ndarray, "atoms 3"],
    bonds: Sequence[tuple[int, int, int]],
    *,
    title: str,
) -> go.Figure:
    """Return a 3D figure; bonds are (first atom, second atom, order), counted from 0."""
    return scene([_bonds(positions, bonds), *_atoms(numbers, positions)], title=title)


def _atoms(numbers: Sequence[int], positions: Float[np.ndarray, "atoms 3"]) -> list[go.Scatter3d]:
    traces = []
    for number in dict.fromkeys(numbers):
        known = 0 < number < len(chemical_symbols)
        points = positions[[k for k, other in enumerate(numbers) if other == number]]
        traces.append(
            go.Scatter3d(
                x=points[:, 0].tolist(), y=points[:, 1].tolist(), z=points[:, 2].tolist(), mode="markers",
                name=chemical_symbols[number] if known else f"no element ({number})",
                marker={"size": 7 if number == 1 else 11, "line": {"width": 1, "color": "#333"},
                        "color": colour(chemical_symbols[number] if known else ""), "opacity": 1.0},
            )
        )  # fmt: skip
    return traces


def _bonds(positions: Float[np.ndarray, "atoms 3"], bonds: Sequence[tuple[int, int, int]]) -> go.Scatter3d:
    gap = np.full(3, np.nan)
    path = [gap]
    for i, j, order in bonds:
        side = _across(positions[j] - positions[i]) * _OFFSET
        for k in range(order):
            shift = side * (2 * k - order + 1)
            path += [positions[i] + shift, positions[j] + shift, gap]
    line = np.array(path)
    return go.Scatter3d(
        x=line[:, 0], y=line[:, 1], z=line[:, 2], mode="lines", line={"color": "#777", "width": 5},
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip


def _across(along: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """Return a unit vector at right angles to a bond."""
    other = np.eye(3)[int(np.abs(along).argmin())]
    found: np.ndarray = np.cross(along, other)
    length = float(np.linalg.norm(found))
    return found / length if length > 0 else other
