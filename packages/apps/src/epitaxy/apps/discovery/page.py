"""The page of a search: candidates first, then energies, then how it went. Needs no network."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from epitaxy.apps.discovery.drawings import Rung, diffractogram, ladder
from epitaxy.apps.discovery.result import Find, SearchResult
from epitaxy.apps.discovery.table import COLUMNS, Row, row_of
from epitaxy.apps.foundation.files import write_text
from epitaxy.apps.report.structure3d import structure_figure
from epitaxy.apps.report.turntable import STYLE, script, turntable
from epitaxy.eval.stability import standardised
from epitaxy.eval.stability.descent import SYMPREC

SHOWN = 12
"""Candidates with a card of their own."""
LISTED = 200
"""Rows of the table; the file has them all."""

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1c; --soft: #5c5c5c; --line: #d9d9d9; --card: #fff;
  --page: #f7f7f5; --mark: #1f6fb2; --known: #2e8b57; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e6; --soft: #a5a5a0; --line: #3a3a3a;
  --card: #1f1f1f; --page: #151515; --mark: #6fb1e8; --known: #6cc795; } }
* { box-sizing: border-box; }
body { font: 16px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--page); margin: 0 auto;
  max-width: 76rem; padding: 1rem; }
h1 { font-size: 1.5rem; margin: .5rem 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
p { max-width: 48rem; } p.note, small { color: var(--soft); }
a { color: var(--mark); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem;
  min-width: 0; scroll-margin-top: 1rem; }
.card:target { border-color: var(--mark); }
.card h3 { margin: 0; font-size: 1.05rem; display: flex; justify-content: space-between; gap: .5rem;
  flex-wrap: wrap; }
.card dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem .8rem; margin: .5rem 0;
  font-size: .9rem; }
.card dt { color: var(--soft); } .card dd { margin: 0; overflow-wrap: anywhere; }
.badge { color: var(--known); }
svg.drawing { width: 100%; height: auto; display: block; }
svg.drawing text { fill: var(--soft); font-size: 12px; }
.drawing .axis, .drawing .tick { stroke: var(--line); }
.drawing .edge { stroke: var(--soft); stroke-dasharray: 4; }
.drawing .rung { stroke: var(--mark); stroke-width: 4; } .drawing .rung.known { stroke: var(--known); }
.drawing .curve { fill: none; stroke: var(--mark); stroke-width: 1.4; }
div.table { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; }
td, th { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
"""


def write_search_page(path: Path, result: SearchResult, *, window: float, files: Mapping[str, str]) -> None:
    """Write the page.

    Args:
        path: the file.
        result: what was found.
        window: eV/atom within which a candidate is on the shortlist.
        files: a file of each candidate on the shortlist by its id, relative to the page.
    """
    title = f"Candidates for {result.question.title}"
    body = "\n".join(
        [
            f"<h1>{html.escape(title)}</h1>",
            f"<p>{html.escape(_summary(result, window))}</p>",
            _cards(result, files),
            "<h2>Energies</h2>" + _ladder(result, window),
            "<h2>All candidates</h2>" + _table(result),
            "<h2>What was asked, and how it went</h2>" + _asked(result),
        ]
    )
    write_text(
        path,
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}{STYLE}</style></head>\n"
        f"<body>{body}\n<script>{script()}</script></body></html>\n",
    )


def _summary(result: SearchResult, window: float) -> str:
    distinct = len(result.structures)
    above = "above the hull" if result.stability.hull.entries else "above the best"
    listed = len(result.shortlist(window))
    stopped = " It was stopped before its time." if result.interrupted else ""
    return (
        f"{distinct} distinct crystals were found, {listed} of them within {1000 * window:.0f} meV/atom "
        f"{above}, by {result.stability.potential} at 0 K. A potential errs: take the "
        f"lowest few further.{_order(result)}{stopped}{_group(result)}"
    )


def _order(result: SearchResult) -> str:
    """Say what comes first, where it is not simply the lowest."""
    if result.by_energy or all(find.probability is None for find in result.finds):
        return ""
    return (
        " The most probable come first: low in energy, and often proposed by models and as known structure "
        "types."
    )


def _group(result: SearchResult) -> str:
    """Say what was left out for its space group."""
    if result.question.group is None:
        return ""
    return (
        f" All have the space group asked for to {SYMPREC:g} Å; {result.left_out} without it were left out."
    )


def _cards(result: SearchResult, files: Mapping[str, str]) -> str:
    shown = [find for find in result.finds if find.structure is not None][:SHOWN]
    if not shown:
        return "<p>No candidate could be relaxed.</p>"
    cards = "".join(_card(rank, find, result, files) for rank, find in enumerate(shown, start=1))
    return f'<div class="cards">{cards}</div>'


