"""What no loss and no sample may depend on, with flows and networks put together."""

from itertools import product

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from epitaxy.apps.config.overrides import apply_overrides
from epitaxy.apps.crystals.data import load_crystals
from epitaxy.apps.crystals.model import CrystalModel
from epitaxy.apps.foundation.names import ModelName, Task
from epitaxy.apps.generative.recipes import preset
from epitaxy.data import CrystalDataset, Statistics
from epitaxy.geometry import CrystalBatch, FlatTorus, StructureRng
from epitaxy.geometry.testing import random_orthogonal

SIZE = ("network.hidden=16", "network.layers=2", "network.time_dim=8")
NETWORKS = {
    "cspnet": ("network.kind=cspnet", "network.frequencies=4", *SIZE),
    "rotary": ("network.kind=rotary", "network.heads=2", *SIZE),
}
NETWORKS["told"] = (*NETWORKS["rotary"], 'conditioning.properties=["density"]')
TOLD: list[tuple[ModelName, Task, str]] = [("crysbfn", "csp", "told"), ("kldm", "dng", "told")]
MODELS: tuple[ModelName, ...] = ("crysbfn", "kldm")
TASKS: tuple[Task, ...] = ("csp", "dng")
CASES = [*product(MODELS, TASKS, ("cspnet", "rotary")), *TOLD]


@pytest.fixture(scope="module")
def crystals() -> CrystalDataset:
    return load_crystals("prototypes", "val", limit=12)


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def model(request: pytest.FixtureRequest, crystals: CrystalDataset) -> CrystalModel:
    name, task, network = request.param
    torch.manual_seed(0)
    base = preset("small", model=name, task=task, dataset="prototypes")
    made = apply_overrides(base, NETWORKS[network])
    model = CrystalModel(made, Statistics.of(crystals)).double()
    for weight in model.network.parameters():
        if network == "told" and not bool(weight.any()):  # begins without effect
            torch.nn.init.normal_(weight, std=0.1)
    return model


def batch(crystals: CrystalDataset) -> CrystalBatch:
    return crystals.batch(range(len(crystals)), dtype=torch.float64)


def losses(model: CrystalModel, crystals: CrystalBatch, seed: int) -> dict[str, float]:
    """Each field's loss, with noise that belongs to each structure."""
    graphs = crystals.segments.num_graphs
    source = StructureRng(torch.arange(graphs) + seed, crystals.segments)
    found = model.losses(crystals, times(model, torch.arange(graphs)), source=source)
    return {name: float(loss.detach()) for name, loss in found.items()}


def times(model: CrystalModel, structures: torch.Tensor) -> torch.Tensor:
    """A time for each structure, never 0: what is drawn there knows nothing of the data, nor where it is."""
    grid = model.flow.grid or 1000
    return (1 + structures * 71 % (grid - 1)).double() / grid


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31), shift=st.floats(-2.0, 2.0))
def test_moving_a_crystal_changes_no_loss(
    model: CrystalModel, crystals: CrystalDataset, seed: int, shift: float
) -> None:
    here = batch(crystals)
    rng = torch.Generator().manual_seed(seed)
    move = torch.rand(here.segments.num_graphs, 3, generator=rng, dtype=torch.float64) + shift
    there = replaced(here, positions=FlatTorus().project(here.positions + here.segments.expand(move)))
    assert losses(model, there, seed) == pytest.approx(losses(model, here, seed), rel=1e-6, abs=1e-9)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_turning_a_crystal_changes_no_loss_of_an_invariant_form(
    model: CrystalModel, crystals: CrystalDataset, seed: int
) -> None:
    """Nor does mirroring: six numbers know neither.

    A matrix turns, and its noise would have to turn with it: on average only.
    """
    if model.recipe.lattice_form.kind == "matrix":
        pytest.skip("the noise of a lattice matrix is invariant in law, not number by number")
    here = batch(crystals)
    rng = torch.Generator().manual_seed(seed)
    q = random_orthogonal(here.segments.num_graphs, rng=rng, reflections=True)
    turned = replaced(here, lattice=here.lattice @ q)
    assert losses(model, turned, seed) == pytest.approx(losses(model, here, seed), rel=1e-6, abs=1e-9)


def test_a_crystal_alone_has_the_loss_it_has_in_company(
    model: CrystalModel, crystals: CrystalDataset
) -> None:
    together = batch(crystals)
    sizes = together.segments.counts.double()
    alone = []
    for k in range(len(crystals)):
        one = crystals.batch([k], dtype=torch.float64)
        source = StructureRng(torch.tensor([k]), one.segments)
        lost = model.losses(one, times(model, torch.tensor([k])), source=source)
        alone.append({name: float(loss.detach()) for name, loss in lost.items()})
    found = losses(model, together, 0)
    for name in found:
        weights = torch.ones_like(sizes) if name == "lattice" else sizes
        mean = sum(float(w) * loss[name] for w, loss in zip(weights, alone, strict=True)) / float(
            weights.sum()
        )
        assert found[name] == pytest.approx(mean, rel=1e-5)


def replaced(crystals: CrystalBatch, **changes: torch.Tensor) -> CrystalBatch:
    fields = {name: getattr(crystals, name) for name in ("positions", "lattice", "numbers")} | changes
    return CrystalBatch(
        segments=crystals.segments, ids=crystals.ids, properties=crystals.properties, **fields
    )
