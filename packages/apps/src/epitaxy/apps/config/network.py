"""The network's shape."""

from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from epitaxy import models
from epitaxy.apps.config.base import Config
from epitaxy.apps.config.species_form import SpeciesForm
from epitaxy.models.widths import check_counted, check_pairs, check_width


class NetworkConfig(Config):
    """What every network has."""

    hidden: PositiveInt
    layers: PositiveInt


class CSPNetConfig(NetworkConfig):
    """CSPNet; the defaults are those of CrysBFN (App. C)."""

    kind: Literal["cspnet"] = "cspnet"
    hidden: PositiveInt = 512
    layers: PositiveInt = 6
    frequencies: PositiveInt = 128
    time_dim: PositiveInt = 128
    time_embedding: Literal["sinusoidal", "gaussian"] = "sinusoidal"
    position_head: Literal["linear", "two_layer"] = "linear"
    property_dim: PositiveInt = 128

    def build(
        self,
        *,
        species: SpeciesForm,
        lattice: Literal["matrix", "parameters"],
        conditions: NonNegativeInt,
        velocities: bool,
        properties: NonNegativeInt,
    ) -> "models.CSPNet":
        """Return a freshly initialised network.

        Args:
            species: how it sees and predicts elements.
            lattice: which numbers stand for a lattice.
            conditions: channels of extra conditioning that the positions' flow supplies for each atom.
            velocities: whether the positions' flow supplies velocities.
            properties: number of properties that it is told.
        """
        return models.CSPNet(
            species=species.channels,
            species_input=species.kind,
            species_output=species.outputs,
            lattice=lattice,
            hidden=self.hidden,
            layers=self.layers,
            frequencies=self.frequencies,
            time_dim=self.time_dim,
            time_embedding=self.time_embedding,
            position_conditions=conditions,
            position_head=self.position_head,
            velocities=velocities,
            properties=properties,
            property_dim=self.property_dim,
        )


class RotaryConfig(NetworkConfig):
    """What networks with rotary attention have in common."""

    hidden: PositiveInt = 512
    heads: PositiveInt = 8
    expansion: PositiveInt = 4
    time_dim: PositiveInt = 128

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> "RotaryConfig":
        check_pairs(self.hidden, self.heads)
        return self


class RotaryNetConfig(RotaryConfig):
    """RotaryNet: a transformer that learns several times faster than CSPNet; no paper's."""

    kind: Literal["rotary"] = "rotary"
    layers: PositiveInt = 12
    time_embedding: Literal["sinusoidal", "gaussian"] = "sinusoidal"
    position_head: Literal["linear", "two_layer"] = "linear"
    property_dim: PositiveInt = 128

    def build(
        self,
        *,
        species: SpeciesForm,
        lattice: Literal["matrix", "parameters"],
        conditions: NonNegativeInt,
        velocities: bool,
        properties: NonNegativeInt,
    ) -> "models.RotaryNet":
        """Return a freshly initialised network; words as `CSPNetConfig.build`."""
        return models.RotaryNet(
            species=species.channels,
            species_input=species.kind,
            species_output=species.outputs,
            lattice=lattice,
            hidden=self.hidden,
            layers=self.layers,
            heads=self.heads,
            expansion=self.expansion,
            time_dim=self.time_dim,
            time_embedding=self.time_embedding,
            position_conditions=conditions,
            position_head=self.position_head,
            velocities=velocities,
            properties=properties,
            property_dim=self.property_dim,
        )


CrystalNetConfig = Annotated[CSPNetConfig | RotaryNetConfig, Field(discriminator="kind")]
"""Networks on the atoms of a cell, any of which a recipe may name."""


class OrbitConfig(NetworkConfig):
    """What networks on orbits have in common, none of it the paper's."""

    copies: bool = False
    multiplicities: bool = False
    composition: bool = False

    @model_validator(mode="after")
    def _a_composition_counts_atoms(self) -> "OrbitConfig":
        check_counted(composition=self.composition, multiplicities=self.multiplicities)
        return self


