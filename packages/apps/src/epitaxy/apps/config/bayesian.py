"""Bayesian flows in a recipe: configurations that build the flow, told apart by ``kind``."""

import math
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from epitaxy import flows, geometry
from epitaxy.apps.config.base import Config
from epitaxy.apps.config.species_form import SpeciesForm

Sampler = Literal["bayes", "end_back"]


class CircularBFNConfig(Config):
    """Bayesian flow with von Mises messages on fractional coordinates (CrysBFN, Sec. 4.1)."""

    kind: Literal["circular_bfn"] = "circular_bfn"
    final_concentration: PositiveFloat = 1000.0
    grid: PositiveInt = 1000
    loss: Literal["kl", "squared"] = "squared"
    sampler: Sampler = "end_back"
    draw: Literal["bank", "tabulated", "all_at_once", "stepwise"] = "bank"
    conditions: ClassVar[int] = 3
    velocities: ClassVar[bool] = False

    def build(self) -> "flows.CircularBFN":
        """Return the flow on the unit torus."""
        return flows.CircularBFN(
            manifold=geometry.FlatTorus(1.0),
            schedule=flows.EntropySchedule(self.final_concentration, self.grid),
            loss_kind=self.loss,
            sampler=self.sampler,
            draw=self.draw,
        )


class GaussianBFNConfig(Config):
    """Bayesian flow with Gaussian messages on the numbers that stand for a lattice (Eq. 20-22).

    ``clamp`` is 10 in GeoBFN's published code, and in SymmBFN's for positions and lattice.
    """

    kind: Literal["gaussian_bfn"] = "gaussian_bfn"
    sigma1: Annotated[float, Field(gt=0, lt=1)] = math.sqrt(1e-3)
    grid: Annotated[PositiveInt | None, Field(description="null: continuous time")] = 1000
    loss: Literal["discrete", "continuous"] = "discrete"
    sampler: Sampler = "end_back"
    parametrisation: Annotated[
        Literal["data", "noise", "residual"], Field(description="what the network predicts, of the data")
    ] = "data"
    t_min: Annotated[float, Field(ge=0, lt=1, description="earlier times count as this one")] = 0.0
    clamp: Annotated[PositiveFloat | None, Field(description="bound on a predicted noise")] = None
    temperature: Annotated[PositiveFloat, Field(description="of samples; 1 is the learned law")] = 1.0

    def build(self) -> "flows.GaussianBFN":
        """Return the flow."""
        return flows.GaussianBFN(
            sigma1=self.sigma1,
            grid=self.grid,
            loss_kind=self.loss,
            sampler=self.sampler,
            parametrisation=self.parametrisation,
            t_min=self.t_min,
            clamp=self.clamp,
            temperature=self.temperature,
        )


class PeriodicGaussianBFNConfig(GaussianBFNConfig):
    """The same on fractional coordinates, as in SymmBFN: a Gaussian belief about points that go around."""

    wrapped: Annotated[
        bool,
        Field(description="the belief's mean is put into the cell, as in SymmBFN's published code"),
    ] = False

    def build(self) -> "flows.GaussianBFN":
        """Return the flow on the unit torus."""
        return replace(GaussianBFNConfig.build(self), period=1.0, wrapped=self.wrapped)


class CategoricalBFNConfig(Config):
    """Bayesian flow on the simplex of element probabilities (Eq. 23-25).

    SymmBFN's paper has ``beta1`` 0.75 for elements and 2.0 for site symmetries, its published code 0.25 and
    2.5.
    """

    kind: Literal["categorical_bfn"] = "categorical_bfn"
    beta1: PositiveFloat = 0.4
    grid: Annotated[PositiveInt | None, Field(description="null: continuous time")] = 1000
    loss: Literal["discrete", "continuous"] = "continuous"
    sampler: Sampler = "end_back"
    guess: Annotated[
        Literal["sampled", "expectation"] | None,
        Field(description="what messages are about; null: as published with the sampler"),
    ] = None
    final: Literal["sampled", "mode"] = "sampled"
    reads: Annotated[
        Literal["probabilities", "evidence"], Field(description="what the network sees of a belief")
    ] = "probabilities"
    parametrisation: Annotated[
        Literal["data", "residual"],
        Field(description="whether its logits are all, or are added to the belief's"),
    ] = "data"
    temperature: Annotated[PositiveFloat, Field(description="divides logits when sampling")] = 1.0

    weight: ClassVar[float] = 1.0

    def form(self, classes: int) -> SpeciesForm:
        """Return how the network sees and predicts elements."""
        return SpeciesForm(kind="probabilities", channels=classes, outputs=classes, components=1)

    def build(self, classes: int) -> "flows.CategoricalBFN":
        """Return the flow over ``classes`` elements."""
        return flows.CategoricalBFN(
            classes=classes,
            beta1=self.beta1,
            grid=self.grid,
            loss_kind=self.loss,
            sampler=self.sampler,
            guess=self.guess,
            final=self.final,
            reads=self.reads,
            parametrisation=self.parametrisation,
            temperature=self.temperature,
        )
