"""``epitaxy eval``: scores on the terminal, as JSON, as a page, as a line on a model card."""

import json as json_module
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from pymatgen.core import Structure

from epitaxy.apps.config.base import suggest
from epitaxy.apps.data import load_split
from epitaxy.apps.errors import UsageError
from epitaxy.apps.files import write_text
from epitaxy.apps.predictions import Predictions, read_predictions
from epitaxy.apps.progress import reporting
from epitaxy.apps.report.page import Section, write_page
from epitaxy.apps.report.scores import score_rows
from epitaxy.apps.report.structure3d import structure_figure
from epitaxy.apps.sampling.folder import read_summary
from epitaxy.apps.training.card import add_measurement
from epitaxy.data import DATASETS, Record, read_structures, split_paths
from epitaxy.eval import PROTOCOLS, Report, evaluate_validity, match_csp

GALLERY = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class CSPWords:
    """What the user typed after ``eval csp``."""

    predictions: str
    reference: str
    protocol: str
    split: str
    root: Path | None
    all_references: bool
    workers: int | None
    timeout: float
    json: Path | None
    html: Path | None
    card: Path | None


def run_csp(words: CSPWords) -> None:
    """Match predictions with references of the same id."""
    if words.protocol not in PROTOCOLS:
        raise UsageError(f"--protocol {words.protocol}: choose {', '.join(sorted(PROTOCOLS))}")
    predictions = read_predictions(words.predictions)
    references = _references(words, predictions)
    with reporting("matching") as progress:
        result = match_csp(
            predictions.by_id,
            references,
            protocol=words.protocol,
            workers=words.workers or os.cpu_count() or 1,
            timeout_s=words.timeout,
            progress=lambda done, total: progress(done, total, "pairs"),
        )
    title = f"Crystal structure prediction: {words.predictions} against {words.reference}"
    _publish(result.report(), words.predictions, title, predictions, words.json, words.html, words.card)


def run_dng(
    samples: str, *, workers: int | None, json: Path | None, html: Path | None, card: Path | None
) -> None:
    """Score de novo samples."""
    predictions = read_predictions(samples)
    with reporting("validity") as progress:
        result = evaluate_validity(
            predictions.flat(),
            workers=workers or os.cpu_count() or 1,
            progress=lambda done, total: progress(done, total, "structures"),
        )
    _publish(result.report(), samples, f"De novo generation: {samples}", predictions, json, html, card)


def _references(words: CSPWords, predictions: Predictions) -> Mapping[str, Structure]:
    """Return the true structures by id: those that sampling was asked for, or all."""
    if words.reference in DATASETS or split_paths(Path(words.reference)):
        dataset = load_split(words.reference, words.split, root=words.root)
        where = f"{words.reference} {words.split}"
        wanted = _wanted(dataset.ids, words, predictions, where)
        chosen = dataset.subset([i for i, name in enumerate(dataset.ids) if name in wanted])
        return dict(zip(chosen.ids, chosen.structures(), strict=True))
    if not Path(words.reference).exists():
        hint = suggest(words.reference, list(DATASETS))
        raise UsageError(f"{words.reference} is neither a dataset's name nor a path{hint}")
    records = [record for record in read_structures(words.reference) if isinstance(record, Record)]
    wanted = _wanted([record.id for record in records], words, predictions, words.reference)
    return {record.id: record.structure for record in records if record.id in wanted}


def _wanted(ids: Sequence[str], words: CSPWords, predictions: Predictions, where: str) -> set[str]:
    wanted = set(ids)
    if predictions.asked is not None and not words.all_references:
        wanted &= set(predictions.asked)
    if not wanted or not wanted & set(predictions.by_id):
        raise UsageError(f"no id of {words.predictions} is in {where}: the two are paired by material id")
    return wanted


def _publish(
    report: Report,
    samples: str,
    title: str,
    predictions: Predictions,
    json: Path | None,
    html: Path | None,
    card: Path | None,
) -> None:
    rows = score_rows(report)
    width = max(len(name) for name, *_ in rows)
    typer.echo(f"protocol {report.protocol['name']}: {report.protocol['definition']}")
    for name, value, interval in rows:
        typer.echo(f"{name:<{width}}  {value:>10}  {interval}")
    for name, note in report.notes.items():
        typer.echo(f"note on {name}: {note}")
    if json is not None:
        write_text(json, json_module.dumps(report.to_json(), indent=1) + "\n")
    if html is not None:
        shown = [(n, s) for n, s in predictions.flat().items() if s is not None][:GALLERY]
        figures = [structure_figure(s, title=f"{n}: {s.composition.reduced_formula}") for n, s in shown]
        write_page(
            html,
            title=title,
            sections=[
                Section(
                    title="Scores",
                    note=f"Protocol {report.protocol['name']}: {report.protocol['definition']}",
                    header=("metric", "value", "95 % interval"),
                    rows=rows,
                ),
                Section(title=f"The first {len(figures)} structures", figures=figures, gallery=True),
            ],
        )
    if card is not None:
        add_measurement(card, _card_line(report, samples))


def _card_line(report: Report, samples: str) -> str:
    summary = read_summary(Path(samples)) or {}
    how = f"{summary['steps']} steps, {summary['requested']} samples" if summary else samples
    figures = ", ".join(
        f"{name} {value}" for name, value, _ in score_rows(report) if "@" in name or "valid" in name
    )
    return f"{how}, protocol {report.protocol['name']}: {figures}"
