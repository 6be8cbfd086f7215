"""GeoBFN put together: a network that knows the only molecule there is must give it back."""

import pytest
import torch
from torch import Tensor, nn

from epitaxy.apps import GeoBFN
from epitaxy.apps.config import apply_overrides
from epitaxy.apps.generative.recipes import preset
from epitaxy.apps.molecules.model import MoleculeModel
from epitaxy.apps.molecules.recipe import MoleculeRecipe
from epitaxy.data.molecules import MoleculeDataset, MoleculeStatistics
from epitaxy.flows import DiscretisedGaussianBFN, GaussianBFN, MassCentred
from epitaxy.flows.testing import WatchedBelief
from epitaxy.models import MoleculeNetOutput

TREATMENTS = (
    "discretised_basis", "continuous_basis", "discrete", "discrete_continuous", "discrete_discretised",
)  # fmt: skip
FORMAMIDE = MoleculeDataset(
    ids=("formamide",),
    counts=torch.tensor([6]),
    numbers=torch.tensor([6, 8, 7, 1, 1, 1], dtype=torch.int8),
    positions=torch.tensor(
        [
            [0.16, 0.39, 0.0], [1.20, -0.25, 0.0], [-1.08, -0.16, 0.0],
            [0.14, 1.49, 0.0], [-1.90, 0.42, 0.1], [-1.17, -1.17, -0.1],
        ]
    ),
    properties={},
)  # fmt: skip


class KnowsTheMolecule(nn.Module):
    """In place of the network: the exact posterior where all data is one molecule, in the flows' terms.

    It gives the molecule back from any state, so it also watches whether states are those of the flows.
    """

    def __init__(self, model: MoleculeModel) -> None:
        super().__init__()
        self.flows, self.targets = model.flow.flows, model.targets  # not the model: it holds this module
        centred, charges = self.flows["positions"], self.flows.get("charges")
        assert isinstance(centred, MassCentred)
        assert isinstance(centred.flow, GaussianBFN)
        self.centred = centred.flow
        self.positions = WatchedBelief(centred.flow.sigma1)
        self.charged = None if charges is None else WatchedBelief(charges.sigma1)

    def forward(
        self, *, positions: Tensor, charges: Tensor | None, time: Tensor, **_: object
    ) -> MoleculeNetOutput:
        batch = FORMAMIDE.batch([0] * time.shape[0])
        truth, each = self.targets(batch), batch.segments.expand(time)
        self.positions.see(positions, truth["positions"], each)
        types = truth.get("types")
        return MoleculeNetOutput(
            positions=self.centred.output_of(truth["positions"], positions, each),
            charges=None if charges is None else self.charges(truth["charges"], charges, each),
            types=None if types is None else 100.0 * nn.functional.one_hot(types, 4).float(),
        )

    def charges(self, truth: Tensor, mean: Tensor, time: Tensor) -> Tensor:
        flow = self.flows["charges"]
        assert self.charged is not None
        if isinstance(flow, GaussianBFN):
            self.charged.see(mean, truth, time)
            return flow.output_of(truth, mean, time)
        assert isinstance(flow, DiscretisedGaussianBFN)
        centre = flow.centre(truth, mean.dtype)[:, None]
        self.charged.see(mean, centre, time)
        noise = flow.belief.noise_of(centre, mean, time)
        return torch.cat([noise, torch.full_like(noise, -9.0)], dim=1)


@pytest.mark.parametrize("kind", TREATMENTS)
@pytest.mark.parametrize("parametrisation", ["data", "noise", "residual"])
@pytest.mark.parametrize("steps", [2, 50])
def test_the_only_molecule_comes_back(kind: str, parametrisation: str, steps: int) -> None:
    made = preset("small", model="geobfn", task="dng", dataset="one")
    assert isinstance(made, MoleculeRecipe)
    words = [f"atoms.kind={kind}", "positions.t_min=1e-4", f"positions.parametrisation={parametrisation}"]
    made = apply_overrides(made, [*words, "network.hidden=8", "network.layers=1"])
    model = MoleculeModel(made, MoleculeStatistics.of(FORMAMIDE))
    model.network = oracle = KnowsTheMolecule(model)
    truth = torch.cdist(FORMAMIDE.positions, FORMAMIDE.positions)
    for molecule in GeoBFN(model).sample(num=16, steps=steps):
        assert molecule.numbers.tolist() == FORMAMIDE.numbers.tolist()
        found = torch.from_numpy(molecule.get_all_distances()).float()
        assert float((found - truth).abs().max()) < 0.05
    times = [i / steps for i in range(steps)]
    oracle.positions.check(times, freedom=1 - 1 / len(FORMAMIDE.numbers))
    if oracle.charged is not None:
        oracle.charged.check(times)
