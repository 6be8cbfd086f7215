from epitaxy.apps.asymmetric_units.generator import SymmBFN
from epitaxy.apps.config.recipe import Recipe
from epitaxy.apps.crystals.generator import KLDM, CrysBFN
from epitaxy.apps.discovery.search import search
from epitaxy.apps.foundation.errors import UsageError, WorkError
from epitaxy.apps.generative.recipes import preset
from epitaxy.apps.loading import load
from epitaxy.apps.molecules.generator import GeoBFN

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
