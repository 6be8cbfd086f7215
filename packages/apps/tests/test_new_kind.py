"""A kind of data from outside joins by its own module and one entry: it trains, samples, is loaded by name.

The kind is made here: argon dimers, of which one number, the logarithm of the distance, is generated.
"""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
import torch
from ase import Atoms
from jaxtyping import Float
from torch import Tensor, nn
from typer.testing import CliRunner

from epitaxy.apps import UsageError, load, preset
from epitaxy.apps.cli.shell import new_app
from epitaxy.apps.cli.verbs import add_info, add_train
from epitaxy.apps.config import GaussianBFNConfig, Recipe, TrainingConfig
from epitaxy.apps.config.network import NetworkConfig
from epitaxy.apps.foundation.names import MODELS, ModelEntry, Task
from epitaxy.apps.generative.kind import Kind
from epitaxy.apps.generative.model import GenerativeModel, States
from epitaxy.apps.generative.recipes import Recipes, read_recipe
from epitaxy.apps.molecules.writing import write_molecules
from epitaxy.apps.requests.request import Request
from epitaxy.apps.requests.sample import Sample
from epitaxy.apps.sampling.generator import Generator
from epitaxy.data.molecules import MoleculeDataset, MoleculeStatistics
from epitaxy.flows import ProductFlow
from epitaxy.geometry import MoleculeBatch, RngSource, Segments

MEAN, SPREAD = math.log(3.8), 0.1


class DimerRecipe(Recipe):
    """How far apart two atoms are."""

    model: Literal["dimers"] = "dimers"
    distance: GaussianBFNConfig = GaussianBFNConfig(
        sigma1=0.02, grid=None, loss="continuous", sampler="bayes", parametrisation="residual"
    )

    @property
    def loss_weights(self) -> Mapping[str, float]:
        return {"distance": 1.0}


def small(task: Task, dataset: str) -> DimerRecipe:
    training = TrainingConfig(
        passes=150, batch_size=64, learning_rate=3e-3, averaging=0.98, validate_every=50
    )
    return DimerRecipe(
        task=task, dataset=dataset, network=NetworkConfig(hidden=32, layers=1), training=training
    )


@dataclass(frozen=True)
class GivenDimers:
    segments: Segments


class DimerModel(GenerativeModel[MoleculeBatch, GivenDimers, Request]):
    recipe: DimerRecipe
    statistics: MoleculeStatistics
    components: ClassVar[Mapping[str, int]] = {"distance": 1}

    def __init__(self, recipe: DimerRecipe, statistics: MoleculeStatistics) -> None:
        super().__init__()
        self.recipe, self.statistics = recipe, statistics
        self.flow = ProductFlow(flows={"distance": recipe.distance.build()}, levels={"distance": "graph"})
        hidden = recipe.network.hidden
        self.network = nn.Sequential(
            nn.Linear(2, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, 1)
        )

    def targets(self, batch: MoleculeBatch) -> dict[str, Tensor]:
        first, second = batch.positions.view(-1, 2, 3).unbind(1)
        return {"distance": ((second - first).norm(dim=-1).log()[:, None] - MEAN) / SPREAD}

    def given(self, batch: MoleculeBatch, *, source: RngSource) -> GivenDimers:  # noqa: ARG002
        return GivenDimers(batch.segments)

    def given_for(self, requests: Sequence[Request], device: torch.device) -> GivenDimers:
        return GivenDimers(Segments.from_counts([2] * len(requests)).to(device))

    def blank(self, given: GivenDimers) -> dict[str, Tensor]:
        return {"distance": torch.zeros(given.segments.num_graphs, 1)}

    def predict(
        self, states: States, time: Float[Tensor, " graphs"], given: GivenDimers
    ) -> dict[str, Tensor]:
        features = self.flow.features(states, time, segments=given.segments)
        return {"distance": self.network(torch.cat([features["distance"].value, time[:, None]], -1))}

    def samples(
        self,
        targets: Mapping[str, Tensor],
        outputs: Mapping[str, Tensor],  # noqa: ARG002
        given: GivenDimers,  # noqa: ARG002
        requests: Sequence[Request],
    ) -> list[Sample]:
        distances = (targets["distance"][:, 0] * SPREAD + MEAN).exp().tolist()
        return [
            Sample(request=request, structure=Atoms("Ar2", [(0.0, 0.0, 0.0), (d, 0.0, 0.0)]))
            for request, d in zip(requests, distances, strict=True)
        ]


class Dimers(Generator[DimerModel, Request]):
    kinds = ("dimers",)

    def sample(self, *, num: int, seed: int) -> list[Atoms]:
        requests = [Request(id=str(k), seed=seed + k, num_atoms=2) for k in range(num)]
        return [s.molecule for s in self.samples(requests, steps=20) if s.molecule is not None]


def dimers(recipe: DimerRecipe, split: str, root: Path | None) -> MoleculeDataset:
    generator = torch.Generator().manual_seed(0 if split == "train" else 1)
    distances = (MEAN + SPREAD * torch.randn(256, generator=generator)).exp().tolist()
    atoms = [Atoms("Ar2", [(0.0, 0.0, 0.0), (0.0, d, 0.0)]) for d in distances]
    return MoleculeDataset.from_atoms(atoms)


RECIPES = Recipes(schema=DimerRecipe, presets={"small": small})
DIMERS = Kind(
    title="Dimers",
    noun="dimers",
    example="argon",
    load=dimers,
    summarise=MoleculeStatistics.of,
    parse=MoleculeStatistics.from_json,
    build=DimerModel,
    write=write_molecules,
    describe=lambda statistics: "2 atoms",  # noqa: ARG005
    generator=Dimers,
)


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one entry."""
    sys.modules.setdefault("dimers", sys.modules[__name__])
    monkeypatch.setitem(MODELS, "dimers", ModelEntry(("dng",), "dimers:RECIPES", "dimers:DIMERS"))


def test_a_kind_from_outside_trains_and_samples(joined: None, tmp_path: Path) -> None:
    app: Any = new_app("Dimers.")
    add_train(app, "dimers")
    add_info(app, "dimers", data="argon")
    (tmp_path / "argon").mkdir()
    words = ["train", "--data", str(tmp_path / "argon"), "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["model"] == "dimers"
    described = CliRunner().invoke(app, ["info", str(tmp_path / "run")], catch_exceptions=False)
    assert "Dimers, 32 wide" in described.output
    model: Any = load(str(tmp_path / "run"))
    assert isinstance(model, Dimers)
    found = torch.tensor(
        [math.log(float(atoms.get_distance(0, 1))) for atoms in model.sample(num=300, seed=0)]
    )
    assert float(found.mean()) == pytest.approx(MEAN, abs=5 * SPREAD / math.sqrt(300) + 0.01)
    assert float(found.std()) == pytest.approx(SPREAD, rel=0.3)


def test_a_kind_that_has_not_joined_is_unknown() -> None:
    values = small("dng", "argon").model_dump(mode="json")
    with pytest.raises(UsageError, match="there is no model 'dimers'"):
        read_recipe(values, source="recipe.json")


def test_its_presets_are_the_kind_s(joined: None) -> None:
    assert isinstance(preset("small", task="dng", dataset="argon", model="dimers"), DimerRecipe)
