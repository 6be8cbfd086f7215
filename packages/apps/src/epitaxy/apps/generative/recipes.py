"""A model's recipe: from the name of a preset, or from the content of its file."""

from collections.abc import Callable, Mapping
from typing import Any

from epitaxy.apps.config.recipe import FORMAT, Recipe
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.names import MODELS, ModelName, Task
from epitaxy.apps.foundation.suggest import suggest
from epitaxy.apps.generative.kind import kind_of

MIGRATIONS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""``MIGRATIONS[k]`` turns a file of format k into one of format k + 1."""


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
    presets = kind_of(model).presets
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
    return kind_of(made_by).recipe.parse(values, source=source)
