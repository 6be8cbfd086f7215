"""What every evaluation gives: a table on the terminal, JSON, a page, a line on a model card."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import typer

from epitaxy.apps.evaluation.settings import Outputs
from epitaxy.apps.foundation.files import write_text
from epitaxy.apps.report.evaluation import score_sections
from epitaxy.apps.report.headline import headline
from epitaxy.apps.report.page import Section, write_page
from epitaxy.apps.report.scores import (
    Scored,
    count_rows,
    figure_header,
    figure_rows,
    is_rate,
    reasons,
    remarks,
    value_text,
)
from epitaxy.apps.sampling.output_folder import read_summary
from epitaxy.apps.training.card import add_measurement
from epitaxy.eval import Report

_LONG = ("share_", "reference_share_")
"""Figures of each crystal system: in the files, not on the terminal."""


def publish(
    sets: Sequence[Scored],
    outputs: Outputs,
    *,
    title: str,
    sections: Callable[[], Sequence[Section]] = lambda: (),
    ahead: Callable[[], Sequence[Section]] = lambda: (),
    samples: str = "",
) -> None:
    """Print, and write what was asked for.

    ``sections`` are made only for a page and follow the figures; ``ahead`` are, too, and stand before them.
    """
    print_table(sets)
    if outputs.json is not None:
        write_text(outputs.json, json.dumps(as_json(sets), indent=1) + "\n")
    if outputs.html is not None:
        whole = [*ahead(), *score_sections(sets), *sections()]
        write_page(outputs.html, title=title, sections=whole, lead=headline(sets))
    if outputs.card is not None:
        add_measurement(outputs.card, _card_line(sets[0].report, samples))


def print_table(sets: Sequence[Scored]) -> None:
    """Print protocol, figures, counts and notes; what is missing once, with its reason."""
    protocol = sets[0].report.protocol
    typer.echo(f"protocol {protocol['name']}: {protocol['definition']}\n")
    missing = set.intersection(*({n for n, value in s.report.metrics.items() if value is None} for s in sets))
    _print([figure_header(sets), *(row for row in figure_rows(sets) if row[0] not in missing)])
    counts = count_rows(sets)
    if counts:
        typer.echo()
        _print([("count", *(scored.name for scored in sets)), *counts] if len(sets) > 1 else counts)
    for scored in sets:
        about = f" ({scored.name})" if len(sets) > 1 else ""
        for reason, names in reasons(scored.report).items():
            shown = [name for name in names if not name.startswith(_LONG)]
            if shown:
                typer.echo(f"none{about}: {', '.join(shown)}: {reason}")
        for name, note in remarks(scored.report).items():
            typer.echo(f"note on {name}{about}: {note}")


def as_json(sets: Sequence[Scored]) -> dict[str, object]:
    """Return what ``--json`` writes: of several sets each object but the protocol holds one entry a set."""
    whole = [scored.report.to_json() | _more(scored) for scored in sets]
    if len(sets) == 1:
        return whole[0]
    names = [scored.name for scored in sets]
    keys = dict.fromkeys(key for part in whole for key in part)
    joined = {key: {n: part.get(key) for n, part in zip(names, whole, strict=True)} for key in keys}
    return joined | {"protocol": whole[0]["protocol"], "sets": names}


def joined(main: Report, other: Report, *, prefix: str, key: str) -> Report:
    """Return one report of two; the second's names get a prefix, its protocol a key, unless they have it."""

    def named(name: str) -> str:
        return name if name in (key, "crmse") else f"{prefix}{name}"

    return replace(
        main,
        protocol={**main.protocol, key: dict(other.protocol)},
        counts={**main.counts, **{f"{prefix}{name}": count for name, count in other.counts.items()}},
        metrics={**main.metrics, **{named(name): value for name, value in other.metrics.items()}},
        intervals={**main.intervals, **{named(name): ends for name, ends in other.intervals.items()}},
        notes={**main.notes, **{named(name): note for name, note in other.notes.items()}},
        ids={**main.ids, **{f"{prefix}{name}": ids for name, ids in other.ids.items()}},
    )


def _more(scored: Scored) -> dict[str, object]:
    return {"rejects": dict(scored.rejects), **scored.extra}


def _print(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        first, *rest = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join((first, *rest)).rstrip())


def _card_line(report: Report, samples: str) -> str:
    summary = read_summary(Path(samples)) or {}
    how = f"{summary['steps']} steps, {summary['requested']} samples" if summary else samples
    shown = [
        n for n in report.metrics if is_rate(report, n) or "@" in n or n.startswith(("wasserstein", "jsd"))
    ]
    known = [n for n in shown if report.metrics[n] is not None and not n.startswith(_LONG)]
    figures = ", ".join(f"{n} {value_text(report, n)}" for n in known)
    return f"{how}, protocol {report.protocol['name']}: {figures}"
