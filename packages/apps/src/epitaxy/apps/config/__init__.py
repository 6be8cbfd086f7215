"""Typed configuration: what a run is, as frozen pydantic models that build the real objects."""

from epitaxy.apps.config.bayesian import (
    CategoricalBFNConfig,
    CircularBFNConfig,
    GaussianBFNConfig,
    PeriodicGaussianBFNConfig,
)
from epitaxy.apps.config.conditioning import ConditioningConfig
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
from epitaxy.apps.config.network import (
    CSPNetConfig,
    MoleculeNetConfig,
    MoleculeTransformerConfig,
    RotaryNetConfig,
    RotaryWyckoffNetConfig,
    WyckoffNetConfig,
)
from epitaxy.apps.config.overrides import apply_overrides
from epitaxy.apps.config.recipe import FORMAT, CompositionSamplingConfig, Recipe, SamplingConfig
from epitaxy.apps.config.training import (
    CosineSchedule,
    LogitNormalTimes,
    PlateauSchedule,
    SelectionConfig,
    TrainingConfig,
    TrapezoidSchedule,
    UniformTimes,
)

__all__ = [
    "FORMAT",
    "AbsorbingConfig",
    "AnalogBitsConfig",
    "CSPNetConfig",
    "CategoricalBFNConfig",
    "CircularBFNConfig",
    "CompositionSamplingConfig",
    "ConditioningConfig",
    "CosineSchedule",
    "GaussianBFNConfig",
    "KVectorFormConfig",
    "KineticConfig",
    "LatticeConfig",
    "LatticeFormConfig",
    "LogitNormalTimes",
    "MatrixFormConfig",
    "MoleculeNetConfig",
    "MoleculeTransformerConfig",
    "OneHotConfig",
    "ParameterFormConfig",
    "PeriodicGaussianBFNConfig",
    "PlateauSchedule",
    "PositionsConfig",
    "Recipe",
    "RotaryNetConfig",
    "RotaryWyckoffNetConfig",
    "SamplingConfig",
    "SelectionConfig",
    "SpeciesConfig",
    "TrainingConfig",
    "TrapezoidSchedule",
    "UniformTimes",
    "VPConfig",
    "WyckoffNetConfig",
    "apply_overrides",
]
