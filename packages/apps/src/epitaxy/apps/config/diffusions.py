"""Diffusions in a recipe: configurations that build the flow, told apart by ``kind``; time is continuous."""

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat

from epitaxy import flows, geometry
from epitaxy.apps.config.base import Config
from epitaxy.apps.config.species_form import SpeciesForm

VPSampler = Literal["ancestral", "euler_maruyama", "exponential", "probability_flow", "published_pc"]


class KineticConfig(Config):
    """Kinetic Langevin diffusion of fractional coordinates (KLDM, Sec. 3); see ``KineticDiffusion``."""

    kind: Literal["kinetic"] = "kinetic"
    horizon: PositiveFloat = 2.0
    initial_velocity: NonNegativeFloat = 0.0
    parametrisation: Literal["simplified", "direct"] = "simplified"
    loss: Literal["lifted", "wrapped"] = "lifted"
    sampler: Literal[
        "ancestral", "exponential", "predictor_corrector", "probability_flow", "published_pc"
    ] = "predictor_corrector"
    corrector_step: PositiveFloat = 0.25
    temperature: Annotated[float, Field(ge=0.01, lt=100)] = 1.0
    grid: ClassVar[None] = None
    conditions: ClassVar[int] = 0
    velocities: ClassVar[bool] = True

    def build(self) -> "flows.KineticDiffusion":
        """Return the flow on the unit torus."""
        return flows.KineticDiffusion(
            manifold=geometry.FlatTorus(1.0),
            horizon=self.horizon,
            initial_velocity=self.initial_velocity,
            parametrisation=self.parametrisation,
            loss_kind=self.loss,
            sampler=self.sampler,
            corrector_step=self.corrector_step,
            temperature=self.temperature,
        )


class _VP(Config):
    """What variance-preserving diffusions have in common: the linear schedule, a prediction, a sampler."""

    beta_low: PositiveFloat = 0.1
    beta_high: PositiveFloat = 20.0
    prediction: Literal["x0", "epsilon"] = "x0"
    sampler: VPSampler = "ancestral"
    grid: ClassVar[None] = None

    def process(self) -> "flows.VariancePreserving":
        """Return the diffusion of real numbers."""
        schedule = flows.LinearBeta(low=self.beta_low, high=self.beta_high)
        return flows.VariancePreserving(schedule=schedule, prediction=self.prediction, sampler=self.sampler)


class VPConfig(_VP):
    """Variance-preserving diffusion of the numbers that stand for a lattice (KLDM, Sec. 3.3)."""

    kind: Literal["variance_preserving"] = "variance_preserving"

    def build(self) -> "flows.VariancePreserving":
        """Return the flow."""
        return self.process()


class OneHotConfig(_VP):
    """Variance-preserving diffusion of one-hot elements (DiffCSP; KLDM's "C")."""

    kind: Literal["one_hot"] = "one_hot"
    scale: PositiveFloat = 1.0
    weight: ClassVar[float] = 20.0

    def form(self, classes: int) -> SpeciesForm:
        """Return how the network sees and predicts elements."""
        return SpeciesForm(kind="probabilities", channels=classes, outputs=classes, components=classes)

    def build(self, classes: int) -> "flows.CodebookDiffusion":
        """Return the flow over ``classes`` elements."""
        return flows.CodebookDiffusion(
            codes="one_hot", classes=classes, process=self.process(), scale=self.scale
        )


class AnalogBitsConfig(_VP):
    """Variance-preserving diffusion of elements in bits of -1 and 1 (Chen et al. 2023; KLDM's "C-AB")."""

    kind: Literal["analog_bits"] = "analog_bits"
    prediction: Literal["x0"] = "x0"
    scale: PositiveFloat = 1.0
    clip: bool = False
    weight: ClassVar[float] = 1.0

    def form(self, classes: int) -> SpeciesForm:
        """Return how the network sees and predicts elements."""
        bits = max(1, math.ceil(math.log2(classes)))
        return SpeciesForm(kind="probabilities", channels=bits, outputs=bits, components=bits)

    def build(self, classes: int) -> "flows.CodebookDiffusion":
        """Return the flow over ``classes`` elements."""
        return flows.CodebookDiffusion(
            codes="bits", classes=classes, process=self.process(), scale=self.scale, clip=self.clip
        )


class AbsorbingConfig(Config):
    """Diffusion of elements into a mask (Austin et al. 2021, Shi et al. 2024; KLDM's "D")."""

    kind: Literal["absorbing"] = "absorbing"
    schedule: Literal["linear", "poly2", "cosine"] = "linear"
    loss: Literal["elbo", "cross_entropy"] = "elbo"
    sampler: Literal["ancestral"] = "ancestral"
    reads: Annotated[
        Literal["labels", "evidence"],
        Field(description="what the network sees of an element: its label, or K numbers"),
    ] = "labels"
    remasking: Annotated[
        float, Field(ge=0, lt=1, description="how much of what shows is masked again at a step of sampling")
    ] = 0.0
    temperature: Annotated[PositiveFloat, Field(description="divides logits when sampling")] = 1.0
    grid: ClassVar[None] = None
    weight: ClassVar[float] = 0.33

    def form(self, classes: int) -> SpeciesForm:
        """Return how the network sees and predicts elements; as a label the mask is one more."""
        if self.reads == "evidence":
            return SpeciesForm(kind="probabilities", channels=classes, outputs=classes, components=1)
        return SpeciesForm(kind="index", channels=classes + 1, outputs=classes, components=1)

    def build(self, classes: int) -> "flows.AbsorbingDiffusion":
        """Return the flow over ``classes`` elements."""
        return flows.AbsorbingDiffusion(
            classes=classes,
            schedule=self.schedule,
            loss_kind=self.loss,
            reads=self.reads,
            remasking=self.remasking,
            temperature=self.temperature,
        )


class AbsorbingEvidenceConfig(AbsorbingConfig):
    """Diffusion into a mask for networks that read beliefs alone, such as those on orbits."""

    reads: Literal["evidence"] = "evidence"
