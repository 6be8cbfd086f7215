"""Presets: ``paper`` (the paper's numbers), ``small`` (an hour of CPU), ``quickstart`` (two minutes)."""

from collections.abc import Callable, Mapping

from epitaxy.apps.config.base import suggest
from epitaxy.apps.config.presets import crysbfn, geobfn, kldm, symmbfn
from epitaxy.apps.config.recipe import Recipe
from epitaxy.apps.errors import UsageError
from epitaxy.apps.names import ModelName, Task

PRESETS: Mapping[ModelName, Mapping[str, Callable[[Task, str], Recipe]]] = {
    "crysbfn": {"paper": crysbfn.paper, "small": crysbfn.small, "quickstart": crysbfn.quickstart},
    "kldm": {"paper": kldm.paper, "small": kldm.small, "quickstart": kldm.quickstart},
    "symmbfn": {"paper": symmbfn.paper, "small": symmbfn.small, "quickstart": symmbfn.quickstart},
    "geobfn": {"paper": geobfn.paper, "small": geobfn.small, "quickstart": geobfn.quickstart},
}
"""By model and name: from a task and a dataset's name to the recipe."""


def preset(name: str, *, task: Task, dataset: str, model: ModelName = "crysbfn") -> Recipe:
    """Return the recipe of a preset.

    Raises:
        UsageError: a name that is no preset.
    """
    presets = PRESETS[model]
    if name not in presets:
        raise UsageError(f"--preset {name}: there is no such preset{suggest(name, list(presets))}")
    return presets[name](task, dataset)
