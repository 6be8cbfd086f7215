"""The page of a relaxation: rates, energies, the ranked table, best and worst."""

from collections.abc import Sequence

from epitaxy.apps.evaluation.ranked import ranked_rows, verdict
from epitaxy.apps.report.charts import energies_figure, rates_figure
from epitaxy.apps.report.page import Section
from epitaxy.apps.report.scores import Scored, is_rate
from epitaxy.apps.report.structure3d import structure_figure
from epitaxy.eval.stability import Candidate, StabilityResult

GALLERY = 6
"""Candidates shown at each end."""

LISTED = 200
"""Rows of the table on the page; the file has them all."""


_ORDER = (
    "Energies in eV/atom; the best first, of equal crystals one with how often it was found. All is said of "
    "the "
    "relaxed crystal but its space group before."
)


def relax_sections(scored: Scored, result: StabilityResult) -> list[Section]:
    """Return the hull and what it can say, the energies above it, the candidates."""
    rates = [name for name in scored.report.metrics if is_rate(scored.report, name)]
    energies = [candidate.e_hull for candidate in result.placed() if candidate.e_hull is not None]
    rows = [tuple(_cell(value) for value in row.values()) for row in ranked_rows(result)[:LISTED]]
    header = tuple(ranked_rows(result)[0]) if rows else ()
    relaxed = [candidate for candidate in result.ranked() if candidate.relaxed is not None]
    sections = [
        Section(title="Rates", note="Whiskers are 95 % intervals.", figures=[rates_figure([scored], rates)]),
        Section(title="Hull", note=result.hull.statement, figures=[energies_figure({scored.name: energies})]),
        Section(title="Candidates", note=_ORDER, header=header, rows=rows),
    ]
    ends = (("Best", relaxed[:GALLERY]), ("Worst", relaxed[GALLERY:][-GALLERY:]))
    return sections + [_gallery(title, some) for title, some in ends if some]


def _gallery(title: str, candidates: Sequence[Candidate]) -> Section:
    figures = [
        structure_figure(c.relaxed.structure, title=f"{c.id}: {_title(c)}")
        for c in candidates
        if c.relaxed is not None
    ]
    return Section(title=title, note="Relaxed.", figures=figures, gallery=True)


def _title(candidate: Candidate) -> str:
    formula = "" if candidate.relaxed is None else candidate.relaxed.structure.composition.reduced_formula
    known = "" if candidate.known is None else f", known as {candidate.known}"
    above = "" if candidate.e_hull is None else f", {candidate.e_hull:+.3f} eV/atom"
    return f"{formula}, {verdict(candidate)}{known}{above}"


def _cell(value: str | int | float | bool | None) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)
