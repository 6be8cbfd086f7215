"""A page of molecules: each in space, to be turned, and as a structural formula."""

import html
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Integer

from epitaxy.apps.report.depict import can_depict, depict
from epitaxy.apps.report.molecule3d import molecule_figure
from epitaxy.apps.report.page import Section, write_page
from epitaxy.geometry import MoleculeBatch

_Rows = list[tuple[int, int, int]]


def write_gallery(
    path: Path,
    molecules: MoleculeBatch,
    bonds: Integer[np.ndarray, "bonds 3"],
    titles: Sequence[str],
    *,
    limit: int = 24,
) -> None:
    """Write the first molecules to one self-contained HTML page, atomically.

    Each has its atoms and bonds in three dimensions and, where RDKit is installed, a structural formula; one
    whose bonds RDKit refuses is drawn as it is, with the reason. Without RDKit the page says so.

    Args:
        path: the file.
        molecules: positions in angstrom.
        bonds: first atom, second atom (numbered through the whole batch) and order of each bond.
        titles: what stands above each molecule; `<br>` breaks its line.
        limit: how many are shown at most.

    Raises:
        ValueError: if there is not one title a molecule, a bond joins atoms of two molecules, or the limit is
            below 1.

    """
    if len(titles) != len(molecules) or limit < 1:
        raise ValueError(
            f"{len(titles)} titles for {len(molecules)} molecules and a limit of {limit}; give one title a "
            f"molecule and a limit of at least 1"
        )
    shown = molecules.select(range(min(limit, len(molecules))))
    drawn = can_depict()
    cards = [_card(*one, drawn) for one in zip(*_parts(shown, bonds), titles[: len(shown)], strict=True)]
    section = Section(
        title=_heading(len(shown), len(molecules)),
        note=_note(drawn),
        figures=[figure for figure, _ in cards],
        below=[formula for _, formula in cards],
        gallery=True,
    )
    lead = f"{len(molecules)} molecules as a model drew them; none is chosen for its looks."
    write_page(path, title="Sampled molecules", sections=[section], lead=lead)


def _heading(shown: int, total: int) -> str:
    if shown == total:
        return f"{total} molecule{'s' * (total != 1)}"
    return f"The first {shown} of {total} molecules"


def _note(drawn: bool) -> str:
    turn = (
        "Bonds are those that the EDM tables see in the distances. Drag a molecule to turn it, or use the "
        "arrow keys; Ctrl and the wheel zoom; a double click goes back."
    )
    if drawn:
        return (
            f"{turn} In a formula a marked atom has too few bonds or too many; a dot is an electron without "
            f"a partner."
        )
    return f"{turn} Structural formulas need RDKit: pip install rdkit."


def _parts(
    molecules: MoleculeBatch, bonds: Integer[np.ndarray, "bonds 3"]
) -> tuple[list[list[int]], list[np.ndarray], list[_Rows]]:
    """Divide atomic numbers, positions and bonds by molecule, atoms counted from 0 in each.

    The molecules are the first of those that the bonds are numbered through.
    """
    offsets = molecules.segments.offsets.cpu().numpy()
    numbers = molecules.numbers.tolist()
    positions = molecules.positions.detach().cpu().double().numpy()
    divided: list[_Rows] = [[] for _ in range(len(molecules))]
    inside = bonds[bonds[:, 0] < offsets[-1]]
    owner, other = (np.searchsorted(offsets, inside[:, end], side="right") - 1 for end in (0, 1))
    if (owner != other).any():
        raise ValueError("a bond joins atoms of two molecules; number atoms through the whole batch")
    local = inside - offsets[owner][:, None] * np.array([1, 1, 0])
    for place, (i, j, order) in zip(owner.tolist(), local.tolist(), strict=True):
        divided[place].append((i, j, order))
    ends = list(pairwise(offsets.tolist()))
    return [numbers[a:b] for a, b in ends], [positions[a:b] for a, b in ends], divided


def _card(
    numbers: list[int], positions: np.ndarray, bonds: _Rows, title: str, drawn: bool
) -> tuple[go.Figure, str]:
    figure = molecule_figure(numbers, positions, bonds, title=title)
    if not drawn:
        return figure, ""
    svg, refusal = depict(numbers, bonds)
    reason = f"<small>RDKit refuses it: {html.escape(refusal)}</small>" if refusal else ""
    return figure, (svg or "<small>No formula can be drawn.</small>") + reason
