"""The network of GeoBFN: an EGNN, or a transformer, that sees types, charges, time and properties."""

from dataclasses import dataclass
from typing import Literal, TypedDict

import torch
from jaxtyping import Float
from torch import Tensor, nn

from epitaxy.geometry import Pairs, Segments
from epitaxy.models._parts import choose
from epitaxy.models.egnn import EGNN, EGNNOutput
from epitaxy.models.embeddings import TimeEmbedding
from epitaxy.models.gaussian_basis import GaussianBasis
from epitaxy.models.molecule_transformer import MoleculeTransformer
from epitaxy.models.property_embedding import PropertyEmbedding

CHARGES = {"none": 0, "basis": GaussianBasis().channels, "value": 1}
TIMES = {"value": False, "sinusoidal": True}


class TransformerWords(TypedDict, total=False):
    """Of `MoleculeTransformer`, beside what `MoleculeNet` tells it."""

    heads: int
    radial: int
    reach: float
    expansion: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MoleculeNetOutput:
    """What the network says of a batch of molecules.

    Attributes:
        positions: how far the network moved each atom, in the unit of the input; each molecule's add up to
            zero. GeoBFN reads it as the noise in the positions.
        types: logits of each atom's type, or None if the network was built without types.
        charges: outputs for each atom's charge, or None if it was built without charges.

    """

    positions: Float[Tensor, "atoms 3"]
    types: Float[Tensor, "atoms types"] | None
    charges: Float[Tensor, "atoms charge_outputs"] | None


