"""Typed configuration: what a run is, as frozen pydantic models that build the real objects."""

from epitaxy.apps.config.flows import (
    CategoricalBFNConfig,
    CircularBFNConfig,
    GaussianBFNConfig,
    LatticeConfig,
    PositionsConfig,
    SpeciesConfig,
)
from epitaxy.apps.config.network import CSPNetConfig
from epitaxy.apps.config.overrides import apply_overrides
from epitaxy.apps.config.presets import PRESETS, preset
from epitaxy.apps.config.recipe import FORMAT, LossWeights, Recipe, SamplingConfig, Task
from epitaxy.apps.config.training import CosineSchedule, PlateauSchedule, TrainingConfig

__all__ = [
    "FORMAT",
    "PRESETS",
    "CSPNetConfig",
    "CategoricalBFNConfig",
    "CircularBFNConfig",
    "CosineSchedule",
    "GaussianBFNConfig",
    "LatticeConfig",
    "LossWeights",
    "PlateauSchedule",
    "PositionsConfig",
    "Recipe",
    "SamplingConfig",
    "SpeciesConfig",
    "Task",
    "TrainingConfig",
    "apply_overrides",
    "preset",
]
