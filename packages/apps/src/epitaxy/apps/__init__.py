"""The models, ready to train and to sample, and their command lines.

Importing this module is cheap: what it exports is loaded when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from epitaxy.apps.asymmetric_units.generator import SymmBFN as SymmBFN
    from epitaxy.apps.config.recipe import Recipe as Recipe
    from epitaxy.apps.crystals.generator import KLDM as KLDM
    from epitaxy.apps.crystals.generator import CrysBFN as CrysBFN
    from epitaxy.apps.discovery.search import search as search
    from epitaxy.apps.foundation.errors import UsageError as UsageError
    from epitaxy.apps.foundation.errors import WorkError as WorkError
    from epitaxy.apps.generative.recipes import preset as preset
    from epitaxy.apps.loading import load as load
    from epitaxy.apps.molecules.generator import GeoBFN as GeoBFN

_HOMES = {
    "KLDM": "epitaxy.apps.crystals.generator",
    "CrysBFN": "epitaxy.apps.crystals.generator",
    "GeoBFN": "epitaxy.apps.molecules.generator",
    "Recipe": "epitaxy.apps.config.recipe",
    "SymmBFN": "epitaxy.apps.asymmetric_units.generator",
    "load": "epitaxy.apps.loading",
    "preset": "epitaxy.apps.generative.recipes",
    "search": "epitaxy.apps.discovery.search",
    "UsageError": "epitaxy.apps.foundation.errors",
    "WorkError": "epitaxy.apps.foundation.errors",
}

__all__ = [
    "KLDM",
    "CrysBFN",
    "GeoBFN",
    "Recipe",
    "SymmBFN",
    "UsageError",
    "WorkError",
    "load",
    "preset",
    "search",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'epitaxy.apps' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
