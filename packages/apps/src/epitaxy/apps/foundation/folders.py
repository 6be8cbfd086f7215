"""Which folder a word means: a model's, or one to sample into; cheap to import."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.suggest import check_named, suggest

WEIGHTS, RECIPE, CARD, STATISTICS = "model.safetensors", "recipe.json", "card.md", "statistics.json"
"""The files of a model directory."""

METRICS = "metrics.csv"
"""The file of a run with its losses."""

MARKER = ".sampling"
"""What lies in a folder while it is sampled into."""


def shipped() -> dict[str, Path]:
    """Return the model directories that come inside this package, by name."""
    root = Path(str(resources.files("epitaxy.apps"))) / "shipped"
    if not root.is_dir():
        return {}
    return {path.name: path for path in sorted(root.iterdir()) if (path / RECIPE).is_file()}


def locate(name_or_path: str) -> Path:
    """Return the model directory meant by a shipped name, a run folder or a model folder.

    Raises:
        UsageError: nothing of that name, or a run that has not yet written its model.
    """
    check_named(name_or_path, "a model of `epitaxy models`, a model folder or a run")
    path = Path(name_or_path)
    for candidate in (path, path / "model"):
        if (candidate / WEIGHTS).is_file():
            return candidate
    if path.is_dir() and (path / RECIPE).is_file():
        raise UsageError(
            f"{path} is a run that has not written its model yet: let it finish, or go on with --resume"
        )
    models = shipped()
    if name_or_path in models:
        return models[name_or_path]
    raise UsageError(
        f"{name_or_path} is no run, no model folder and no shipped model{suggest(name_or_path, list(models))}"
    )


def check_free(out: Path) -> None:
    """Refuse a folder that no sampling can be written into.

    Raises:
        UsageError: it is a file, or holds something that no unfinished sampling has left.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file: name a folder")
    if out.is_dir() and not (out / MARKER).exists() and any(out.iterdir()):
        raise UsageError(f"--out {out} is not empty: choose another folder")


def read_text(file: Path) -> str:
    """Return the content of one of a model directory's files.

    Raises:
        UsageError: it is missing, or is no text.
    """
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not text ({error}): copy the model again") from error
    except FileNotFoundError:
        raise UsageError(
            f"{file} is missing: a model folder has {RECIPE}, {STATISTICS} and {WEIGHTS}"
        ) from None


def read_json(file: Path) -> dict[str, Any]:
    """Return the values of one of a model directory's files.

    Raises:
        UsageError: it is missing, or holds no JSON object.
    """
    try:
        values = json.loads(read_text(file))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is not JSON ({error}): copy the model again") from error
    if not isinstance(values, dict):
        raise UsageError(f"{file} is not a JSON object: copy the model again")
    return values