def _card(rank: int, find: Find, result: SearchResult, files: Mapping[str, str]) -> str:
    assert find.structure is not None
    standard = standardised(find.structure)
    figure = structure_figure(standard.structure, title="")
    facts = "".join(f"<dt>{html.escape(k)}</dt><dd>{v}</dd>" for k, v in _facts(find, result, files))
    known = '<span class="badge">known</span>' if find.candidate.known else ""
    formula = standard.structure.composition.reduced_formula
    heading = f"<h3><span>{rank}. {html.escape(formula)} {html.escape(standard.symbol)}</span>{known}</h3>"
    return (
        f'<section class="card" id="c{rank}">{heading}{turntable(figure)}<dl>{facts}</dl>'
        f"{diffractogram(standard.structure)}</section>"
    )


def _facts(find: Find, result: SearchResult, files: Mapping[str, str]) -> list[tuple[str, str]]:
    """List what a card says; the values are markup."""
    structure, candidate = find.structure, find.candidate
    assert structure is not None
    a, b, c, alpha, beta, gamma = standardised(structure).structure.lattice.parameters
    facts = [("energy", f"{candidate.enthalpy:.4f} eV/atom")]
    if find.probability is not None:
        facts.insert(0, ("probability", f"{100 * find.probability:.0f} %"))
    if candidate.above_best is not None:
        facts.append(("above the best", f"{1000 * candidate.above_best:.0f} meV/atom"))
    if candidate.e_hull is not None:
        facts.append(("above the hull", f"{1000 * candidate.e_hull:+.0f} meV/atom"))
    facts += [
        ("space group", html.escape(find.spacegroup or "none found")),
        ("cell", f"{a:.3f}, {b:.3f}, {c:.3f} Å; {alpha:.1f}, {beta:.1f}, {gamma:.1f}°"),
        ("density", f"{float(structure.density):.2f} g/cm³"),
        ("found", html.escape(f"{find.found} times: {find.found_by}")),
        ("first by", html.escape(str(find.origins[0]))),
        ("closest known", html.escape(_closest(find, result))),
    ]
    if candidate.id in files:
        file = html.escape(files[candidate.id], quote=True)
        facts.append(("file", f'<a href="{file}">{file}</a>'))
    if candidate.relaxed is not None and not (candidate.relaxed.converged and find.fine):
        facts.append(("note", "not fully relaxed: its energy may still fall"))
    return facts


def _closest(find: Find, result: SearchResult) -> str:
    if find.likeness is None:
        return f"none of this composition is close in {result.reference}"
    same = "the same as" if find.likeness.same else "like"
    return f"{same} {find.likeness.id} of {result.reference}, {find.likeness.distance:.2f} Å away"


def _ladder(result: SearchResult, window: float) -> str:
    placed = [
        (rank, find, height)
        for rank, find in enumerate(result.finds, start=1)
        if (height := result.height(find)) is not None and height <= max(3 * window, 0.3)
    ]
    rungs = [
        Rung(
            height=height,
            label=f"{rank}. {_formula(find)} {find.spacegroup}",
            known=find.candidate.known is not None,
            link=f"c{rank}" if rank <= SHOWN else "",
        )
        for rank, find, height in placed
    ]
    above = "above the hull" if result.stability.hull.entries else "above the best"
    note = html.escape(
        "Each line a distinct crystal; green ones are known, below the dashed line is the shortlist."
    )
    drawn = ladder(rungs, window=window, quantity=f"meV/atom {above}") if rungs else ""
    return f'<p class="note">{note}</p>{drawn}'


def _formula(find: Find) -> str:
    return "" if find.structure is None else find.structure.composition.reduced_formula


def _table(result: SearchResult) -> str:
    rows: list[Row] = [row_of(rank, find) for rank, find in enumerate(result.finds[:LISTED], start=1)]
    names = [name for name in COLUMNS if any(row[name] not in (None, "") for row in rows)]
    return _html_table(names, [[row[name] for name in names] for row in rows])


def _html_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f"<th>{html.escape(name.replace('_', ' '))}</th>" for name in names)
    body = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in rows)
    return f'<div class="table"><table><tr>{head}</tr>{body}</table></div>'


def _cell(value: Any) -> str:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return f"<td>{html.escape('' if value is None else str(value))}</td>"
    return f'<td class="number">{f"{value:.4f}" if isinstance(value, float) else value}</td>'


def _asked(result: SearchResult) -> str:
    rows = [
        [name.replace("_", " "), ", ".join(map(str, value)) if isinstance(value, list) else str(value)]
        for name, value in result.options.items()
        if value not in (None, [], {})
    ]
    rows.append(["took", f"{result.seconds:.0f} s, {result.force_calls} computations of forces"])
    rows.append(["energies compared with", result.stability.hull.statement])
    head = ["source", "proposed", "no crystals", "other elements", "other space group", "merged"]
    sources = [
        [name, tally.proposed, tally.faulty, tally.elsewhere, tally.astray, tally.merged]
        for name, tally in result.tallies.items()
    ]
    return _html_table(head, sources) + _html_table(["asked", ""], rows).replace(
        "<table>", '<table class="asked">'
    )
