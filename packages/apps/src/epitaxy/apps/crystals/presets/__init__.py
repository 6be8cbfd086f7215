"""The recipes and presets of CrysBFN and KLDM."""

from epitaxy.apps.crystals.presets import crysbfn, kldm
from epitaxy.apps.crystals.recipe import CrystalRecipe
from epitaxy.apps.generative.recipes import Recipes

CRYSBFN = Recipes(
    schema=CrystalRecipe,
    presets={"paper": crysbfn.paper, "small": crysbfn.small, "quickstart": crysbfn.quickstart},
)
KLDM = Recipes(
    schema=CrystalRecipe,
    presets={"paper": kldm.paper, "small": kldm.small, "quickstart": kldm.quickstart},
)
