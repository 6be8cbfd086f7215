"""What differs between the kinds of data that models are made for, in one place.

The trainer, the model directory and the commands are written against :class:`Family`; a new kind of data
joins by its entry in ``FAMILIES``.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from epitaxy.apps.config import Recipe
from epitaxy.apps.crystal_model import CrystalModel
from epitaxy.apps.data import load_asymmetric_units, load_molecules, load_split
from epitaxy.apps.dataset import Dataset
from epitaxy.apps.errors import UsageError
from epitaxy.apps.model import GenerativeModel
from epitaxy.apps.molecule_model import MoleculeModel
from epitaxy.apps.names import ModelName
from epitaxy.apps.sampling.sample import Sample
from epitaxy.apps.sampling.writers import write_crystals, write_molecules
from epitaxy.apps.wyckoff_model import WyckoffModel
from epitaxy.data import Statistics
from epitaxy.data.molecules import MoleculeStatistics
from epitaxy.data.wyckoff import WyckoffStatistics

AnyModel = GenerativeModel[Any, Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """How files become a dataset, its statistics and a model.

    Attributes:
        noun: what the structures are called.
        example: what may be trained on, in a sentence.
        load: reads one split of a recipe's dataset: recipe, split, root.
        summarise: computes what a model keeps of its training split.
        parse: reads that from its JSON.
        build: makes a model of a recipe and the statistics.
        write: writes sampled structures into a folder.
        describe: says in a few words what sizes the training data had.
    """

    noun: str
    example: str
    load: Callable[[Any, str, Path | None], Dataset]
    summarise: Callable[[Any], Any]
    parse: Callable[[str], Any]
    build: Callable[[Any, Any], AnyModel]
    write: Callable[[Path, Sequence[Sample]], None]
    describe: Callable[[Any], str]


def build_model(recipe: Recipe, statistics: Any) -> AnyModel:
    """Return a recipe's model, freshly initialised.

    Raises:
        UsageError: values of which no network or flow can be made, or too large ones.
    """
    try:
        return FAMILIES[recipe.model].build(recipe, statistics)
    except UsageError:
        raise
    except Exception as error:  # whatever a network or a flow has against its numbers
        raise UsageError(f"no model can be made of this recipe: {error}") from error


def span(counts: Mapping[int, int]) -> str:
    """Return the smallest and the largest key, as in ``2 to 20``."""
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low} to {high}"


_CRYSTALS = Family(
    noun="crystals",
    example="perov_5, or the path of a CSV with CIFs",
    load=lambda recipe, split, root: load_split(recipe.dataset, split, root=root),
    summarise=Statistics.of,
    parse=Statistics.from_json,
    build=CrystalModel,
    write=write_crystals,
    describe=lambda statistics: f"cells of {span(statistics.atoms_per_cell)} atoms",
)

_ASYMMETRIC_UNITS = Family(
    noun="crystals",
    example="perov_5, or the path of a CSV with CIFs",
    load=lambda recipe, split, root: load_asymmetric_units(
        recipe.dataset, split, symprec=recipe.symprec, root=root
    ),
    summarise=WyckoffStatistics.of,
    parse=WyckoffStatistics.from_json,
    build=WyckoffModel,
    write=write_crystals,
    describe=lambda statistics: (
        f"{len(statistics.space_groups)} space groups, asymmetric units of "
        f"{span(Counter(size for sizes in statistics.orbits.values() for size in sizes))} atoms"
    ),
)

_MOLECULES = Family(
    noun="molecules",
    example="qm9, or the path of an SDF, an XYZ or a folder of them",
    load=lambda recipe, split, root: load_molecules(
        recipe.dataset, split, hydrogens=recipe.hydrogens, root=root
    ),
    summarise=MoleculeStatistics.of,
    parse=MoleculeStatistics.from_json,
    build=MoleculeModel,
    write=write_molecules,
    describe=lambda statistics: f"{span(statistics.atoms_per_molecule)} atoms",
)

FAMILIES: Mapping[ModelName, Family] = {
    "crysbfn": _CRYSTALS,
    "kldm": _CRYSTALS,
    "symmbfn": _ASYMMETRIC_UNITS,
    "geobfn": _MOLECULES,
}
"""By the model's name."""
