"""One HTML page from sections; the scripts it needs are inside it, so it opens without a network."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from epitaxy.apps.foundation.files import write_text
from epitaxy.apps.report.turntable import STYLE, can_turn, script, turntable

_STYLE = """
:root { color-scheme: light dark; --line: #ddd; --faint: #eee; --soft: #666; }
@media (prefers-color-scheme: dark) {
  :root { --line: #444; --faint: #333; --soft: #aaa; }
  body { background: #16181b; color: #e6e6e6; }
  .figures > div, .gallery .below svg { background: #fff; border-radius: .4rem; }
}
body { font-family: system-ui, sans-serif; margin: 2rem auto; max-width: 78rem; padding: 0 1rem;
  line-height: 1.45; }
h1 { font-size: 1.6rem; }
h2 { font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
p.lead { font-size: 1.1rem; max-width: 50rem; }
table { border-collapse: collapse; margin: 1rem 0; }
td, th { padding: .3rem .9rem; text-align: left; border-bottom: 1px solid var(--faint); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.short { white-space: nowrap; }
td small { display: block; color: var(--soft); max-width: 26rem; }
div.table { overflow-x: auto; }
.gallery { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); }
.gallery .below { text-align: center; padding: .5rem 0 1.5rem; }
.gallery .below svg { max-width: 100%; height: auto; }
.gallery .below small { display: block; color: var(--soft); }
p.note { color: var(--soft); max-width: 50rem; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading with a note, a table and figures, any of them empty.

    Attributes:
        title: the heading.
        note: a sentence or two below it.
        rows: the table's.
        header: the heads of its columns.
        about: what the words in the first column mean; it stands below them.
        figures: below the table.
        below: markup for below each figure of a gallery, written as it is; none, or one a figure.
        gallery: whether the figures stand side by side.
    """

    title: str
    note: str = ""
    rows: Sequence[tuple[str, ...]] = ()
    header: tuple[str, ...] = ()
    about: Mapping[str, str] = field(default_factory=dict)
    figures: Sequence[go.Figure] = field(default_factory=tuple)
    below: Sequence[str] = ()
    gallery: bool = False


def write_page(path: Path, *, title: str, sections: Sequence[Section], lead: str = "") -> None:
    """Write the page to ``path`` atomically; ``lead`` says at its top what it shows."""
    body = "\n".join(_section(section) for section in sections)
    by_plotly = any(not _turns(figure, section.gallery) for section in sections for figure in section.figures)
    plotly = f"<script>{get_plotlyjs()}</script>" if by_plotly else ""
    write_text(
        path,
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title>"
        f"<style>{_STYLE}{STYLE}</style>{plotly}</head>\n"
        f"<body><h1>{html.escape(title)}</h1>\n{_lead(lead)}{body}\n"
        f"<script>{script()}</script></body></html>\n",
    )


def _lead(text: str) -> str:
    return f'<p class="lead">{html.escape(text)}</p>\n' if text else ""


def _section(section: Section) -> str:
    parts = [f"<h2>{html.escape(section.title)}</h2>"]
    if section.note:
        parts.append(f'<p class="note">{html.escape(section.note)}</p>')
    if section.rows:
        parts.append(_table(section))
    drawn = [_figure(figure, section.gallery) for figure in section.figures]
    if section.below:
        pairs = zip(drawn, section.below, strict=True)
        drawn = [f'<div>{figure}<div class="below">{markup}</div></div>' for figure, markup in pairs]
    if drawn:
        parts.append(f'<div class="{"gallery" if section.gallery else "figures"}">{"".join(drawn)}</div>')
    return "\n".join(parts)


def _turns(figure: go.Figure, gallery: bool) -> bool:
    return gallery and can_turn(figure)


def _figure(figure: go.Figure, gallery: bool) -> str:
    if _turns(figure, gallery):
        return turntable(figure)
    config = {"displaylogo": False, "displayModeBar": False if gallery else "hover", "responsive": True}
    drawn: str = figure.to_html(full_html=False, include_plotlyjs=False, config=config)
    return drawn


def _table(section: Section) -> str:
    """Return the table; a column of numbers stands to the right, a short cell on one line."""
    columns = list(zip(*section.rows, strict=True))
    numeric = [n > 0 and all(_NUMBER.fullmatch(cell) for cell in column) for n, column in enumerate(columns)]
    head = "".join(_cell("th", cell, numeric[n]) for n, cell in enumerate(section.header))
    rows = "".join(
        f"<tr>{_cell('td', row[0], about=section.about.get(row[0], ''))}"
        + "".join(_cell("td", cell, numeric[n]) for n, cell in enumerate(row[1:], start=1))
        + "</tr>"
        for row in section.rows
    )
    return f'<div class="table"><table><tr>{head}</tr>{rows}</table></div>'


_NUMBER = re.compile(r"|none|-?\d[\d.]*( (%|g/cm³|Å|s|eV/atom))?( of \d+)?")
"""What a cell of a column of numbers may hold."""

_SHORT = 36


def _cell(tag: str, text: str, number: bool = False, about: str = "") -> str:
    words = ["number"] * number + ["short"] * (tag == "td" and not about and len(text) <= _SHORT)
    named = f' class="{" ".join(words)}"' if words else ""
    below = f"<small>{html.escape(about)}</small>" if about else ""
    return f"<{tag}{named}>{html.escape(text)}{below}</{tag}>"
