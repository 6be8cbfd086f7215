"""Crystals by their asymmetric units: what is generated has its space group by construction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.apps.conditioning import Conditioned, Told, steered
from epitaxy.apps.config import WyckoffRecipe
from epitaxy.apps.k_form import KForm
from epitaxy.apps.model import GenerativeModel, States
from epitaxy.apps.sampling.cells import cell_samples, sound_cells
from epitaxy.apps.sampling.sample import Sample
from epitaxy.apps.sampling.wyckoff import WyckoffRequest
from epitaxy.apps.steering import limited, limits
from epitaxy.data.wyckoff import WyckoffStatistics
from epitaxy.flows import Componentwise, Limits, Pinned, ProductFlow
from epitaxy.geometry import CrystalBatch, RngSource, Segments, WyckoffBatch, gram
from epitaxy.geometry.symmetry import (
    SITE_AXES,
    assign_wyckoff,
    expand_orbits,
    project_to_wyckoff,
    wyckoff_table,
)
from epitaxy.models import WyckoffNetOutput

_CERTAIN = 30.0
"""Logit of a label that is known, over those of the others."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GivenOrbits(Conditioned):
    """The orbits and the space group of each crystal, and what else is asked of it.

    Attributes:
        space_groups: their numbers.
        species: element indices, where the composition is given.
        sites: Wyckoff positions, where the composition is given.
        limits: on the elements, where it is not.
    """

    space_groups: Int[Tensor, " graphs"]
    species: Int[Tensor, " atoms"] | None = None
    sites: Int[Tensor, " atoms"] | None = None
    limits: Limits | None = None


