"""CrysBFN and KLDM among the models."""

from dataclasses import replace
from pathlib import Path

from epitaxy.apps.crystals import generator
from epitaxy.apps.crystals.data import load_crystals
from epitaxy.apps.crystals.model import CrystalModel
from epitaxy.apps.crystals.recipe import CrystalRecipe
from epitaxy.apps.crystals.trial import crystal_trial
from epitaxy.apps.crystals.writing import write_crystals
from epitaxy.apps.generative.kind import Kind, span
from epitaxy.data import CrystalDataset, Statistics


def _load(recipe: CrystalRecipe, split: str, root: Path | None) -> CrystalDataset:
    return load_crystals(recipe.dataset, split, root=root)


CRYSBFN = Kind(
    title="CrysBFN (periodic Bayesian flow)",
    noun="crystals",
    example="perov_5, or the path of a CSV with CIFs",
    load=_load,
    summarise=Statistics.of,
    parse=Statistics.from_json,
    build=CrystalModel,
    write=write_crystals,
    describe=lambda statistics: f"cells of {span(statistics.atoms_per_cell)} atoms",
    generator=generator.CrysBFN,
    trial=crystal_trial,
)

KLDM = replace(
    CRYSBFN,
    title="KLDM (kinetic Langevin diffusion)",
    generator=generator.KLDM,
)
