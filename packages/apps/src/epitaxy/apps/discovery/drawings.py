"""Small drawings as SVG, in the page's own colours: they need no script, and a phone shows them at once."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pymatgen.analysis.diffraction.xrd import XRDCalculator
from pymatgen.core import Structure

_WIDE, _HIGH = 640, 130
WAVELENGTH = "CuKa"
_ANGLES = (10, 80)
_BROAD = 0.18
"""Degrees: the width that lines are drawn with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """A line of the ladder of energies.

    Attributes:
        height: eV/atom above the best, or above the hull.
        label: what it is called.
        known: whether it is a known crystal.
        link: where it leads to on the page; empty for nowhere.
    """

    height: float
    label: str
    known: bool = False
    link: str = ""


def ladder(rungs: Sequence[Rung], *, window: float, quantity: str) -> str:
    """Draw energies as rungs, the lowest at the bottom; the window's edge is dashed."""
    top = max([window * 1.2, *(rung.height for rung in rungs)])
    low = min([0.0, *(rung.height for rung in rungs)])
    high, wide, left = 360, 640, 64
    scale = (high - 50) / max(top - low, 1e-9)

    def y(height: float) -> float:
        return high - 25 - (height - low) * scale

    parts = [_axis(low, top, y, left, high, quantity)]
    edge = y(window)
    parts.append(f'<line class="edge" x1="{left}" x2="{wide}" y1="{edge:.1f}" y2="{edge:.1f}"/>')
    for n, rung in enumerate(rungs):
        x = left + 14 + (n % 6) * 94
        line = (
            f'<line class="{"rung known" if rung.known else "rung"}" x1="{x}" x2="{x + 82}" '
            f'y1="{y(rung.height):.1f}" y2="{y(rung.height):.1f}"><title>{html.escape(rung.label)}: '
            f"{1000 * rung.height:.0f} meV/atom</title></line>"
        )
        parts.append(f'<a href="#{html.escape(rung.link, quote=True)}">{line}</a>' if rung.link else line)
    return _svg(wide, high, "ladder of energies", "".join(parts))


def _axis(low: float, top: float, y: object, left: int, high: int, quantity: str) -> str:
    place = y
    assert callable(place)
    ticks = np.linspace(low, top, 5)
    marks = "".join(
        f'<text x="{left - 6}" y="{place(t) + 4:.1f}" text-anchor="end">{1000 * t:.0f}</text>'
        f'<line class="tick" x1="{left - 3}" x2="{left}" y1="{place(t):.1f}" y2="{place(t):.1f}"/>'
        for t in ticks
    )
    line = f'<line class="axis" x1="{left}" x2="{left}" y1="15" y2="{high - 15}"/>'
    words = html.escape(quantity)
    return f'{line}{marks}<text x="{left + 6}" y="12">{words}</text>'


def diffractogram(structure: Structure) -> str:
    """Draw the simulated powder pattern (pymatgen, copper K alpha), broadened; nothing if there is none."""
    try:
        pattern = XRDCalculator(wavelength=WAVELENGTH).get_pattern(structure, two_theta_range=_ANGLES)
    except Exception:  # of an extreme cell; the page does without
        return ""
    angles, heights = np.asarray(pattern.x, dtype=float), np.asarray(pattern.y, dtype=float)
    if not len(angles):
        return ""
    grid = np.linspace(*_ANGLES, 1 + 10 * (_ANGLES[1] - _ANGLES[0]))
    curve = (heights[:, None] * np.exp(-0.5 * ((grid - angles[:, None]) / _BROAD) ** 2)).sum(axis=0)
    curve *= (_HIGH - 40) / curve.max()
    x = (grid - _ANGLES[0]) / (_ANGLES[1] - _ANGLES[0]) * (_WIDE - 20) + 10
    points = " ".join(f"{a:.1f},{_HIGH - 22 - b:.1f}" for a, b in zip(x, curve, strict=True))
    strongest = sorted(zip(heights.tolist(), angles.tolist(), strict=True), reverse=True)[:5]
    named = ", ".join(f"{angle:.2f}°" for _, angle in sorted(strongest, key=lambda pair: pair[1]))
    ticks = "".join(
        f'<text x="{10 + (t - _ANGLES[0]) / (_ANGLES[1] - _ANGLES[0]) * (_WIDE - 20):.0f}" y="{_HIGH - 6}" '
        f'text-anchor="middle">{t}</text>'
        for t in range(_ANGLES[0] + 10, _ANGLES[1], 10)
    )
    base = f'<line class="axis" x1="10" x2="{_WIDE - 10}" y1="{_HIGH - 21}" y2="{_HIGH - 21}"/>'
    body = f'{base}{ticks}<polyline class="curve" points="{points}"/>'
    return _svg(_WIDE, _HIGH, f"powder pattern, strongest lines at {named}", body)


def _svg(wide: int, high: int, words: str, body: str) -> str:
    return (
        f'<svg class="drawing" viewBox="0 0 {wide} {high}" role="img" '
        f'aria-label="{html.escape(words, quote=True)}">{body}</svg>'
    )
