"""A recipe from the content of its file."""

from collections.abc import Callable, Mapping
from typing import Any

from epitaxy.apps.config.base import suggest
from epitaxy.apps.config.crystal_recipe import CrystalRecipe
from epitaxy.apps.config.molecule_recipe import MoleculeRecipe
from epitaxy.apps.config.recipe import FORMAT, Recipe
from epitaxy.apps.config.wyckoff_recipe import WyckoffRecipe
from epitaxy.apps.errors import UsageError
from epitaxy.apps.names import ModelName

MIGRATIONS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""``MIGRATIONS[k]`` turns a file of format k into one of format k + 1."""

RECIPES: Mapping[ModelName, type[Recipe]] = {
    "crysbfn": CrystalRecipe,
    "kldm": CrystalRecipe,
    "symmbfn": WyckoffRecipe,
    "geobfn": MoleculeRecipe,
}
"""What each model's recipe is."""


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
    for model, kind in RECIPES.items():
        if model == made_by:
            return kind.parse(values, source=source)
    raise UsageError(f"{source}: there is no model '{made_by}'{suggest(str(made_by), list(RECIPES))}")