class WyckoffModel(GenerativeModel[WyckoffBatch, GivenOrbits, WyckoffRequest]):
    """Flows on points, elements and site symmetries of orbits and on the cell, and their network.

    Components of the cell that the space group fixes are pinned: noise never enters there, and they have no
    loss. A composition that is given speaks through the flows of elements and site symmetries: at every step
    they are sent messages about the truth, so that their beliefs are what training showed.

    Args:
        recipe: what to build.
        statistics: what the training split said: its elements and the scales of k.

    Raises:
        UsageError: a property that the training data has not.
    """

    recipe: WyckoffRecipe
    statistics: WyckoffStatistics

    def __init__(self, recipe: WyckoffRecipe, statistics: WyckoffStatistics) -> None:
        super().__init__()
        self.recipe = recipe
        self.statistics = statistics
        self.told = Told(recipe.conditioning, statistics.properties, statistics.crystals)
        classes = len(statistics.vocabulary)
        self.flow = recipe.build_flow(classes)
        self.k_form = KForm.of(recipe.lattice_form, statistics)
        self.network = recipe.network.build(species=classes, properties=len(self.told.names))
        self.components = {"positions": 3, "lattice": 6, "species": 1, "symmetry": len(SITE_AXES)}

    def targets(self, batch: WyckoffBatch) -> dict[str, Tensor]:
        """Return the variables that the flows corrupt."""
        return {
            "positions": batch.positions,
            "lattice": self.k_form.encode(batch.lattice),
            "species": self.statistics.vocabulary.encode(batch.numbers),
            "symmetry": wyckoff_table(batch.sites.device).site_class[batch.sites],
        }

    def given(self, batch: WyckoffBatch, *, source: RngSource) -> GivenOrbits:
        """Return the groups of training crystals, and their properties but for those that are hidden."""
        properties = self.told.in_training(batch.properties, batch.space_groups, source=source)
        return GivenOrbits(segments=batch.segments, space_groups=batch.space_groups, properties=properties)

    def asked(self, requests: Sequence[WyckoffRequest], device: torch.device) -> GivenOrbits:
        """Return the groups, targets and occupied positions that are asked for."""
        groups = torch.tensor([request.space_group for request in requests], device=device)
        properties, guidance = self.told.asked(requests, groups)
        segments = Segments.from_counts([request.num_atoms for request in requests]).to(device)
        given = GivenOrbits(
            segments=segments,
            space_groups=groups,
            limits=limits(requests, segments, self.statistics.vocabulary),
            properties=properties,
            guidance=guidance,
        )
        orbits = [orbit for request in requests for orbit in request.occupation or ()]
        if not orbits:
            return given
        numbers, sites = torch.tensor(orbits, device=device).unbind(1)
        return replace(given, species=self.statistics.vocabulary.encode(numbers), sites=sites)

    def blank(self, given: GivenOrbits) -> dict[str, Tensor]:
        """Return targets of the right shapes and kinds, with no content: what a prior is drawn like."""
        atoms, device = given.segments.num_atoms, given.segments.index.device
        return {
            "positions": torch.zeros(atoms, 3, device=device),
            "lattice": torch.zeros(given.segments.num_graphs, 6, device=device),
            "species": torch.zeros(atoms, dtype=torch.long, device=device),
            "symmetry": torch.zeros(atoms, len(SITE_AXES), dtype=torch.long, device=device),
        }

    def flow_on(self, flow: ProductFlow, given: GivenOrbits) -> ProductFlow:
        """Return the flow with the components of k pinned that the groups fix, and elements under limits."""
        free, value = self.k_form.fixed(given.space_groups, torch.get_default_dtype())
        lattice = flow.flows["lattice"]
        assert isinstance(lattice, Componentwise)
        pinned = flow.replacing(lattice=Pinned(flow=lattice, free=free, value=value))
        return limited(pinned, "species", given.limits)

    def predict(
        self, states: States, time: Float[Tensor, " graphs"], given: GivenOrbits
    ) -> dict[str, Tensor]:
        """Return the network's raw output for each field at ``time``."""
        features = self.flow.features(states, time, segments=given.segments)
        output: WyckoffNetOutput = self.network(
            segments=given.segments,
            space_groups=given.space_groups,
            positions=features["positions"].value,
            lattice=features["lattice"].value,
            species=features["species"].value,
            symmetry=features["symmetry"].value,
            time=time,
            properties=given.properties,
        )
        outputs = {
            "positions": output.positions,
            "lattice": output.lattice,
            "species": output.species,
            "symmetry": output.symmetry,
        }
        # Under autocast networks answer in a short type; flows add up many small steps.
        return {name: value.to(features["lattice"].value.dtype) for name, value in outputs.items()}

    def answer(self, states: States, time: Float[Tensor, " graphs"], given: GivenOrbits) -> dict[str, Tensor]:
        """Return the outputs, steered by targets where guidance is asked for, certain where all is known."""
        outputs = steered(lambda given: self.predict(states, time, given), given, self.flow.levels)
        if given.species is None or given.sites is None:
            return outputs
        classes = wyckoff_table(given.sites.device).site_class[given.sites]
        outputs["species"] = _certain(given.species, outputs["species"])
        outputs["symmetry"] = _certain(classes, outputs["symmetry"])
        return outputs

    def samples(
        self,
        targets: Mapping[str, Tensor],
        outputs: Mapping[str, Tensor],
        given: GivenOrbits,
        requests: Sequence[WyckoffRequest],
    ) -> list[Sample]:
        """Return the crystals: each orbit on the position that its predictions speak for, expanded."""
        lattice = self.k_form.decode(targets["lattice"], given.space_groups)
        sound = sound_cells(lattice)
        # A cell that is none is rejected by name below; here it must only not stop the others.
        usable = torch.where(sound[:, None, None], lattice, self._any_cell(given))
        points = targets["positions"].nan_to_num(0.0, 0.0, 0.0)
        crystals = self.expanded(usable, points, targets["species"], outputs["symmetry"], given, requests)
        return cell_samples(replace(crystals, lattice=lattice), requests)

    def expanded(
        self,
        lattice: Float[Tensor, "graphs 3 3"],
        points: Float[Tensor, "atoms 3"],
        species: Int[Tensor, " atoms"],
        symmetry: Float[Tensor, "atoms 15 13"],
        given: GivenOrbits,
        requests: Sequence[WyckoffRequest],
    ) -> CrystalBatch:
        """Return all atoms of the conventional cells.

        Args:
            lattice: angstrom.
            points: fractional, on no Wyckoff position yet.
            species: element indices.
            symmetry: logits of each axis's class, which choose the Wyckoff position where it is not given.
            given: space groups, and positions where they are given.
            requests: whose ids the crystals have.
        """
        table, segments = wyckoff_table(lattice.device), given.segments
        metric = gram(lattice)
        if given.sites is None:
            scores = symmetry.log_softmax(-1)
            sites, moved = assign_wyckoff(table, segments, given.space_groups, points, scores, metric)
        else:
            sites = given.sites
            moved = project_to_wyckoff(table, sites, points, segments.expand(metric))
        orbits = expand_orbits(table, sites, moved.coordinates, moved.member)
        return CrystalBatch(
            segments=Segments.from_counts(segments.sum(orbits.segments.counts)),
            positions=orbits.coordinates,
            lattice=lattice,
            numbers=orbits.segments.expand(self.statistics.vocabulary.decode(species)),
            ids=tuple(request.id for request in requests),
            properties={},
        )

    def _any_cell(self, given: GivenOrbits) -> Float[Tensor, "graphs 3 3"]:
        """Return a cell that each group allows."""
        blank = self.blank(given)["lattice"]
        return self.k_form.decode(blank, given.space_groups)


def _certain(labels: Int[Tensor, " *rows"], like: Float[Tensor, "*rows classes"]) -> Tensor:
    """Return logits that say the labels."""
    return _CERTAIN * torch.nn.functional.one_hot(labels.long(), like.shape[-1]).to(like.dtype)
