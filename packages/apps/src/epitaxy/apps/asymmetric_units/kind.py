"""SymmBFN among the models."""

from collections import Counter
from pathlib import Path

from epitaxy.apps.asymmetric_units import generator
from epitaxy.apps.asymmetric_units.data import load_asymmetric_units
from epitaxy.apps.asymmetric_units.model import WyckoffModel
from epitaxy.apps.asymmetric_units.recipe import WyckoffRecipe
from epitaxy.apps.asymmetric_units.trial import wyckoff_trial
from epitaxy.apps.crystals.writing import write_crystals
from epitaxy.apps.generative.kind import Kind, span
from epitaxy.data.wyckoff import WyckoffDataset, WyckoffStatistics


def _load(recipe: WyckoffRecipe, split: str, root: Path | None) -> WyckoffDataset:
    return load_asymmetric_units(recipe.dataset, split, symprec=recipe.symprec, root=root)


def _sizes(statistics: WyckoffStatistics) -> str:
    orbits = span(Counter(size for sizes in statistics.orbits.values() for size in sizes))
    return f"{len(statistics.space_groups)} space groups, asymmetric units of {orbits} atoms"


SYMMBFN = Kind(
    title="SymmBFN (symmetry-aware Bayesian flow)",
    noun="crystals",
    example="perov_5, or the path of a CSV with CIFs",
    load=_load,
    summarise=WyckoffStatistics.of,
    parse=WyckoffStatistics.from_json,
    build=WyckoffModel,
    write=write_crystals,
    describe=_sizes,
    generator=generator.SymmBFN,
    trial=wyckoff_trial,
)
