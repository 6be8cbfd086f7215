"""Typed configuration: what a run is, as frozen pydantic models that build the real objects."""

from epitaxy.apps.config.bayesian import CategoricalBFNConfig, CircularBFNConfig, GaussianBFNConfig
from epitaxy.apps.config.crystal_recipe import CrystalRecipe, LossWeights
from epitaxy.apps.config.diffusions import (
    AbsorbingConfig,
    AnalogBitsConfig,
    KineticConfig,
    OneHotConfig,
    VPConfig,
)
from epitaxy.apps.config.lattice_form import LatticeFormConfig, MatrixFormConfig, ParameterFormConfig
from epitaxy.apps.config.modalities import LatticeConfig, PositionsConfig, SpeciesConfig
from epitaxy.apps.config.network import CSPNetConfig
from epitaxy.apps.config.overrides import apply_overrides
from epitaxy.apps.config.presets import PRESETS, preset
from epitaxy.apps.config.reading import RECIPES, read_recipe
from epitaxy.apps.config.recipe import FORMAT, Recipe, SamplingConfig
from epitaxy.apps.config.training import CosineSchedule, PlateauSchedule, TrainingConfig

__all__ = [
    "FORMAT",
    "PRESETS",
    "RECIPES",
    "AbsorbingConfig",
    "AnalogBitsConfig",
    "CSPNetConfig",
    "CategoricalBFNConfig",
    "CircularBFNConfig",
    "CosineSchedule",
    "CrystalRecipe",
    "GaussianBFNConfig",
    "KineticConfig",
    "LatticeConfig",
    "LatticeFormConfig",
    "LossWeights",
    "MatrixFormConfig",
    "OneHotConfig",
    "ParameterFormConfig",
    "PlateauSchedule",
    "PositionsConfig",
    "Recipe",
    "SamplingConfig",
    "SpeciesConfig",
    "TrainingConfig",
    "VPConfig",
    "apply_overrides",
    "preset",
    "read_recipe",
]
