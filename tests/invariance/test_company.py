"""A structure's losses and samples do not depend on what is in the batch beside it: SymmBFN and GeoBFN."""

from typing import Any

import pytest
import torch

from epitaxy.apps.config import apply_overrides
from epitaxy.apps.foundation.names import ModelName
from epitaxy.apps.generative.kind import AnyModel, kind_of
from epitaxy.apps.generative.recipes import preset
from epitaxy.geometry import StructureRng

CASES: list[tuple[ModelName, str, tuple[str, ...]]] = [
    ("symmbfn", "prototypes", ("species.kind=categorical_bfn", 'conditioning.properties=["density"]')),
    (
        "symmbfn",
        "prototypes",
        ("network.multiplicities=true", "network.composition=true"),
    ),
    ("geobfn", "g2", ()),
    (
        "geobfn",
        "g2",
        ("atoms.kind=discrete_discretised", "network.kind=moleculenet", 'network.equivariance="SE(3)"'),
    ),
]
STRUCTURES = 8


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{len(case[2])}")
def case(request: pytest.FixtureRequest) -> tuple[AnyModel, Any]:
    """A model in float64 and a dataset."""
    name, data, words = request.param
    recipe = preset("small", model=name, task="dng", dataset=data)
    sizes = ("network.hidden=24", "network.layers=2", "network.time_dim=8")
    recipe = apply_overrides(recipe, [*sizes, *words])
    family = kind_of(name)
    dataset = family.load(recipe, "val", None)
    torch.manual_seed(0)
    return family.build(recipe, family.summarise(dataset)).double(), dataset


def test_alone_and_in_company_the_losses_are_the_same(case: tuple[AnyModel, Any]) -> None:
    model, dataset = case
    times = (1 + torch.arange(STRUCTURES).double()) / (STRUCTURES + 2)

    def losses(chosen: list[int]) -> tuple[dict[str, float], torch.Tensor]:
        batch = dataset.batch(chosen, dtype=torch.float64)
        source = StructureRng(torch.tensor(chosen), batch.segments)
        found = model.losses(batch, times[chosen], source=source)
        return {name: float(loss.detach()) for name, loss in found.items()}, batch.segments.counts.double()

    together, sizes = losses(list(range(STRUCTURES)))
    alone = [losses([k])[0] for k in range(STRUCTURES)]
    for name, loss in together.items():
        weights = torch.ones_like(sizes) if model.flow.levels[name] == "graph" else sizes
        mean = sum(float(w) * one[name] for w, one in zip(weights, alone, strict=True)) / float(weights.sum())
        assert loss == pytest.approx(mean, rel=1e-5)
