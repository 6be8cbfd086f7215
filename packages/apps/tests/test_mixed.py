"""Any flow on any modality that its manifold fits, by configuration alone."""

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from epitaxy.apps import KLDM, UsageError
from epitaxy.apps.config import apply_overrides
from epitaxy.apps.crystals.data import load_crystals
from epitaxy.apps.crystals.generator import CrystalGenerator
from epitaxy.apps.crystals.lattice_form import MatrixForm, ParameterForm, lattice_form
from epitaxy.apps.crystals.model import CrystalModel
from epitaxy.apps.crystals.recipe import CrystalRecipe
from epitaxy.apps.foundation.folders import METRICS
from epitaxy.apps.generative.recipes import preset
from epitaxy.apps.sampling.generate import with_sampler
from epitaxy.apps.training.metrics import read_metrics
from epitaxy.data import CrystalDataset, Statistics
from epitaxy.geometry import SharedRng, gram

POSITIONS = ("circular_bfn", "kinetic")
LATTICE = ("gaussian_bfn", "variance_preserving")
FORMS = ("matrix", "parameters")
SPECIES = (None, "categorical_bfn", "one_hot", "analog_bits", "absorbing")
SIZE = ("network.hidden=16", "network.layers=2", "network.time_dim=8")
NETWORKS = {
    "cspnet": ("network.kind=cspnet", "network.frequencies=3", *SIZE),
    "rotary": ("network.kind=rotary", "network.heads=2", *SIZE),
}


def mixed(
    positions: str, lattice: str, form: str, species: str | None, network: str = "cspnet"
) -> CrystalRecipe:
    words = [f"positions.kind={positions}", f"lattice.kind={lattice}", f"lattice_form.kind={form}"]
    words += [f"species.kind={species}"] if species else []
    if positions == "circular_bfn":  # whose state at a time is drawn step by step: 50, not 1,000
        parts = {"positions": positions, "lattice": lattice, "species": species}
        words += [f"{part}.grid=50" for part, kind in parts.items() if kind and kind.endswith("_bfn")]
    base = preset("small", model="kldm", task="dng" if species else "csp", dataset="prototypes")
    return apply_overrides(base, [*NETWORKS[network], *words])


@pytest.mark.parametrize(
    ("positions", "lattice", "form", "species", "network"),
    list(product(POSITIONS, LATTICE, FORMS, SPECIES, NETWORKS)),
)
def test_every_mixture_has_losses_gradients_and_samples(
    positions: str, lattice: str, form: str, species: str | None, network: str, crystals: CrystalDataset
) -> None:
    recipe = mixed(positions, lattice, form, species, network)
    torch.manual_seed(0)
    model = CrystalModel(recipe, Statistics.of(crystals))
    batch = crystals.batch(range(12))
    source = SharedRng(torch.Generator().manual_seed(0))
    losses = model.losses(batch, torch.linspace(0, 0.99, 12), source=source)
    assert set(losses) == {"positions", "lattice"} | ({"species"} if species else set())
    model.weighted(losses).backward()
    gradients = [p.grad for p in model.network.parameters() if p.grad is not None]
    assert gradients
    assert all(bool(g.isfinite().all()) for g in gradients)
    generator = CrystalGenerator(model)
    requests = generator.requests(formula=None if species else "NaCl", num=2, seed=0)
    made = generator.samples(requests, steps=3)
    assert [sample.request for sample in made] == requests
    assert all(sample.structure is not None or sample.reason for sample in made)


@pytest.mark.parametrize("sampler", ["ancestral", "exponential", "predictor_corrector", "published_pc"])
def test_a_sampler_reaches_the_flows_that_have_it(sampler: str, crystals: CrystalDataset) -> None:
    model = CrystalModel(mixed("kinetic", "variance_preserving", "parameters", None), Statistics.of(crystals))
    generator = CrystalGenerator(model)
    requests = generator.requests(formula="NaCl", num=2, seed=0)
    flow = with_sampler(model.flow, sampler)
    with_it = {name for name, one in model.flow.flows.items() if sampler in one.samplers}
    assert with_it
    for name, one in flow.flows.items():
        assert getattr(one, "sampler", None) == (
            sampler if name in with_it else getattr(model.flow.flows[name], "sampler", None)
        )
    assert all(
        s.crystal is not None or s.reason for s in generator.samples(requests, steps=4, sampler=sampler)
    )
    with pytest.raises(UsageError, match="ancestral"):
        generator.samples(requests, steps=4, sampler="bayes")


def test_the_kind_of_a_flow_brings_its_own_keys() -> None:
    base = preset("small", model="kldm", task="csp", dataset="mp_20")
    assert apply_overrides(base, ["positions.horizon=3"]).positions.model_dump()["horizon"] == 3
    swapped = apply_overrides(base, ["positions.kind=circular_bfn", "positions.grid=100"])
    assert swapped.positions.model_dump()["grid"] == 100
    with pytest.raises(UsageError, match=r"positions\.horizon"):
        apply_overrides(base, ["positions.kind=circular_bfn", "positions.horizon=3"])
    with pytest.raises(UsageError, match="magic"):
        apply_overrides(base, ["positions.kind=magic"])


