"""The page of an evaluation of molecules: rates, sizes, elements, and a gallery."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from epitaxy.apps.report.charts import rates_figure, shares_figure
from epitaxy.apps.report.molecule3d import molecule_figure
from epitaxy.apps.report.page import Section
from epitaxy.apps.report.scores import Scored, is_rate
from epitaxy.eval.molecules import MoleculeResult, Molecules

GALLERY = 6
"""Molecules shown at each end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One set of molecules and what came of it."""

    scored: Scored
    result: MoleculeResult


def molecule_sections(sets: Sequence[Judged], train: Molecules | None) -> list[Section]:
    """Return rates, sizes and elements against the training set, each set's best and worst."""
    report = sets[0].scored.report
    names = [name for name in report.metrics if is_rate(report, name)]
    rates = rates_figure([one.scored for one in sets], names)
    held = {one.scored.name: one.result.molecules for one in sets}
    figures = [
        shares_figure(
            {name: of(molecules) for name, molecules in held.items()}, [] if train is None else of(train),
            quantity=quantity,
        )
        for quantity, of in (("atoms in a molecule", _sizes), ("atomic number of an atom", _elements))
    ]  # fmt: skip
    note = "All molecules that could be read" + (
        "." if train is None else "; the reference is the training set."
    )
    return [
        Section(title="Rates", note="Whiskers are 95 % intervals.", figures=[rates]),
        Section(title="Sizes and elements", note=note, figures=figures),
        *(section for one in sets for section in _gallery(one)),
    ]


def _sizes(molecules: Molecules) -> list[float]:
    return [float(n) for n in molecules.counts]


def _elements(molecules: Molecules) -> list[float]:
    return [float(n) for n in molecules.numbers]


def _gallery(one: Judged) -> list[Section]:
    """Show the first molecules that are stable, valid and whole, and those with the fewest stable atoms."""
    result = one.result
    stable_atoms = result.molecules.sums(result.stability.stable_atoms) / result.molecules.counts
    valid = np.array([bool(identity) for identity in result.identities], dtype=bool)
    merit = stable_atoms + result.stability.stable + valid + result.stability.connected
    order = np.argsort(-merit, kind="stable").tolist()
    ends = (("best", order[:GALLERY]), ("worst", order[GALLERY:][-GALLERY:]))
    return [
        Section(
            title=f"{one.scored.name}: {title}",
            note="Bonds as the table tells them from distances.",
            figures=[_figure(result, place) for place in places],
            gallery=True,
        )
        for title, places in ends
        if places
    ]


def _figure(result: MoleculeResult, place: int) -> go.Figure:
    molecules, bonds, identity = result.molecules, result.stability.bonds, result.identities[place]
    first, end = (int(n) for n in molecules.offsets[place : place + 2])
    inside = (bonds.i >= first) & (bonds.i < end)
    rows = bonds.rows()[inside] - np.array([first, first, 0])
    word = "stable" if result.stability.stable[place] else "not stable"
    return molecule_figure(
        molecules.numbers[first:end].tolist(),
        molecules.positions[first:end],
        [(int(i), int(j), int(order)) for i, j, order in rows],
        title=f"{molecules.ids[place]}: {word}<br>{(identity.smiles or identity.reason or '')[:60]}",
    )
