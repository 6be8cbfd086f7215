"""Which flow may run on which modality.

A new flow joins by adding its configuration to the union of each modality whose manifold it fits; the
trainer, the sampler and the networks do not change. ``sampler`` fields name the sampler that a recipe uses
unless told otherwise.
"""

from typing import Annotated

from pydantic import Field

from epitaxy.apps.config.bayesian import CategoricalBFNConfig, CircularBFNConfig, GaussianBFNConfig
from epitaxy.apps.config.diffusions import (
    AbsorbingConfig,
    AbsorbingEvidenceConfig,
    AnalogBitsConfig,
    KineticConfig,
    OneHotConfig,
    VPConfig,
)

PositionsConfig = Annotated[CircularBFNConfig | KineticConfig, Field(discriminator="kind")]
LatticeConfig = Annotated[GaussianBFNConfig | VPConfig, Field(discriminator="kind")]
SpeciesConfig = Annotated[
    CategoricalBFNConfig | OneHotConfig | AnalogBitsConfig | AbsorbingConfig, Field(discriminator="kind")
]
OrbitSpeciesConfig = Annotated[CategoricalBFNConfig | AbsorbingEvidenceConfig, Field(discriminator="kind")]
"""Of orbits' elements: their networks read beliefs, or what is shown like one."""