class WyckoffNetConfig(OrbitConfig):
    """WyckoffNet; the defaults are those of SymmBFN (App. A.3)."""

    kind: Literal["wyckoffnet"] = "wyckoffnet"
    hidden: PositiveInt = 512
    layers: PositiveInt = 6
    frequencies: PositiveInt = 128
    embedding: PositiveInt = 128
    time_dim: PositiveInt = 128
    aggregation: Literal["mean", "sum"] = "mean"
    residual_noise: bool = False

    def build(self, *, species: int, properties: int, labels: bool) -> "models.WyckoffNet":
        """Return a freshly initialised network.

        Args:
            species: number of elements.
            properties: number of properties that it is told.
            labels: whether it predicts elements and site symmetries.
        """
        return models.WyckoffNet(
            species=species,
            hidden=self.hidden,
            layers=self.layers,
            frequencies=self.frequencies,
            embedding=self.embedding,
            time_dim=self.time_dim,
            properties=properties,
            labels=labels,
            copies=self.copies,
            multiplicities=self.multiplicities,
            composition=self.composition,
            aggregation=self.aggregation,
            residual_noise=self.residual_noise,
        )


class RotaryWyckoffNetConfig(RotaryConfig, OrbitConfig):
    """RotaryWyckoffNet: a transformer over orbits; no paper's."""

    kind: Literal["rotary"]
    layers: PositiveInt = 8
    frequencies: PositiveInt = 16
    embedding: PositiveInt = 128

    def build(self, *, species: int, properties: int, labels: bool) -> "models.RotaryWyckoffNet":
        """Return a freshly initialised network; words as `WyckoffNetConfig.build`."""
        return models.RotaryWyckoffNet(
            species=species,
            hidden=self.hidden,
            layers=self.layers,
            heads=self.heads,
            expansion=self.expansion,
            frequencies=self.frequencies,
            embedding=self.embedding,
            time_dim=self.time_dim,
            properties=properties,
            labels=labels,
            copies=self.copies,
            multiplicities=self.multiplicities,
            composition=self.composition,
        )


OrbitNetConfig = Annotated[WyckoffNetConfig | RotaryWyckoffNetConfig, Field(discriminator="kind")]
"""Networks on the orbits of asymmetric units, any of which a recipe may name."""


class AnyMoleculeNetConfig(NetworkConfig):
    """What networks on molecules have in common."""

    time: Literal["value", "sinusoidal"] = "value"
    time_dim: PositiveInt = 32
    property_dim: PositiveInt = 32

    def build(
        self,
        *,
        types: NonNegativeInt,
        charge: Literal["none", "basis", "value"],
        charge_outputs: int,
        properties: int,
    ) -> "models.MoleculeNet":
        """Return a freshly initialised network.

        Args:
            types: number of types of atoms; 0 for none.
            charge: how it sees a charge.
            charge_outputs: numbers that it gives for one.
            properties: number of properties that it is told.
        """
        return models.MoleculeNet(
            types=types,
            charge=charge,
            charge_outputs=charge_outputs,
            properties=properties,
            property_dim=self.property_dim,
            time=self.time,
            time_dim=self.time_dim,
            hidden=self.hidden,
            layers=self.layers,
            **self._body(),
        )

    def _body(self) -> dict[str, Any]:
        """Return what is one kind's own."""
        raise NotImplementedError


class MoleculeNetConfig(AnyMoleculeNetConfig):
    """MoleculeNet; the defaults are GeoBFN's on QM9 (App. B and the published code)."""

    kind: Literal["moleculenet"] = "moleculenet"
    hidden: PositiveInt = 256
    layers: PositiveInt = 9
    equivariance: Literal["E(3)", "SE(3)"] = "E(3)"
    attention: bool = False
    tanh: bool = False

    def _body(self) -> dict[str, Any]:
        return {"equivariance": self.equivariance, "attention": self.attention, "tanh": self.tanh}


class MoleculeTransformerConfig(AnyMoleculeNetConfig):
    """MoleculeNet with a transformer in the place of its EGNN: our own, of no paper. It is E(3)-equivariant.

    ``radial`` functions of the distance stand up to ``reach``, in the unit of the positions.
    """

    kind: Literal["transformer"]
    hidden: PositiveInt = 128
    layers: PositiveInt = 6
    heads: PositiveInt = 8
    expansion: PositiveInt = 4
    radial: Annotated[int, Field(ge=2)] = 32
    reach: PositiveFloat = 8.0
    time: Literal["value", "sinusoidal"] = "sinusoidal"

    @model_validator(mode="after")
    def _width_divides(self) -> "MoleculeTransformerConfig":
        check_width(self.hidden, self.heads)
        return self

    def _body(self) -> dict[str, Any]:
        return {
            "transformer": {
                "heads": self.heads,
                "radial": self.radial,
                "reach": self.reach,
                "expansion": self.expansion,
            }
        }


AnyMoleculeNet = Annotated[MoleculeNetConfig | MoleculeTransformerConfig, Field(discriminator="kind")]
"""Networks on molecules, any of which a recipe may name."""
