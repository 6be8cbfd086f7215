"""RotaryNet: a transformer over the atoms of a cell, exactly invariant to periodic translation."""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from epitaxy.geometry import Pairs, Segments
from epitaxy.models._parts import Addition, Modulation, normed
from epitaxy.models.crystal_net import CrystalNet, CrystalNetOutput
from epitaxy.models.property_embedding import ConditionedLinear
from epitaxy.models.rotary_attention import Padding, Phases, attend, wave_vectors
from epitaxy.models.widths import check_pairs


class RotaryNet(CrystalNet):
    """Predicts positions (or velocities), lattice and species of crystals from noisy ones, by attention.

    A transformer (pre-norm; Vaswani et al. 2017) whose attention turns queries, keys and values by the phases
    `2 pi k.f` of the atoms' fractional positions f, for integer vectors k, and its result back: rotary
    embeddings (Su et al. 2021) with integer waves on the torus, applied to values too (Miyato et al., GTA,
    ICLR 2024). Logits and messages so depend on displacements alone, with period 1, and no array of pairs but
    the logits exists: see `attend`. Time, lattice and properties modulate every layer (adaptive layer
    norm, Peebles and Xie 2023), which begins without modulation. What CSPNet is asked and answers, this
    network is and does: the two stand for each other in a recipe.

    Symmetries: those of `CSPNet`, with `lattice @ Q` and common velocities. A crystal's mean velocity is
    taken out before its atoms see velocities.

    Args:
        species: see `CrystalNet`.
        species_input: see `CrystalNet`.
        species_output: see `CrystalNet`.
        hidden: width, a multiple of twice the heads.
        layers: number of layers, each an attention and a perceptron.
        heads: of the attention.
        expansion: width of the perceptrons, in widths.
        time_dim: see `CrystalNet`.
        time_embedding: see `CrystalNet`.
        position_conditions: see `CrystalNet`.
        position_head: see `CrystalNet`.
        lattice: see `CrystalNet`.
        velocities: see `CrystalNet`.
        properties: see `CrystalNet`.
        property_dim: see `CrystalNet`.

    Raises:
        ValueError: if the width is no multiple of twice the heads, or a word is none of those allowed.

    """

    k: Tensor

    def __init__(
        self,
        *,
        species: int,
        species_input: Literal["index", "probabilities"],
        species_output: int = 0,
        hidden: int = 512,
        layers: int = 12,
        heads: int = 8,
        expansion: int = 4,
        time_dim: int = 128,
        time_embedding: Literal["sinusoidal", "gaussian"] = "sinusoidal",
        position_conditions: int = 3,
        position_head: Literal["linear", "two_layer"] = "linear",
        lattice: Literal["matrix", "parameters"] = "matrix",
        velocities: bool = False,
        properties: int = 0,
        property_dim: int = 128,
    ) -> None:
        check_pairs(hidden, heads)
        super().__init__(
            species=species,
            species_input=species_input,
            species_output=species_output,
            hidden=hidden,
            time_dim=time_dim,
            time_embedding=time_embedding,
            position_conditions=position_conditions,
            position_head=position_head,
            lattice=lattice,
            velocities=velocities,
            properties=properties,
            property_dim=property_dim,
            layers=lambda _: (RotaryLayer(hidden, heads, expansion) for _ in range(layers)),
        )
        self.velocity_embedding = nn.Linear(3, hidden, bias=False) if velocities else None
        self.of_crystal = nn.Sequential(
            ConditionedLinear(time_dim + self.view.channels, hidden, told=self.told),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
        )
        self.register_buffer("k", wave_vectors(heads, hidden // (2 * heads)), persistent=False)

    def forward(
        self,
        *,
        segments: Segments,
        positions: Float[Tensor, "atoms 3"],
        lattice: Float[Tensor, "graphs 3 3"] | Float[Tensor, "graphs 6"],
        species: Int[Tensor, " atoms"] | Float[Tensor, "atoms species"],
        time: Float[Tensor, " graphs"],
        conditions: Float[Tensor, "atoms channels"] | None = None,
        velocities: Float[Tensor, "atoms 3"] | None = None,
        properties: Float[Tensor, "graphs properties"] | None = None,
        pairs: Pairs | None = None,  # noqa: ARG002 - as CSPNet's; there are no pairs here
    ) -> CrystalNetOutput:
        """Run the network on a batch.

        Args:
            segments: which atoms belong to which graph.
            positions: fractional, period 1. They are inputs: no gradient flows into them.
            lattice: see `CSPNet.forward`.
            species: index or vector, as the network was built for.
            time: in [0, 1], 0 = prior, 1 = data.
            conditions: further features of each atom, as many as `position_conditions`; None if that is 0.
            velocities: of the fractional positions, in the flow's unit; None if the network sees none.
            properties: in standard deviations about the training mean, NaN where missing; None if the network
                is told none.
            pairs: not looked at.

        Raises:
            ValueError: if the lattice, the conditions, the velocities or the properties are not what the
                network was built for.

        """
        self.check(lattice, conditions, velocities, properties)
        of_time = self.time_embedding(time)
        told = self.embed_properties(properties)
        of_crystal = self.embed_crystals(of_time, self.view.features(lattice), told)
        atoms = self.embed(segments, species, of_time, conditions, told)
        if self.velocity_embedding is not None and velocities is not None:
            atoms = atoms + self.velocity_embedding(segments.center(velocities))
        phases = Phases.of(positions, self.k, atoms.dtype)
        padding = Padding.of(segments)
        for layer in self.layers:
            atoms = layer(atoms, of_crystal, segments, phases, padding)
        return self.read_out(segments, atoms, lattice)

    def embed_crystals(
        self,
        of_time: Float[Tensor, "graphs time_dim"],
        of_lattice: Float[Tensor, "graphs lattice"],
        told: Float[Tensor, "graphs told"] | None,
    ) -> Float[Tensor, "graphs hidden"]:
        """What modulates the layers: of each graph's time, lattice and properties."""
        first, *rest = self.of_crystal
        features: Tensor = first(torch.cat([of_time, of_lattice], dim=1), told)
        for part in rest:
            features = part(features)
        return features


class RotaryLayer(Addition):
    """Attention, then a perceptron, each on normed and modulated features and added to them.

    Args:
        hidden: width.
        heads: of the attention.
        expansion: width of the perceptron, in widths.

    """

    last = ("out", "down")

    def __init__(self, hidden: int, heads: int, expansion: int) -> None:
        super().__init__()
        self.heads = heads
        self.modulation = Modulation(hidden)
        self.qkv = nn.Linear(hidden, 3 * hidden)
        self.out = nn.Linear(hidden, hidden)
        self.up = nn.Linear(hidden, expansion * hidden)
        self.down = nn.Linear(expansion * hidden, hidden)

    def forward(
        self,
        atoms: Float[Tensor, "atoms hidden"],
        of_crystal: Float[Tensor, "graphs hidden"],
        segments: Segments,
        phases: Phases,
        padding: Padding,
    ) -> Float[Tensor, "atoms hidden"]:
        """Update the atoms' features."""
        scale, shift, gate, scale2, shift2, gate2 = self.modulation.of_atoms(of_crystal, segments)
        qkv = self.qkv(normed(atoms, scale, shift)).unflatten(1, (3, self.heads, -1))
        atoms = atoms + self.out(attend(qkv, phases, padding).flatten(1)) * (1 + gate)
        inner = F.silu(self.up(normed(atoms, scale2, shift2)))
        updated: Tensor = atoms + self.down(inner) * (1 + gate2)
        return updated
