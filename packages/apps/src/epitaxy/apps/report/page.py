"""One HTML page from sections; plotly's script is inside it once, so it opens without a network."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from epitaxy.apps.files import write_text

_STYLE = """
body { font-family: system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 1px solid #ddd; }
table { border-collapse: collapse; margin: 1rem 0; }
td, th { padding: .3rem .9rem; text-align: left; border-bottom: 1px solid #eee; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1rem; }
p.note { color: #555; max-width: 50rem; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading with a note, a table and figures, any of them empty."""

    title: str
    note: str = ""
    rows: Sequence[tuple[str, ...]] = ()
    header: tuple[str, ...] = ()
    figures: Sequence[go.Figure] = field(default_factory=tuple)
    gallery: bool = False


def write_page(path: Path, *, title: str, sections: Sequence[Section]) -> None:
    """Write the page to ``path`` atomically."""
    body = "\n".join(_section(section) for section in sections)
    write_text(
        path,
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style><script>{get_plotlyjs()}</script></head>\n"
        f"<body><h1>{html.escape(title)}</h1>\n{body}\n</body></html>\n",
    )


def _section(section: Section) -> str:
    parts = [f"<h2>{html.escape(section.title)}</h2>"]
    if section.note:
        parts.append(f'<p class="note">{html.escape(section.note)}</p>')
    if section.rows:
        parts.append(_table(section))
    drawn = [
        figure.to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False})
        for figure in section.figures
    ]
    if drawn:
        parts.append(f'<div class="{"gallery" if section.gallery else "figures"}">{"".join(drawn)}</div>')
    return "\n".join(parts)


def _table(section: Section) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in section.header)
    rows = "".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in section.rows)
    return f"<table><tr>{head}</tr>{rows}</table>"


def _cell(text: str) -> str:
    numeric = text.replace(".", "").replace("-", "").replace("%", "").replace(" ", "").isdigit()
    return f'<td class="number">{html.escape(text)}</td>' if numeric else f"<td>{html.escape(text)}</td>"
