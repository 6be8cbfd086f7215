"""A model's recipe: from the name of a preset, or from the content of its file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from epitaxy.apps.config.recipe import FORMAT, Recipe
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.folders import RECIPE, read_json
from epitaxy.apps.foundation.names import MODELS, ModelName, Task, what_is_at
from epitaxy.apps.foundation.suggest import suggest

MIGRATIONS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""``MIGRATIONS[k]`` turns a file of format k into one of format k + 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipes:
    """The recipes that a model may have; cheap to import, so that words can be checked by them at once.

    Attributes:
        schema: their class.
        presets: by name, a recipe for a task and a dataset.
    """

    schema: type[Recipe]
    presets: Mapping[str, Callable[[Task, str], Recipe]]


def recipes_of(model: ModelName) -> Recipes:
    """Return what a model's entry names."""
    return what_is_at(MODELS[model].recipes, Recipes)


def preset(name: str, *, task: Task, dataset: str, model: ModelName = "crysbfn") -> Recipe:
    """Return the recipe of a preset.

    Args:
        name: ``paper`` (the paper's numbers), ``small`` (an hour of CPU) or ``quickstart`` (two minutes).
        task: "csp" or "dng".
        dataset: what to train on.
        model: whose preset.

    Raises:
        UsageError: a name that is no preset.
    """
    presets = recipes_of(model).presets
    if name not in presets:
        raise UsageError(f"--preset {name}: there is no such preset{suggest(name, list(presets))}")
    return presets[name](task, dataset)


def read_recipe(values: dict[str, Any], *, source: str) -> Recipe:
    """Validate the content of a ``recipe.json``, migrating an older format first.

    Raises:
        UsageError: a format newer than this version knows, a model unknown to it, or values that are no
            recipe.
    """
    version: Any = values.get("format", FORMAT)
    if not isinstance(version, int) or not 1 <= version <= FORMAT:
        raise UsageError(
            f"{source} has recipe format {version}; this epitaxy reads up to {FORMAT}: update it"
        )
    while version < FORMAT:
        values = MIGRATIONS[version](values)
        version += 1
    made_by = values.get("model")
    if not isinstance(made_by, str) or made_by not in MODELS:
        raise UsageError(f"{source}: there is no model '{made_by}'{suggest(str(made_by), list(MODELS))}")
    return recipes_of(made_by).schema.parse(values, source=source)


def load_recipe(path: Path, *, kinds: Sequence[str] = ()) -> Recipe:
    """Read and check ``recipe.json`` of a run or model folder.

    Raises:
        UsageError: an unreadable recipe, or the recipe of a model that is none of ``kinds``, if there are
            any.
    """
    file = path / RECIPE
    values = read_json(file)
    made_by = values.get("model")
    if not isinstance(made_by, str):
        raise UsageError(f"{file} does not say which model it is of: copy the model again")
    if kinds and made_by not in kinds:
        wanted = " or ".join(kinds)
        raise UsageError(f"{path} holds a {made_by} model, not a {wanted} one: use the command '{made_by}'")
    return read_recipe(values, source=str(file))
