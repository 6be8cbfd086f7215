"""Typed configuration: what a run is, as frozen pydantic models that build the real objects."""

from epitaxy.apps.config.atoms import AtomsConfig
from epitaxy.apps.config.bayesian import CategoricalBFNConfig, CircularBFNConfig, GaussianBFNConfig
from epitaxy.apps.config.conditioning import ConditioningConfig
from epitaxy.apps.config.crystal_recipe import CrystalRecipe, LossWeights
from epitaxy.apps.config.diffusions import (
    AbsorbingConfig,
    AnalogBitsConfig,
    KineticConfig,
    OneHotConfig,
    VPConfig,
)
from epitaxy.apps.config.lattice_form import (
    KVectorFormConfig,
    LatticeFormConfig,
    MatrixFormConfig,
    ParameterFormConfig,
)
from epitaxy.apps.config.modalities import LatticeConfig, PositionsConfig, SpeciesConfig
from epitaxy.apps.config.molecule_recipe import MoleculeRecipe, MoleculeWeights
from epitaxy.apps.config.network import CSPNetConfig, MoleculeNetConfig, WyckoffNetConfig
from epitaxy.apps.config.overrides import apply_overrides
from epitaxy.apps.config.presets import PRESETS, preset
from epitaxy.apps.config.reading import RECIPES, read_recipe
from epitaxy.apps.config.recipe import FORMAT, Recipe, SamplingConfig
from epitaxy.apps.config.training import CosineSchedule, PlateauSchedule, TrainingConfig, TrapezoidSchedule
from epitaxy.apps.config.wyckoff_recipe import WyckoffRecipe, WyckoffWeights

__all__ = [
    "FORMAT",
    "PRESETS",
    "RECIPES",
    "AbsorbingConfig",
    "AnalogBitsConfig",
    "AtomsConfig",
    "CSPNetConfig",
    "CategoricalBFNConfig",
    "CircularBFNConfig",
    "ConditioningConfig",
    "CosineSchedule",
    "CrystalRecipe",
    "GaussianBFNConfig",
    "KVectorFormConfig",
    "KineticConfig",
    "LatticeConfig",
    "LatticeFormConfig",
    "LossWeights",
    "MatrixFormConfig",
    "MoleculeNetConfig",
    "MoleculeRecipe",
    "MoleculeWeights",
    "OneHotConfig",
    "ParameterFormConfig",
    "PlateauSchedule",
    "PositionsConfig",
    "Recipe",
    "SamplingConfig",
    "SpeciesConfig",
    "TrainingConfig",
    "TrapezoidSchedule",
    "VPConfig",
    "WyckoffNetConfig",
    "WyckoffRecipe",
    "WyckoffWeights",
    "apply_overrides",
    "preset",
    "read_recipe",
]
