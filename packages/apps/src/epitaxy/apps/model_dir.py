"""The model directory: what is published, shipped and loaded. No pickle, no code from the file."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save

from epitaxy.apps.config import Recipe, read_recipe
from epitaxy.apps.config.base import suggest
from epitaxy.apps.errors import UsageError, WorkError
from epitaxy.apps.families import FAMILIES, AnyModel
from epitaxy.apps.files import write_bytes, write_text

WEIGHTS, RECIPE, CARD, STATISTICS = "model.safetensors", "recipe.json", "card.md", "statistics.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model directory in memory."""

    model: AnyModel
    path: Path
    checksum: str
    """SHA-256 of the weights file."""


def shipped() -> dict[str, Path]:
    """Return the model directories that come inside this package, by name."""
    root = Path(str(resources.files("epitaxy.apps"))) / "shipped"
    if not root.is_dir():
        return {}
    return {path.name: path for path in sorted(root.iterdir()) if (path / RECIPE).is_file()}


def save_model(path: Path, model: AnyModel, *, card: str) -> None:
    """Write a model directory; each file appears whole or not at all, the weights last."""
    path.mkdir(parents=True, exist_ok=True)
    write_text(path / RECIPE, model.recipe.model_dump_json(indent=2) + "\n")
    write_text(path / STATISTICS, model.statistics.to_json())
    write_text(path / CARD, card)
    weights = {name: value.detach().cpu().contiguous() for name, value in model.network.state_dict().items()}
    write_bytes(path / WEIGHTS, save(weights, metadata={"format": "epitaxy"}))


def locate(name_or_path: str) -> Path:
    """Return the model directory meant by a shipped name, a run folder or a model folder.

    Raises:
        UsageError: nothing of that name, or a run that has not yet written its model.
    """
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


def load_recipe(path: Path, *, kinds: Sequence[str] = ()) -> Recipe:
    """Read and check ``recipe.json`` of a run or model folder.

    Raises:
        UsageError: an unreadable recipe, or the recipe of a model that is none of ``kinds``, if there are
            any.
    """
    file = path / RECIPE
    values = _read_json(file)
    made_by = values.get("model")
    if kinds and made_by not in kinds:
        wanted = " or ".join(kinds)
        raise UsageError(f"{path} holds a {made_by} model, not a {wanted} one: use the command '{made_by}'")
    return read_recipe(values, source=str(file))


def load_model(name_or_path: str, *, kinds: Sequence[str] = ()) -> LoadedModel:
    """Load a model directory for sampling.

    Raises:
        UsageError: no such model, another model's directory, or weights that do not fit the recipe.
        WorkError: a damaged weights file.
    """
    path = locate(name_or_path)
    recipe = load_recipe(path, kinds=kinds)
    family = FAMILIES[recipe.model]
    model = family.build(recipe, family.parse(_read_text(path / STATISTICS)))
    try:
        weights = load_file(path / WEIGHTS)
    except SafetensorError as error:
        raise WorkError(f"{path / WEIGHTS} is damaged ({error}): copy or train the model again") from None
    try:
        model.network.load_state_dict(weights)
    except RuntimeError:
        raise UsageError(
            f"{path / WEIGHTS} does not fit the network of {path / RECIPE}: they are of two models"
        ) from None
    checksum = hashlib.sha256((path / WEIGHTS).read_bytes()).hexdigest()
    return LoadedModel(model=model.eval(), path=path, checksum=checksum)


def _read_text(file: Path) -> str:
    try:
        return file.read_text()
    except FileNotFoundError:
        raise UsageError(
            f"{file} is missing: a model folder has {RECIPE}, {STATISTICS} and {WEIGHTS}"
        ) from None


def _read_json(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(_read_text(file))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not JSON ({error}): copy the model again") from None
    if not isinstance(values, dict):
        raise UsageError(f"{file} is not a JSON object: copy the model again")
    return values
