"""``epitaxy models`` and ``epitaxy data list``: what there is, without anything heavy."""

from pathlib import Path

import typer

from epitaxy.apps.foundation.folders import CARD, shipped
from epitaxy.apps.requests.capabilities import read_capability
from epitaxy.data import DATASETS
from epitaxy.data.locations import splits_here


def list_models() -> None:
    """Print the shipped models, each with what was measured, what it can make and a command to copy."""
    models = shipped()
    if not models:
        typer.echo("no model comes with this installation")
    for name, path in models.items():
        lines = (path / CARD).read_text().splitlines()
        typer.echo(f"{name}\n  {lines[0].removeprefix('# ')}")
        for line in lines:
            if line.startswith("- "):
                typer.echo(f"  {line[2:]}")
        for line in read_capability(path, name).lines():
            typer.echo(f"  {line}")
        typer.echo(f"  {path}")


def list_datasets(root: Path | None) -> None:
    """Print each dataset with where it is."""
    for name, info in DATASETS.items():
        typer.echo(f"{name:<17} {_place(name, root):<12} {info.description}")


def _place(name: str, root: Path | None) -> str:
    if DATASETS[name].embedded:
        return "embedded"
    return "/".join(splits_here(name, root=root)) or "not here"