def test_weights_follow_the_treatment_of_types() -> None:
    base = preset("small", model="kldm", task="dng", dataset="mp_20")
    for kind, weight in {"one_hot": 20.0, "analog_bits": 1.0, "absorbing": 0.33}.items():
        assert apply_overrides(base, [f"species.kind={kind}"]).loss_weights["species"] == weight
    assert apply_overrides(base, ["weights.species=3"]).loss_weights["species"] == 3.0


@pytest.mark.parametrize("form", ["matrix", "parameters"])
def test_lattices_come_back(form: str, crystals: CrystalDataset) -> None:
    statistics = Statistics.of(crystals)
    made = lattice_form(mixed("kinetic", "variance_preserving", form, None).lattice_form, statistics)
    assert isinstance(made, MatrixForm | ParameterForm)
    batch = crystals.batch(range(len(crystals)))
    lattice, counts = batch.lattice.double(), batch.segments.counts
    code = made.encode(lattice, counts)
    assert code.shape == (len(crystals), *made.shape)
    assert (
        float((gram(made.decode(code, counts)) - gram(lattice)).abs().max())
        < 1e-9 * float(lattice.abs().max()) ** 2
    )
    if form == "parameters":  # standardised, but for what was trimmed
        assert float(code[:, :3].mean(0).abs().max()) < 0.2


def test_older_statistics_have_no_lengths(crystals: CrystalDataset) -> None:
    fields = json.loads(Statistics.of(crystals).to_json()) | {"format": 1}
    del fields["lengths"]
    old = Statistics.from_json(json.dumps(fields))
    with pytest.raises(UsageError, match="train again"):
        CrystalModel(mixed("kinetic", "variance_preserving", "parameters", None), old)


def test_a_mixed_recipe_trains_and_samples(make_run: Callable[..., Path], tmp_path: Path) -> None:
    """Circular Bayesian flow with a variance-preserving lattice."""
    words = ("positions.grid=50", "lattice.kind=variance_preserving", "lattice_form.kind=parameters")
    run = make_run(tmp_path / "run", "csp", *words)
    rows = read_metrics(run / METRICS)
    assert {row["split"] for row in rows} == {"train", "val"}
    assert all(np.isfinite(float(row[field])) for row in rows for field in ("loss", "positions", "lattice"))
    generator = CrystalGenerator.load(str(run))
    requests = generator.requests(formula="NaCl", num=2, seed=0)
    made = generator.samples(requests, steps=4)
    assert [sample.request for sample in made] == requests
    for sample in made:
        assert (
            sample.reason if sample.crystal is None else sample.crystal.composition.reduced_formula == "NaCl"
        )


def test_kldm_trains_and_samples(make_run: Callable[..., Path], tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "dng", model="kldm")
    model = KLDM.load(str(run))
    one, again = (model.sample(num=3, steps=4, seed=1, batch_size=size) for size in (3, 1))
    assert [s.composition for s in one] == [s.composition for s in again]


def train_a_little(recipe: CrystalRecipe, cells: CrystalDataset) -> None:
    """Six steps, every second one in bf16 autocast, at times up to both ends: everything stays finite."""
    model = CrystalModel(recipe, Statistics.of(cells))
    batch = cells.batch(range(len(cells)))
    optimiser = torch.optim.AdamW(model.network.parameters(), lr=1e-3)
    for step in range(6):
        source = SharedRng(torch.Generator().manual_seed(step))
        times = torch.rand(len(cells), generator=torch.Generator().manual_seed(step))
        times[0], times[1] = 0.0, 1 - 1e-7
        with torch.autocast("cpu", torch.bfloat16, enabled=step % 2 == 1):
            loss = model.weighted(model.losses(batch, times, source=source))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        assert bool(loss.isfinite())
    assert all(bool(p.isfinite().all()) for p in model.network.parameters())


@pytest.mark.parametrize("species", [None, "one_hot", "analog_bits", "absorbing"])
def test_large_and_single_atom_cells_train(species: str | None, large_cells: CrystalDataset) -> None:
    """Cells of 1 to 52 atoms."""
    train_a_little(mixed("kinetic", "variance_preserving", "parameters", species), large_cells)


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "split"), [("carbon_24_unique", "train"), ("mpts_52", "val")])
@pytest.mark.parametrize("species", [None, "absorbing"])
def test_the_large_cells_of_the_papers_train(name: str, split: str, species: str | None) -> None:
    cells = load_crystals(name, split)
    largest = cells.counts.argsort(descending=True)[:24].tolist()
    train_a_little(mixed("kinetic", "variance_preserving", "parameters", species), cells.subset(largest))