class MoleculeNet(nn.Module):
    """Predicts positions, types and charges of molecules from noisy ones.

    The network of GeoBFN (Song et al., ICLR 2024, section 3.2): atoms' features, concatenated, go into an
    `EGNN`, whose outputs are cut into those of types and of charges. The defaults are the published network
    on QM9, with 5,338,882 parameters: no types, a charge seen in a `GaussianBasis`, and two outputs for it,
    mean and log standard deviation of the discretised distribution's noise.

    Its symmetries are those of the `EGNN`. Permuting atoms permutes their outputs, rotating a molecule
    rotates its output positions, with `equivariance="E(3)"` reflecting it reflects them; translating it
    changes nothing, as do the other molecules of the batch.

    Args:
        types: channels of the types' input and of their logits; 0 for none.
        charge: "basis" for `GaussianBasis` features of the charge, "value" for the number itself, "none" for
            no charges.
        charge_outputs: numbers given for each charge: 2 if discretised, 1 if continuous.
        properties: numbers a molecule that `PropertyEmbedding` embeds; 0 for none.
        property_dim: channels for each of them, even.
        time: "value" for the time itself, as published, "sinusoidal" for `TimeEmbedding`.
        time_dim: channels of the latter, even.
        hidden: width of all hidden layers.
        layers: number of layers.
        equivariance: "E(3)", as published, or "SE(3)", which sees mirror images differently.
        attention: whether messages are gated (EDM).
        tanh: whether steps are bounded (EDM).
        transformer: what else a `MoleculeTransformer` is told, which then stands in the place of the EGNN;
            `equivariance`, `attention` and `tanh` are the EGNN's.

    Raises:
        ValueError: if there are neither types nor charges, a word is none of those above, or an embedding
            cannot have its channels.

    """

    egnn: EGNN
    """Where there is no transformer."""
    transformer: MoleculeTransformer | None

    def __init__(
        self,
        *,
        types: int = 0,
        charge: Literal["none", "basis", "value"] = "basis",
        charge_outputs: int = 2,
        properties: int = 0,
        property_dim: int = 32,
        time: Literal["value", "sinusoidal"] = "value",
        time_dim: int = 32,
        hidden: int = 256,
        layers: int = 9,
        equivariance: Literal["E(3)", "SE(3)"] = "E(3)",
        attention: bool = False,
        tanh: bool = False,
        transformer: TransformerWords | None = None,
    ) -> None:
        super().__init__()
        charge_channels = choose("charge", charge, CHARGES)
        if types < 1 and charge_channels == 0:
            raise ValueError("atoms without types and charges have nothing to predict: give one of the two")
        if charge_channels and charge_outputs < 1:
            raise ValueError(f"a charge needs an output, not {charge_outputs}")
        self.outputs = (types, charge_outputs if charge_channels else 0)
        self.basis = GaussianBasis() if charge == "basis" else None
        self.time_embedding = TimeEmbedding(time_dim) if choose("time", time, TIMES) else None
        self.property_embedding = PropertyEmbedding(properties, property_dim) if properties else None
        of_graphs = (time_dim if self.time_embedding else 1) + (
            self.property_embedding.channels if self.property_embedding else 0
        )
        features, outputs = types + charge_channels + of_graphs, sum(self.outputs)
        self.transformer = None
        if transformer is None:
            self.egnn = EGNN(
                features=features,
                outputs=outputs,
                hidden=hidden,
                layers=layers,
                equivariance=equivariance,
                attention=attention,
                tanh=tanh,
            )
        else:
            self.transformer = MoleculeTransformer(
                features=features,
                outputs=outputs,
                conditions=of_graphs,
                hidden=hidden,
                layers=layers,
                **transformer,
            )

    def forward(
        self,
        *,
        segments: Segments,
        positions: Float[Tensor, "atoms 3"],
        types: Float[Tensor, "atoms types"] | None = None,
        charges: Float[Tensor, "atoms 1"] | None = None,
        time: Float[Tensor, " graphs"],
        properties: Float[Tensor, "graphs properties"] | None = None,
        pairs: Pairs | None = None,
    ) -> MoleculeNetOutput:
        """Run the network on a batch.

        Args:
            segments: which atoms belong to which graph.
            positions: Cartesian, in the data's unit (GeoBFN's: 2 angstrom). Only differences are seen.
            types: a vector of any real numbers for each atom (GeoBFN feeds `2 theta - 1`); None if the
                network was built without types.
            charges: one number for each atom, of about [-1, 1]; None if it was built without charges.
            time: in [0, 1], 0 = prior, 1 = data.
            properties: in standard deviations about the mean, NaN where one is missing; None if all are.
            pairs: `segments.pairs()`, for a caller that runs the same segments many times.

        Raises:
            ValueError: if types, charges or properties are not what the network was built for.

        """
        self.check(types, charges, properties)
        parts = [] if types is None else [types]
        if charges is not None:
            parts.append(charges if self.basis is None else self.basis(charges[:, 0]))
        of_graphs = self.of_graphs(time, properties)
        features = torch.cat([*parts, segments.expand(of_graphs)], dim=1)
        output = self._output(segments, positions, features, of_graphs, pairs)
        of_types, of_charges = torch.split(output.features, list(self.outputs), dim=1)
        return MoleculeNetOutput(
            positions=segments.center(output.displacement),
            types=of_types if self.outputs[0] else None,
            charges=of_charges if self.outputs[1] else None,
        )

    def _output(
        self, segments: Segments, positions: Tensor, features: Tensor, of_graphs: Tensor, pairs: Pairs | None
    ) -> EGNNOutput:
        output: EGNNOutput
        if self.transformer is None:
            output = self.egnn(segments=segments, positions=positions, features=features, pairs=pairs)
        else:
            output = self.transformer(
                segments=segments, positions=positions, features=features, conditions=of_graphs
            )
        return output

    def of_graphs(
        self, time: Float[Tensor, " graphs"], properties: Float[Tensor, "graphs properties"] | None
    ) -> Float[Tensor, "graphs channels"]:
        """Features that all atoms of a molecule share."""
        parts = [time[:, None] if self.time_embedding is None else self.time_embedding(time)]
        if self.property_embedding is not None:
            if properties is None:
                properties = time.new_full(
                    (time.shape[0], self.property_embedding.missing.shape[0]), torch.nan
                )
            parts.append(self.property_embedding(properties))
        return torch.cat(parts, dim=1)

    def check(self, types: Tensor | None, charges: Tensor | None, properties: Tensor | None) -> None:
        """Raise a ValueError if one of these is not what the network was built for."""
        channels = 0 if types is None else types.shape[1]
        if channels != self.outputs[0]:
            raise ValueError(f"types have {channels} channels, the network {self.outputs[0]}")
        if (charges is not None) != bool(self.outputs[1]):
            raise ValueError(
                "charges are missing: the network was built with them"
                if self.outputs[1]
                else 'charges are given: build the network with charge="basis" or "value"'
            )
        known = 0 if self.property_embedding is None else self.property_embedding.missing.shape[0]
        if properties is not None and properties.shape[1] != known:
            raise ValueError(f"{properties.shape[1]} properties are given, the network takes {known}")
