"""Molecules: positions about their mean, and elements as charges, types or both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from ase import Atoms
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.apps.generative.conditioning import Conditioned, PropertyConditions, guided
from epitaxy.apps.generative.constraints import limited, limits
from epitaxy.apps.generative.model import GenerativeModel, States
from epitaxy.apps.molecules.recipe import MoleculeRecipe
from epitaxy.apps.requests.request import TargetedRequest
from epitaxy.apps.requests.sample import Sample
from epitaxy.data.molecules import MoleculeStatistics
from epitaxy.flows import GaussianBFN, LabelValues, Limits, ProductFlow, bin_centre
from epitaxy.geometry import MoleculeBatch, RngSource, Segments, constant
from epitaxy.models import MoleculeNetOutput


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GivenMolecules(Conditioned):
    """The atoms of each molecule, and what else is asked of it.

    Attributes:
        types: limits on types.
        charges: limits on charges: on their bins, or on the elements where charges are real numbers.
    """

    types: Limits | None = None
    charges: Limits | None = None


class MoleculeModel(GenerativeModel[MoleculeBatch, GivenMolecules, TargetedRequest]):
    """Flows on positions and elements, and the network that predicts them together.

    Args:
        recipe: what to build.
        statistics: what the training split said: its elements and properties.

    Raises:
        UsageError: a property that the training data has not.
    """

    recipe: MoleculeRecipe
    statistics: MoleculeStatistics
    least_steps = 2  # before the first message all atoms are at one point, whence the network moves none

    def __init__(self, recipe: MoleculeRecipe, statistics: MoleculeStatistics) -> None:
        super().__init__()
        self.recipe = recipe
        self.statistics = statistics
        self.conditions = PropertyConditions(recipe.conditioning, statistics.properties, statistics.molecules)
        numbers = statistics.vocabulary.numbers
        self.flow = recipe.build_flow(numbers)
        atoms = recipe.atoms
        self.network = recipe.network.build(
            types=len(numbers) if atoms.types else 0,
            charge=atoms.features,
            charge_outputs=atoms.charge_outputs,
            properties=len(self.conditions.names),
        )
        self.components = {"positions": 3, "charges": 1, "types": 1}
        self.bins = atoms.bins(numbers)

    def targets(self, batch: MoleculeBatch) -> dict[str, Tensor]:
        """Return the variables that the flows corrupt."""
        scaled = batch.positions / self.recipe.position_scale
        targets = {"positions": batch.segments.center(scaled)}
        if self.recipe.atoms.charge == "discretised":
            targets["charges"] = batch.numbers - 1
        elif self.recipe.atoms.charge == "continuous":
            targets["charges"] = self._centres(batch.numbers).to(scaled.dtype)[:, None]
        if self.recipe.atoms.types:
            targets["types"] = self.statistics.vocabulary.encode(batch.numbers)
        return targets

    def given(self, batch: MoleculeBatch, *, source: RngSource) -> GivenMolecules:
        """Return the atoms of training molecules, and their properties but for those that are hidden."""
        properties = self.conditions.in_training(batch.properties, batch.segments.counts, source=source)
        return GivenMolecules(segments=batch.segments, properties=properties)

    def given_for(self, requests: Sequence[TargetedRequest], device: torch.device) -> GivenMolecules:
        """Return the numbers of atoms, the targets and the elements that are asked for."""
        segments = Segments.from_counts([request.num_atoms for request in requests]).to(device)
        properties, guidance = self.conditions.given_for(requests, segments.counts)
        return GivenMolecules(
            segments=segments,
            properties=properties,
            guidance=guidance,
            types=limits(requests, segments, self.statistics.vocabulary) if self.recipe.atoms.types else None,
            charges=self._charge_limits(requests, segments),
        )

    def _charge_limits(self, requests: Sequence[TargetedRequest], segments: Segments) -> Limits | None:
        """Return the limits on charges; where types decide, only on each atom's own."""
        atoms, known = self.recipe.atoms, self.statistics.vocabulary
        if atoms.charge == "none":
            return None
        if atoms.charge == "discretised":
            made = limits(requests, segments, known, encode=lambda z: z - 1, classes=self.bins)
        else:
            made = limits(requests, segments, known)
        return made.each if made is not None and atoms.types else made

    def flow_on(self, flow: ProductFlow, given: GivenMolecules) -> ProductFlow:
        """Return the flow whose types and charges are under the limits, if there are any."""
        if given.types is not None:
            flow = limited(flow, "types", given.types)
        if given.charges is None:
            return flow
        charges = flow.flows["charges"]
        if not isinstance(charges, GaussianBFN):
            return limited(flow, "charges", given.charges)
        numbers = constant(self.statistics.vocabulary.numbers, torch.int64, given.segments.device)
        of_elements = LabelValues(flow=charges, values=self._centres(numbers), limits=given.charges)
        return flow.replacing(charges=of_elements)

    def blank(self, given: GivenMolecules) -> dict[str, Tensor]:
        """Return targets of the right shapes and kinds, with no content: what a prior is drawn like."""
        atoms, device = given.segments.num_atoms, given.segments.index.device
        labels = torch.zeros(atoms, dtype=torch.long, device=device)
        blank = {"positions": torch.zeros(atoms, 3, device=device)}
        if self.recipe.atoms.charge == "discretised":
            blank["charges"] = labels
        elif self.recipe.atoms.charge == "continuous":
            blank["charges"] = torch.zeros(atoms, 1, device=device)
        if self.recipe.atoms.types:
            blank["types"] = labels
        return blank

    def predict(
        self, states: States, time: Float[Tensor, " graphs"], given: GivenMolecules
    ) -> dict[str, Tensor]:
        """Return the network's raw output for each field at ``time``."""
        features = self.flow.features(states, time, segments=given.segments)
        output: MoleculeNetOutput = self.network(
            segments=given.segments,
            positions=features["positions"].value,
            charges=features["charges"].value if "charges" in features else None,
            types=features["types"].value if "types" in features else None,
            time=time,
            properties=given.properties,
        )
        found = {"positions": output.positions, "charges": output.charges, "types": output.types}
        # Under autocast networks answer in a short type; flows add up many small steps.
        dtype = features["positions"].value.dtype
        return {name: value.to(dtype) for name, value in found.items() if value is not None}

    def answer(
        self, states: States, time: Float[Tensor, " graphs"], given: GivenMolecules
    ) -> dict[str, Tensor]:
        """Return the outputs, steered by targets where guidance is asked for."""
        return guided(lambda given: self.predict(states, time, given), given, self.flow.levels)

    def samples(
        self,
        targets: Mapping[str, Tensor],
        outputs: Mapping[str, Tensor],  # noqa: ARG002 - part of every model's signature
        given: GivenMolecules,
        requests: Sequence[TargetedRequest],
    ) -> list[Sample]:
        """Return the molecules that decoded variables stand for, or why there are none."""
        sizes = given.segments.counts.tolist()
        scaled = (targets["positions"] * self.recipe.position_scale).double().cpu()
        positions, numbers = torch.split(scaled, sizes), torch.split(self._numbers(targets).cpu(), sizes)
        return [
            Sample(request=request, structure=Atoms(numbers=z.numpy(), positions=x.numpy()))
            if bool(x.isfinite().all())
            else Sample(request=request, structure=None, reason="a coordinate is not a number")
            for request, x, z in zip(requests, positions, numbers, strict=True)
        ]

    def _numbers(self, targets: Mapping[str, Tensor]) -> Int[Tensor, " atoms"]:
        """Return each atom's charge: its type decides where it has one."""
        if "types" in targets:
            return self.statistics.vocabulary.decode(targets["types"])
        if self.recipe.atoms.charge == "discretised":
            return targets["charges"] + 1
        known = torch.tensor(self.statistics.vocabulary.numbers, device=targets["charges"].device)
        gap = (targets["charges"] - self._centres(known)).abs()
        return known[gap.nan_to_num(0.0).argmin(1)]

    def _centres(self, numbers: Int[Tensor, " rows"]) -> Float[Tensor, " rows"]:
        """Return the numbers that stand for charges: centres of bins on [-1, 1]."""
        return bin_centre(numbers - 1, self.bins, torch.get_default_dtype())
