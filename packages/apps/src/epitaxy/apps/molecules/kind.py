"""GeoBFN among the models."""

from pathlib import Path

from epitaxy.apps.generative.kind import Kind, span
from epitaxy.apps.molecules import generator
from epitaxy.apps.molecules.data import load_molecules
from epitaxy.apps.molecules.model import MoleculeModel
from epitaxy.apps.molecules.recipe import MoleculeRecipe
from epitaxy.apps.molecules.trial import molecule_trial
from epitaxy.apps.molecules.writing import write_molecules
from epitaxy.data.molecules import MoleculeDataset, MoleculeStatistics


def _load(recipe: MoleculeRecipe, split: str, root: Path | None) -> MoleculeDataset:
    return load_molecules(recipe.dataset, split, hydrogens=recipe.hydrogens, root=root)


GEOBFN = Kind(
    title="GeoBFN (Bayesian flow for molecules)",
    noun="molecules",
    example="qm9, or the path of an SDF, an XYZ or a folder of them",
    load=_load,
    summarise=MoleculeStatistics.of,
    parse=MoleculeStatistics.from_json,
    build=MoleculeModel,
    write=write_molecules,
    describe=lambda statistics: f"{span(statistics.atoms_per_molecule)} atoms",
    generator=generator.GeoBFN,
    trial=molecule_trial,
)
