"""Crystals by their atoms: positions, lattice and (de novo) species."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.apps.crystals.cells import cell_samples
from epitaxy.apps.crystals.lattice_form import lattice_form
from epitaxy.apps.crystals.recipe import CrystalRecipe
from epitaxy.apps.crystals.requests import CrystalRequest
from epitaxy.apps.generative.conditioning import Conditioned, PropertyConditions, guide, guided, which_hidden
from epitaxy.apps.generative.constraints import limited, limits
from epitaxy.apps.generative.model import GenerativeModel, States
from epitaxy.apps.requests.sample import Sample
from epitaxy.data import Statistics
from epitaxy.flows import Limits, ProductFlow
from epitaxy.geometry import CrystalBatch, RngSource, Segments, number_of
from epitaxy.models import UNKNOWN, CrystalNetOutput


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GivenCells(Conditioned):
    """The atoms of each cell, and what else is asked of it.

    Attributes:
        species: element indices, where the composition is given (csp).
        limits: on the elements, where it is not.
        composition_guidance: how far what the composition changes is exaggerated; None: nowhere.
    """

    species: Int[Tensor, " atoms"] | None = None
    limits: Limits | None = None
    composition_guidance: Float[Tensor, " graphs"] | None = None


def hide_elements(
    species: Int[Tensor, " atoms"], segments: Segments, classes: int, share: float, source: RngSource
) -> Int[Tensor, " atoms"]:
    """Return the elements, the hidden ones unknown at all of their atoms: see ``which_hidden``."""
    rng = source.rows("composition", "graph")
    hidden = which_hidden((segments.num_graphs, classes), share, rng, species)
    return species.masked_fill(hidden[segments.index, species], UNKNOWN)


class CrystalModel(GenerativeModel[CrystalBatch, GivenCells, CrystalRequest]):
    """Flows on positions, lattice and (de novo) species, and the network that predicts them together.

    Args:
        recipe: what to build.
        statistics: what the training split said: its vocabulary, its lattice scale, its properties.

    Raises:
        UsageError: a property that the training data has not.
    """

    recipe: CrystalRecipe
    statistics: Statistics

    def __init__(self, recipe: CrystalRecipe, statistics: Statistics) -> None:
        super().__init__()
        self.recipe = recipe
        self.statistics = statistics
        self.conditions = PropertyConditions(recipe.conditioning, statistics.properties, statistics.crystals)
        classes = len(statistics.vocabulary)
        self.flow = recipe.build_flow(classes)
        self.lattice_form = lattice_form(recipe.lattice_form, statistics)
        self.network = recipe.build_network(classes, len(self.conditions.names))
        self.components = {
            "positions": 3,
            "lattice": torch.Size(self.lattice_form.shape).numel(),
            "species": recipe.species_form(classes).components,
        }

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

    def given(self, batch: CrystalBatch, *, source: RngSource) -> GivenCells:
        """Return the training cells' atoms, and their properties but for those that are hidden."""
        properties = self.conditions.in_training(batch.properties, batch.segments.counts, source=source)
        given = GivenCells(segments=batch.segments, properties=properties)
        if self.recipe.task == "dng":
            return given
        species, share = self.encode(batch.numbers), self.recipe.conditioning.hide_elements
        if share and self.training:
            species = hide_elements(species, batch.segments, len(self.statistics.vocabulary), share, source)
        return replace(given, species=species)

    def given_for(self, requests: Sequence[CrystalRequest], device: torch.device) -> GivenCells:
        """Return the atoms of the cells asked for, their targets and their elements."""
        segments = Segments.from_counts([request.num_atoms for request in requests]).to(device)
        properties, guidance = self.conditions.given_for(requests, segments.counts)
        given = GivenCells(segments=segments, properties=properties, guidance=guidance)
        if self.recipe.task == "dng":
            return replace(given, limits=limits(requests, segments, self.statistics.vocabulary))
        numbers = [z for request in requests for z in request.numbers or ()]
        usual = self.recipe.sampling.composition_guidance
        said = [request.composition_guidance for request in requests]
        weights = [usual if weight is None else weight for weight in said]
        return replace(
            given,
            species=self.encode(torch.tensor(numbers, device=device)),
            composition_guidance=torch.tensor(weights, device=device) if any(weights) else None,
        )

    def flow_on(self, flow: ProductFlow, given: GivenCells) -> ProductFlow:
        """Return the flow whose species are under the limits, if there are any."""
        return limited(flow, "species", given.limits)

    def blank(self, given: GivenCells) -> dict[str, Tensor]:
        """Return targets of the right shapes and kinds, with no content: what a prior is drawn like."""
        segments = given.segments
        device = segments.index.device
        blank = {
            "positions": torch.zeros(segments.num_atoms, 3, device=device),
            "lattice": torch.zeros(segments.num_graphs, *self.lattice_form.shape, device=device),
        }
        if self.recipe.task == "dng":
            blank["species"] = torch.zeros(segments.num_atoms, dtype=torch.long, device=device)
        return blank

    def predict(self, states: States, time: Float[Tensor, " graphs"], given: GivenCells) -> dict[str, Tensor]:
        """Return the network's raw output for each field at ``time``."""
        features = self.flow.features(states, time, segments=given.segments)
        output: CrystalNetOutput = self.network(
            segments=given.segments,
            positions=features["positions"].value,
            lattice=features["lattice"].value,
            species=features["species"].value if given.species is None else given.species,
            time=time,
            conditions=features["positions"].condition,
            velocities=features["positions"].velocity,
            properties=given.properties,
        )
        outputs = {"positions": output.positions, "lattice": output.lattice}
        if output.species is not None:
            outputs["species"] = output.species
        # Under autocast networks answer in a short type; flows add up many small steps.
        return {name: value.to(features["lattice"].value.dtype) for name, value in outputs.items()}

    def answer(self, states: States, time: Float[Tensor, " graphs"], given: GivenCells) -> dict[str, Tensor]:
        """Return the outputs, steered by targets and by the composition where guidance is asked for."""
        outputs = guided(lambda given: self.predict(states, time, given), given, self.flow.levels)
        sampling, now = self.recipe.sampling, number_of(time)
        first, last = sampling.guided_from, sampling.guided_until
        if given.composition_guidance is None or given.species is None:
            return outputs
        if now is not None and not first <= now <= last:
            return outputs
        hidden = replace(given, species=torch.full_like(given.species, UNKNOWN))
        weight = given.composition_guidance * ((first <= time) & (time <= last))
        return guide(outputs, self.predict(states, time, hidden), given.segments, weight, self.flow.levels)

    def samples(
        self,
        targets: Mapping[str, Tensor],
        outputs: Mapping[str, Tensor],  # noqa: ARG002 - part of every model's signature
        given: GivenCells,
        requests: Sequence[CrystalRequest],
    ) -> list[Sample]:
        """Return the crystals that decoded variables stand for, or why there are none."""
        index = targets["species"] if given.species is None else given.species
        lattice = self.lattice_form.decode(targets["lattice"], given.segments.counts)
        numbers = self.statistics.vocabulary.decode(index)
        return cell_samples(given.segments, lattice, targets["positions"], numbers, requests)
