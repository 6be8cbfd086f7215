"""Crystals by their asymmetric units: what is generated has its space group by construction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.apps.asymmetric_units.k_form import KForm
from epitaxy.apps.asymmetric_units.pinned_cell import pinned_cell
from epitaxy.apps.asymmetric_units.recipe import WyckoffRecipe
from epitaxy.apps.asymmetric_units.requests import WyckoffRequest
from epitaxy.apps.crystals.cells import cell_samples, sound_cells
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.generative.conditioning import Conditioned, PropertyConditions, guided
from epitaxy.apps.generative.constraints import limited, limits
from epitaxy.apps.generative.model import GenerativeModel, States
from epitaxy.apps.requests.sample import Sample
from epitaxy.data.wyckoff import WyckoffStatistics, site_points
from epitaxy.flows import (
    AbsorbingDiffusion,
    CategoricalBFN,
    Componentwise,
    Features,
    Limits,
    Pinned,
    ProductFlow,
)
from epitaxy.geometry import CrystalBatch, RngSource, Segments, WyckoffBatch, gram
from epitaxy.geometry.symmetry import (
    SITE_AXES,
    SITE_CLASSES,
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
        kept: Wyckoff positions of orbits that keep theirs, -1 of others, where part of a crystal is kept.
    """

    space_groups: Int[Tensor, " graphs"]
    species: Int[Tensor, " atoms"] | None = None
    sites: Int[Tensor, " atoms"] | None = None
    limits: Limits | None = None
    kept: Int[Tensor, " atoms"] | None = None


