"""The model directory: what is published, shipped and loaded. No pickle, no code from the file."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from epitaxy.apps.config import Recipe
from epitaxy.apps.foundation.errors import UsageError, WorkError
from epitaxy.apps.foundation.files import write_bytes, write_text
from epitaxy.apps.foundation.folders import (
    CARD,
    RECIPE,
    STATISTICS,
    WEIGHTS,
    locate,
    read_json,
    read_text,
)
from epitaxy.apps.generative.kind import AnyModel, build_model, kind_of
from epitaxy.apps.generative.recipes import load_recipe

SUMS = "checksums.json"
"""SHA-256 of each file but the card, to which measurements are added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model directory in memory."""

    model: AnyModel
    path: Path
    checksum: str
    """SHA-256 of the weights file."""


def save_model(path: Path, model: AnyModel, *, card: str, half: bool = False) -> None:
    """Write a model directory; each file appears whole or not at all, the weights last.

    Args:
        path: the directory.
        model: the model.
        card: text of the model card.
        half: whether weights are rounded to float16; loaded they are again of the network's type.

    Raises:
        WorkError: weights that are no numbers.
    """
    weights = {name: value.detach().cpu().contiguous() for name, value in model.network.state_dict().items()}
    check_finite(weights, f"any more: nothing is written into {path}; train with a lower learning rate")
    if half:
        weights = {name: x.half() if x.is_floating_point() else x for name, x in weights.items()}
        check_finite(weights, "in float16: leave --half out")
    contents = {
        RECIPE: f"{model.recipe.model_dump_json(indent=2)}\n".encode(),
        STATISTICS: model.statistics.to_json().encode(),
        WEIGHTS: save(weights, metadata={"format": "epitaxy"}),
    }
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    write_text(path / CARD, card)
    write_text(path / SUMS, json.dumps(sums, indent=2) + "\n")
    for name, content in contents.items():
        write_bytes(path / name, content)


def load_model(name_or_path: str, *, kinds: Sequence[str] = ()) -> LoadedModel:
    """Load a model directory for sampling.

    Raises:
        UsageError: no such model, another model's directory, or weights that do not fit the recipe.
        WorkError: a damaged file.
    """
    path = locate(name_or_path)
    recipe = load_recipe(path, kinds=kinds)
    try:
        return _loaded(path, recipe)
    except (UsageError, WorkError, OSError):
        raise
    except Exception as error:  # a damaged file may upset any of the parts that read it
        raise WorkError(f"{path} is damaged ({error}): copy or train the model again") from error


def _loaded(path: Path, recipe: Recipe) -> LoadedModel:
    file = path / WEIGHTS
    content = file.read_bytes()
    try:
        weights = load(content)
    except SafetensorError as error:
        raise WorkError(f"{file} is damaged ({error}): copy or train the model again") from error
    if 2 * recipe.network.layers * recipe.network.hidden**2 > len(content):  # before it takes the memory
        raise UsageError(_misfit(path))
    model = build_model(recipe, kind_of(recipe.model).parse(read_text(path / STATISTICS)))
    try:
        model.network.load_state_dict(weights)
    except RuntimeError as error:
        raise UsageError(_misfit(path)) from error
    check_finite(weights, f"in {file}: copy or train the model again")
    _check_sums(path)
    return LoadedModel(model=model.eval(), path=path, checksum=hashlib.sha256(content).hexdigest())


def check_finite(weights: Mapping[str, Tensor], where: str) -> None:
    """Refuse weights that are no numbers; ``where`` ends the sentence.

    Raises:
        WorkError: naming one.
    """
    for name, value in weights.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise WorkError(f"the weight {name} is no number {where}")


def _misfit(path: Path) -> str:
    return f"{path / WEIGHTS} does not fit the network of {path / RECIPE}: they are of two models"


def _check_sums(path: Path) -> None:
    """Compare the files with the checksums beside them, where there are any.

    Raises:
        WorkError: a file that has changed since the folder was written.
    """
    if not (path / SUMS).exists():
        return
    sums = read_json(path / SUMS)
    for name in (RECIPE, STATISTICS, WEIGHTS):
        if name not in sums:
            raise WorkError(f"{path / SUMS} lacks {name}: copy the model again, or delete {SUMS}")
    for name, digest in sums.items():
        file = path / Path(name).name
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            raise WorkError(
                f"{file} is not what {SUMS} says it is: copy the model again, or delete {SUMS} beside it "
                "if the change is yours"
            )
