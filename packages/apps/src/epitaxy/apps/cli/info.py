"""``info``: what a run, a model or a preset is."""

import typer

from epitaxy.apps.config import Recipe
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.folders import CARD, RECIPE, locate
from epitaxy.apps.foundation.names import ModelName, Task
from epitaxy.apps.generative.recipes import load_recipe, preset, recipes_of


def run_info(kind: ModelName, name: str, *, task: str, data: str) -> None:
    """Print the card, the size and the recipe."""
    if name in recipes_of(kind).presets:
        wanted: Task = "dng" if task == "dng" else "csp"
        typer.echo(_described(preset(name, model=kind, task=wanted, dataset=data)))
        return
    try:
        path = locate(name)
    except UsageError:
        from pathlib import Path

        if (Path(name) / RECIPE).is_file():  # a run that has not written its model yet
            typer.echo(f"{name}: a run in progress\n\n{_described(load_recipe(Path(name), kinds=(kind,)))}")
            return
        raise
    from epitaxy.apps.generative.model_dir import load_model  # heavy, and not needed above

    loaded = load_model(name, kinds=(kind,))
    if (path / CARD).is_file():
        typer.echo((path / CARD).read_text())
    parameters = sum(p.numel() for p in loaded.model.network.parameters())
    typer.echo(f"folder      {path}\nparameters  {parameters:,}\nsha256      {loaded.checksum}\n")
    typer.echo(_described(loaded.model.recipe))


def _described(recipe: Recipe) -> str:
    lines = []
    for section, value in recipe.model_dump(mode="json").items():
        if isinstance(value, dict):
            inner = ", ".join(f"{key}={entry}" for key, entry in value.items() if not isinstance(entry, dict))
            lines.append(f"{section:<11} {inner}")
            lines += [
                f"  {key:<9} " + ", ".join(f"{k}={v}" for k, v in entry.items())
                for key, entry in value.items()
                if isinstance(entry, dict)
            ]
        else:
            lines.append(f"{section:<11} {value}")
    return "\n".join(lines)