class WyckoffModel(GenerativeModel[WyckoffBatch, GivenOrbits, WyckoffRequest]):
    """Flows on points, elements and site symmetries of orbits and on the cell, and their network.

    Components of the cell that the space group fixes are pinned: noise never enters there, and they have no
    loss. A composition that is given speaks through the flows of elements and site symmetries: at every step
    they are sent messages about the truth, or shown labels of it, so that their states are what training
    showed.

    A recipe for structure prediction (csp) has no such flows: elements and Wyckoff positions are always
    given, and the network is shown them as certain. A position without freedom is a point, so there the
    orbit's point is pinned too, to the one that stands for the orbit in training data. (SymmBFN's published
    code has a model for given compositions as well, of which its paper says nothing; what it is told beside
    the elements is not known here.)

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
        self.conditions = PropertyConditions(recipe.conditioning, statistics.properties, statistics.crystals)
        classes = len(statistics.vocabulary)
        self.flow = recipe.build_flow(classes)
        self.k_form = KForm.of(recipe.lattice_form, statistics)
        self.network = recipe.build_network(classes, len(self.conditions.names))
        self.components = {"positions": 3, "lattice": 6, "species": 1, "symmetry": len(SITE_AXES)}

    def targets(self, batch: WyckoffBatch) -> dict[str, Tensor]:
        """Return the variables that the flows corrupt."""
        targets = {
            "positions": batch.positions,
            "lattice": self.k_form.encode(batch.lattice),
            "species": self.statistics.vocabulary.encode(batch.numbers),
            "symmetry": _classes(batch.sites),
        }
        return {name: targets[name] for name in self.flow.flows}

    def given(self, batch: WyckoffBatch, *, source: RngSource) -> GivenOrbits:
        """Return the groups of training crystals, and their properties but for those that are hidden."""
        properties = self.conditions.in_training(batch.properties, batch.space_groups, source=source)
        given = GivenOrbits(segments=batch.segments, space_groups=batch.space_groups, properties=properties)
        if self.recipe.task == "dng":
            return given
        return replace(given, species=self.statistics.vocabulary.encode(batch.numbers), sites=batch.sites)

    def given_for(self, requests: Sequence[WyckoffRequest], device: torch.device) -> GivenOrbits:
        """Return the groups, targets and occupied positions that are asked for."""
        groups = torch.tensor([request.space_group for request in requests], device=device)
        properties, guidance = self.conditions.given_for(requests, groups)
        segments = Segments.from_counts([request.num_atoms for request in requests]).to(device)
        given = GivenOrbits(
            segments=segments,
            space_groups=groups,
            limits=limits(requests, segments, self.statistics.vocabulary),
            properties=properties,
            guidance=guidance,
            kept=_kept_sites(requests, device),
        )
        orbits = [orbit for request in requests for orbit in request.occupation or ()]
        if not orbits:
            return given
        numbers, sites = torch.tensor(orbits, device=device).unbind(1)
        return replace(given, species=self.statistics.vocabulary.encode(numbers), sites=sites)

    def blank(self, given: GivenOrbits) -> dict[str, Tensor]:
        """Return targets of the right shapes and kinds, with no content: what a prior is drawn like."""
        atoms, device = given.segments.num_atoms, given.segments.index.device
        blank = {
            "positions": torch.zeros(atoms, 3, device=device),
            "lattice": torch.zeros(given.segments.num_graphs, 6, device=device),
            "species": torch.zeros(atoms, dtype=torch.long, device=device),
            "symmetry": torch.zeros(atoms, len(SITE_AXES), dtype=torch.long, device=device),
        }
        return {name: blank[name] for name in self.flow.flows}

    def flow_on(self, flow: ProductFlow, given: GivenOrbits) -> ProductFlow:
        """Return the flow with what is known pinned: k where groups fix it, points where sites do (csp).

        Elements are held to what is asked for.
        """
        free, value = self.k_form.fixed(given.space_groups, torch.get_default_dtype())
        try:
            flow = flow.replacing(lattice=pinned_cell(flow.flows["lattice"], free=free, value=value))
        except ValueError as error:  # a sampler that corrects
            raise UsageError(f"--sampler: {error}") from None
        if self.recipe.task == "dng" or given.sites is None:
            return limited(flow, "species", given.limits) if self.recipe.task == "dng" else flow
        positions = flow.flows["positions"]
        assert isinstance(positions, Componentwise)
        table = wyckoff_table(given.sites.device)
        points = site_points(given.sites.device).to(torch.get_default_dtype())[given.sites]
        moves = (table.freedom[given.sites] > 0)[:, None].expand_as(points)
        return flow.replacing(positions=Pinned(flow=positions, free=moves, value=points))

    def predict(
        self, states: States, time: Float[Tensor, " graphs"], given: GivenOrbits
    ) -> dict[str, Tensor]:
        """Return the network's raw output for each field at ``time``."""
        features = self.flow.features(states, time, segments=given.segments)
        species, symmetry = self._seen_labels(features, given)
        output: WyckoffNetOutput = self.network(
            segments=given.segments,
            space_groups=given.space_groups,
            positions=features["positions"].value,
            lattice=features["lattice"].value,
            species=species,
            symmetry=symmetry,
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
        dtype = features["lattice"].value.dtype
        return {name: value.to(dtype) for name, value in outputs.items() if value is not None}

    def _seen_labels(self, features: Mapping[str, Features], given: GivenOrbits) -> tuple[Tensor, Tensor]:
        """Return what the network sees of elements and site symmetries: beliefs, or what is given."""
        if self.recipe.task == "dng":
            return features["species"].value, features["symmetry"].value
        assert given.species is not None
        assert given.sites is not None
        dtype, elements = features["lattice"].value.dtype, len(self.statistics.vocabulary)
        labels = ((given.species, elements), (_classes(given.sites), len(SITE_CLASSES)))
        species, symmetry = (2 * torch.nn.functional.one_hot(x.long(), k).to(dtype) - 1 for x, k in labels)
        return species, symmetry

    def answer(self, states: States, time: Float[Tensor, " graphs"], given: GivenOrbits) -> dict[str, Tensor]:
        """Return the outputs, steered by targets where guidance is asked for, certain where all is known."""
        outputs = guided(lambda given: self.predict(states, time, given), given, self.flow.levels)
        if self.recipe.task == "csp" or given.species is None or given.sites is None:
            return outputs
        for name, labels in (("species", given.species), ("symmetry", _classes(given.sites))):
            certain = _certain(labels, outputs[name])
            outputs[name] = self._labels(name).output_of(certain, states[name])
        return outputs

    def read(self, outputs: Mapping[str, Tensor], states: States) -> dict[str, Tensor]:
        """Return the outputs with logits in place of what stands for logits."""
        labels = [name for name in ("species", "symmetry") if name in self.flow.flows]
        logits = {name: self._labels(name).logits(outputs[name], states[name]) for name in labels}
        return {**outputs, **logits}

    def _labels(self, name: str) -> CategoricalBFN | AbsorbingDiffusion:
        flow = self.flow.flows[name]
        assert isinstance(flow, CategoricalBFN | AbsorbingDiffusion)
        return flow

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
        points, segments = targets["positions"], given.segments
        lost = segments.sum((~points.isfinite()).any(1).long()) > 0
        species = given.species if self.recipe.task == "csp" else targets["species"]
        assert species is not None
        # What is no answer is rejected by name too, by who asked for it.
        symmetry = outputs["symmetry"].nan_to_num() if "symmetry" in outputs else None
        crystals = self.expanded(usable, points.nan_to_num(0.0, 0.0, 0.0), species, symmetry, given, requests)
        lattice = torch.where(lost[:, None, None], torch.nan, lattice)
        return cell_samples(crystals.segments, lattice, crystals.positions, crystals.numbers, requests)

    def expanded(
        self,
        lattice: Float[Tensor, "graphs 3 3"],
        points: Float[Tensor, "atoms 3"],
        species: Int[Tensor, " atoms"],
        symmetry: Float[Tensor, "atoms 15 13"] | None,
        given: GivenOrbits,
        requests: Sequence[WyckoffRequest],
    ) -> CrystalBatch:
        """Return all atoms of the conventional cells.

        Args:
            lattice: angstrom.
            points: fractional, on no Wyckoff position yet.
            species: element indices.
            symmetry: logits of each axis's class, which choose the Wyckoff position where it is not given;
                None where it is.
            given: space groups, and positions where they are given.
            requests: whose ids the crystals have.
        """
        table, segments = wyckoff_table(lattice.device), given.segments
        metric = gram(lattice)
        if given.sites is None:
            assert symmetry is not None
            scores = symmetry.log_softmax(-1)
            sites, moved = assign_wyckoff(
                table, segments, given.space_groups, points, scores, metric, known=given.kept
            )
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


def _kept_sites(requests: Sequence[WyckoffRequest], device: torch.device) -> Int[Tensor, " atoms"] | None:
    """Return the Wyckoff positions that requests keep; None where they keep nothing."""
    if not all(request.pinned for request in requests):
        return None
    starts = [request.start for request in requests if request.start is not None]
    sites = [
        -1 if orbit in start.pins.sites else site
        for start in starts
        if start.pins is not None
        for orbit, site in enumerate(start.batch.sites.tolist())
    ]
    return torch.tensor(sites, device=device)


def _classes(sites: Int[Tensor, " atoms"]) -> Int[Tensor, "atoms 15"]:
    """Return the class of each axis of sites."""
    return wyckoff_table(sites.device).site_class[sites]


def _certain(labels: Int[Tensor, " *rows"], like: Float[Tensor, "*rows classes"]) -> Tensor:
    """Return logits that say the labels."""
    return _CERTAIN * torch.nn.functional.one_hot(labels.long(), like.shape[-1]).to(like.dtype)
