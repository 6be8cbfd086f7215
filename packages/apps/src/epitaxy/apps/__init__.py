"""The models, ready to train and to sample, and their command lines.

Importing this module is cheap: what it exports is loaded when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from epitaxy.apps.config import Recipe as Recipe
    from epitaxy.apps.config import preset as preset
    from epitaxy.apps.discovery.search import search as search
    from epitaxy.apps.errors import UsageError as UsageError
    from epitaxy.apps.errors import WorkError as WorkError
    from epitaxy.apps.generator import KLDM as KLDM
    from epitaxy.apps.generator import CrysBFN as CrysBFN
    from epitaxy.apps.geobfn import GeoBFN as GeoBFN
    from epitaxy.apps.loading import load as load
    from epitaxy.apps.symmbfn import SymmBFN as SymmBFN

_HOMES = {
    "KLDM": "epitaxy.apps.generator",
    "CrysBFN": "epitaxy.apps.generator",
    "GeoBFN": "epitaxy.apps.geobfn",
    "Recipe": "epitaxy.apps.config",
    "SymmBFN": "epitaxy.apps.symmbfn",
    "load": "epitaxy.apps.loading",
    "preset": "epitaxy.apps.config",
    "search": "epitaxy.apps.discovery.search",
    "UsageError": "epitaxy.apps.errors",
    "WorkError": "epitaxy.apps.errors",
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
