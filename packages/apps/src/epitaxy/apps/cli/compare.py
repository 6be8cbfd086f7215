"""``epitaxy compare``: one set of weights under several samplers and numbers of steps."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from epitaxy.apps.crystals.data import load_crystals
from epitaxy.apps.crystals.generator import CrystalGenerator
from epitaxy.apps.evaluation.comparison import Compared, compare

_HEADER = ("sampler", "steps", "evaluations", "match rate", "95 % interval", "RMSE", "seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """What the user typed after ``compare``."""

    model: str
    dataset: str
    samplers: Sequence[str]
    steps: Sequence[int]
    protocol: str
    split: str
    limit: int | None
    root: Path | None
    seed: int
    workers: int | None = None


def run_compare(words: CompareOptions) -> None:
    """Print a table in Markdown, a line as soon as it is known."""
    generator = CrystalGenerator.load(words.model)
    dataset = load_crystals(words.dataset, words.split, root=words.root, limit=words.limit)
    rows = compare(
        generator, dataset, samplers=words.samplers, steps=words.steps, protocol=words.protocol,
        seed=words.seed, workers=(os.cpu_count() or 1) if words.workers is None else words.workers,
    )  # fmt: skip
    typer.echo(
        f"{words.model}, {len(dataset)} {words.split} crystals of {words.dataset}, "
        f"protocol {words.protocol}, one draw each\n"
    )
    typer.echo(f"| {' | '.join(_HEADER)} |\n|{'---|' * len(_HEADER)}")
    for row in rows:
        typer.echo(f"| {' | '.join(_cells(row))} |")


def _cells(row: Compared) -> list[str]:
    rate, rmse = row.result.match_rate(1) or 0.0, row.result.rmse(1)
    low, high = row.result.report().intervals["match_rate@1"]
    error = "none" if rmse is None else f"{rmse:.3f}"
    return [
        row.sampler, str(row.steps), str(row.evaluations), f"{100 * rate:.1f} %",
        f"{100 * low:.1f} to {100 * high:.1f}", error, f"{row.seconds:.3f}",
    ]  # fmt: skip
