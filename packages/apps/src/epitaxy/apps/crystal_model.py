"""A crystal model: the one place where flows and a network meet.

The trainer asks it for losses, the sampler for predictions and decoded crystals. Both are written against
this class alone, so what a recipe puts inside (which flow on which modality) changes neither.
"""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from epitaxy.apps.config import Recipe
from epitaxy.apps.lattice_form import lattice_form
from epitaxy.data import Statistics
from epitaxy.geometry import CrystalBatch, RngSource, Segments
from epitaxy.models import CSPNetOutput

States = Mapping[str, Any]
"""The state of each modality's flow, by field name."""


class CrystalModel(nn.Module):
    """Flows on positions, lattice and (de novo) species, and the network that predicts them together.

    Args:
        recipe: what to build.
        statistics: what the training split said: its vocabulary and its lattice scale.
    """

    def __init__(self, recipe: Recipe, statistics: Statistics) -> None:
        super().__init__()
        self.recipe = recipe
        self.statistics = statistics
        classes = len(statistics.vocabulary)
        self.flow = recipe.build_flow(classes)
        self.lattice_form = lattice_form(recipe.lattice_form, statistics)
        self.network: nn.Module = recipe.build_network(classes)
        self._components = {"species": recipe.species_form(classes).components}

    def targets(self, batch: CrystalBatch) -> dict[str, Tensor]:
        """Return the variables that the flows corrupt: positions, lattice in its form, element indices."""
        lattice = self.lattice_form.encode(batch.lattice, batch.segments.counts)
        targets = {"positions": batch.positions, "lattice": lattice}
        if self.recipe.task == "dng":
            targets["species"] = self.encode(batch.numbers)
        return targets

    def encode(self, numbers: Int[Tensor, " atoms"]) -> Int[Tensor, " atoms"]:
        """Return each atomic number's index in the vocabulary."""
        return self.statistics.vocabulary.encode(numbers)

    def blank(self, segments: Segments) -> dict[str, Tensor]:
        """Return targets of the right shapes and kinds, with no content: what a prior is drawn like."""
        device = segments.index.device
        blank = {
            "positions": torch.zeros(segments.num_atoms, 3, device=device),
            "lattice": torch.zeros(segments.num_graphs, *self.lattice_form.shape, device=device),
        }
        if self.recipe.task == "dng":
            blank["species"] = torch.zeros(segments.num_atoms, dtype=torch.long, device=device)
        return blank

    def predict(
        self,
        states: States,
        time: Float[Tensor, " graphs"],
        *,
        segments: Segments,
        species: Int[Tensor, " atoms"] | None,
    ) -> dict[str, Tensor]:
        """Return the network's raw output for each field at ``time``.

        Args:
            states: the flows' states.
            time: one time per crystal, 0 at the prior and 1 at the data.
            segments: which atom belongs to which crystal.
            species: element indices where the composition is given (CSP), else None.
        """
        features = self.flow.features(states, time, segments=segments)
        output: CSPNetOutput = self.network(
            segments=segments,
            positions=features["positions"].value,
            lattice=features["lattice"].value,
            species=features["species"].value if species is None else species,
            time=time,
            conditions=features["positions"].condition,
            velocities=features["positions"].velocity,
        )
        outputs = {"positions": output.positions, "lattice": output.lattice}
        if output.species is not None:
            outputs["species"] = output.species
        # Under autocast networks answer in a short type; flows add up many small steps.
        return {name: value.to(features["lattice"].value.dtype) for name, value in outputs.items()}

    def losses(
        self, batch: CrystalBatch, time: Float[Tensor, " graphs"], *, source: RngSource
    ) -> dict[str, Float[Tensor, ""]]:
        """Return each field's loss at ``time``, averaged over rows and components as published runs do."""
        targets = self.targets(batch)
        segments = batch.segments
        states = self.flow.corrupt(targets, time, segments=segments, source=source)
        given = self.encode(batch.numbers) if self.recipe.task == "csp" else None
        outputs = self.predict(states, time, segments=segments, species=given)
        rows = self.flow.loss(outputs, targets, states, time, segments=segments, source=source)
        components = {name: target[0].numel() for name, target in targets.items()} | self._components
        return {name: loss.mean() / components[name] for name, loss in rows.items()}

    def weighted(self, losses: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        """Return the sum of ``losses`` under the recipe's weights."""
        weights = self.recipe.loss_weights
        total = torch.stack([weights[name] * loss for name, loss in losses.items()])
        return total.sum()

    def crystals(
        self,
        targets: Mapping[str, Tensor],
        *,
        segments: Segments,
        species: Int[Tensor, " atoms"] | None,
        ids: tuple[str, ...],
    ) -> CrystalBatch:
        """Return decoded variables as crystals, in angstrom and atomic numbers."""
        index = targets["species"] if species is None else species
        return CrystalBatch(
            segments=segments,
            positions=targets["positions"],
            lattice=self.lattice_form.decode(targets["lattice"], segments.counts),
            numbers=self.statistics.vocabulary.decode(index),
            ids=ids,
            properties={},
        )
