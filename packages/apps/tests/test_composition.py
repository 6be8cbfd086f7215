"""The composition: weights, averages, optimiser, hiding, standardising, guidance reach what they are for.

Each test is against a deliberate error that once survived: the two weights swapped, the average turned round,
validation on raw weights, sums for means, targets as they come, nothing hidden, a bank that stays as it was.
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from safetensors.torch import load_file
from torch import Tensor

from epitaxy.apps import UsageError
from epitaxy.apps.config import Recipe, apply_overrides
from epitaxy.apps.foundation.names import ModelName, Task
from epitaxy.apps.generative.dataset import draw
from epitaxy.apps.generative.kind import AnyModel, kind_of
from epitaxy.apps.generative.recipes import preset
from epitaxy.apps.training.averaging import AveragedNetwork
from epitaxy.apps.training.metrics import read_metrics
from epitaxy.apps.training.module import TrainingModule
from epitaxy.apps.training.run import open_run, train
from epitaxy.apps.training.times import stratified_times
from epitaxy.flows import CircularBFN
from epitaxy.geometry import Segments, SharedRng
from epitaxy.models import UNKNOWN

MODELS: tuple[ModelName, ...] = ("crysbfn", "kldm", "symmbfn", "geobfn")
TOLD: Mapping[ModelName, str] = {
    "crysbfn": "density", "kldm": "density", "symmbfn": "density", "geobfn": "atoms",
}  # fmt: skip
"""A property of the embedded data, for each model."""
TOLD_AND_TASKS: list[tuple[ModelName, Task]] = [
    *((name, "dng") for name in TOLD), ("crysbfn", "csp"), ("kldm", "csp"),
]  # fmt: skip

Makes = Callable[..., Recipe]


def numbered(dataset: Any) -> Any:
    """Return the same molecules with their number of atoms as a property; crystals have some of their own."""
    if "atoms" in dataset.properties or not hasattr(dataset, "from_atoms"):
        return dataset
    return type(dataset)(
        ids=dataset.ids, counts=dataset.counts, numbers=dataset.numbers, positions=dataset.positions,
        properties={"atoms": dataset.counts.double()},
    )  # fmt: skip


def made(recipe: Recipe, *, structures: int = 24) -> tuple[AnyModel, Any]:
    """Return a fresh model of a recipe, and its training data."""
    family = kind_of(recipe.model)
    data = numbered(draw(family.load(recipe, "train", None), structures))
    torch.manual_seed(0)
    return family.build(recipe, family.summarise(data)), data


def told(make_recipe: Makes, model: ModelName, *words: str, task: Task = "dng") -> tuple[AnyModel, Any]:
    return made(make_recipe(task, f'conditioning.properties=["{TOLD[model]}"]', *words, model=model))


def asking(model: AnyModel) -> tuple[Any, dict[str, Any]]:
    """Return the model's Python class, and words that ask it for structures of a few atoms."""
    recipe = model.recipe
    words: dict[str, Any] = {"num_atoms": 4}
    if recipe.model == "symmbfn":
        words = {"spacegroup": 62}
    elif recipe.task == "csp":
        symbols = model.statistics.vocabulary.symbols  # type: ignore[attr-defined]  # every model's statistics have one
        words = {"formula": f"{symbols[0]}{symbols[-1]}", "formula_units": 2}
    return kind_of(recipe.model).generator(model), words


# Weights and means ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_each_loss_has_its_own_weight(name: ModelName, make_recipe: Makes) -> None:
    model, _ = made(make_recipe("dng", model=name))
    names = list(type(model.recipe.weights).model_fields)  # type: ignore[attr-defined]  # each kind of recipe has its own
    words = [f"weights.{field}={7 + k}" for k, field in enumerate(names)]
    model.recipe = apply_overrides(model.recipe, words)
    for k, field in enumerate(names):
        alone = {other: torch.tensor(float(other == field)) for other in names}
        assert float(model.weighted(alone)) == 7 + k, field


@pytest.mark.parametrize(
    ("kind", "weight"),
    [("categorical_bfn", 1.0), ("one_hot", 20.0), ("analog_bits", 1.0), ("absorbing", 0.33)],
)
def test_species_have_the_weight_published_with_their_flow(
    kind: str, weight: float, make_recipe: Makes
) -> None:
    """KLDM, App. I: 20 for one-hot, 1 for analog bits, 0.33 for the mask. One that is given counts."""
    recipe = apply_overrides(make_recipe("dng", model="kldm"), [f"species.kind={kind}"])
    assert recipe.loss_weights == {"positions": 1.0, "lattice": 1.0, "species": weight}
    assert apply_overrides(recipe, ["weights.species=3"]).loss_weights["species"] == 3.0


COMPONENTS = [
    ("crysbfn", (), {"positions": 3, "lattice": 9, "species": 1}),
    ("kldm", (), {"positions": 3, "lattice": 6, "species": 1}),
    ("kldm", ("species.kind=one_hot",), {"positions": 3, "lattice": 6, "species": "elements"}),
    ("kldm", ("species.kind=analog_bits",), {"positions": 3, "lattice": 6, "species": "bits"}),
    ("symmbfn", (), {"positions": 3, "lattice": 6, "species": 1, "symmetry": 15}),
    ("geobfn", (), {"positions": 3, "charges": 1}),
]


@pytest.mark.parametrize(("name", "words", "components"), COMPONENTS)
def test_losses_are_means_over_rows_and_components(
    name: ModelName, words: tuple[str, ...], components: Mapping[str, Any], make_recipe: Makes
) -> None:
    """As the flows' own losses, sums over an event, replayed on the same noise and divided by hand."""
    model, data = made(make_recipe("dng", *words, model=name))
    elements = len(model.statistics.vocabulary)  # type: ignore[attr-defined]  # every model's statistics have one
    sizes = {"elements": elements, "bits": math.ceil(math.log2(elements))}
    batch, segments = data.batch(range(8)), data.batch(range(8)).segments
    times = torch.linspace(0.1, 0.9, 8)
    time = times if model.flow.grid is None else (times * model.flow.grid).floor() / model.flow.grid
    with torch.no_grad():
        found = model.losses(batch, time, source=SharedRng(torch.Generator().manual_seed(3)))
        source = SharedRng(torch.Generator().manual_seed(3))
        targets, given = model.targets(batch), model.given(batch, source=source)
        flow = model.flow_on(model.flow, given)
        states = flow.corrupt(targets, time, segments=segments, source=source)
        outputs = model.predict(states, time, given)
        rows = flow.loss(outputs, targets, states, time, segments=segments, source=source)
    assert set(found) == set(components) == set(rows)
    for field, count in components.items():
        expected = rows[field].sum() / len(rows[field]) / sizes.get(count, count)
        torch.testing.assert_close(found[field], expected, msg=field)


def test_what_training_minimises_is_the_weighted_sum(make_recipe: Makes, tmp_path: Path) -> None:
    recipe = make_recipe("csp", "weights.positions=2.0", "weights.lattice=0.25")
    run(recipe, tmp_path / "run")
    rows = read_metrics(tmp_path / "run" / "metrics.csv")
    assert {row["split"] for row in rows} == {"train", "val"}
    for row in rows:
        expected = 2.0 * float(row["positions"]) + 0.25 * float(row["lattice"])
        assert float(row["loss"]) == pytest.approx(expected, rel=1e-3)


# The optimiser and the average ------------------------------------------------------------------------------


def run(recipe: Recipe, out: Path, *watching: Callback) -> None:
    """Train on a few crystals."""
    family = kind_of(recipe.model)
    data = {"train_data": draw(family.load(recipe, "train", None), 24)}
    data["val_data"] = draw(family.load(recipe, "val", None), 8)
    train(open_run(out, recipe, resume=False), out, **data, callbacks=watching)


@pytest.mark.parametrize("name", MODELS)
def test_the_optimiser_is_the_recipes(name: ModelName, make_recipe: Makes) -> None:
    words = ("training.learning_rate=0.003", "training.weight_decay=0.07", "training.amsgrad=true")
    for recipe in (make_recipe("dng", *words, model=name), make_recipe("dng", model=name)):
        model, _ = made(recipe)
        optimiser = TrainingModule(model, total_steps=10).configure_optimizers()["optimizer"]
        assert type(optimiser) is torch.optim.AdamW
        (group,) = optimiser.param_groups
        wanted = recipe.training
        assert group["initial_lr"] == wanted.learning_rate
        assert (group["weight_decay"], group["amsgrad"]) == (wanted.weight_decay, wanted.amsgrad)
        assert (group["betas"], group["eps"]) == ((0.9, 0.999), 1e-8)
        assert {id(p) for p in group["params"]} == {id(p) for p in model.network.parameters()}


class Watching(Callback):
    """Keeps the raw weights after every step."""

    def __init__(self) -> None:
        self.start: dict[str, Tensor] = {}
        self.steps: list[dict[str, Tensor]] = []

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        self.start = self.weights(pl_module)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:  # noqa: ARG002
        self.steps.append(self.weights(pl_module))

    @staticmethod
    def weights(module: L.LightningModule) -> dict[str, Tensor]:
        assert isinstance(module, TrainingModule)
        return {name: p.detach().double().clone() for name, p in module.model.network.named_parameters()}


def test_published_weights_are_the_average_of_those_on_the_way(make_recipe: Makes, tmp_path: Path) -> None:
    """Recomputed from every step's raw weights: the first is taken whole, then d a + (1 - d) w, warmed up."""
    watching, decay = Watching(), 0.8
    run(make_recipe("csp", f"training.averaging={decay}"), tmp_path / "run", watching)
    expected = watching.steps[0]
    for n, weights in enumerate(watching.steps[1:], start=1):
        keep = min(decay, (1 + n) / (10 + n))
        expected = {name: keep * expected[name] + (1 - keep) * weights[name] for name in expected}
    found = load_file(tmp_path / "run" / "model" / "model.safetensors")
    last = watching.steps[-1]
    moved = {name for name in last if not torch.allclose(last[name], watching.start[name])}
    assert len(watching.steps) > 10
    assert moved
    for name, average in expected.items():
        published = found[name].double()
        torch.testing.assert_close(published, average, rtol=1e-4, atol=1e-6, msg=name)
    assert any(not torch.allclose(found[name].double(), last[name], rtol=1e-3) for name in moved)


def test_tables_of_a_network_are_not_averaged() -> None:
    """Infinities in them have no mean, and masks none either."""
    network = torch.nn.Linear(2, 2)
    network.register_buffer("absent", torch.tensor([0.0, -torch.inf]))
    network.register_buffer("taken", torch.tensor([True, False]))
    averaged = AveragedNetwork(network, 0.9)
    first = network.weight.detach().clone()
    averaged.update_parameters(network)
    with torch.no_grad():
        network.weight.add_(1.0)
        network.taken[1] = True
    averaged.update_parameters(network)
    assert averaged.module.absent.tolist() == [0.0, -torch.inf]
    assert averaged.module.taken.tolist() == [True, True]
    decay = (1 + 1) / (10 + 1)
    torch.testing.assert_close(averaged.module.weight, first + (1 - decay), rtol=0, atol=1e-6)


def test_without_averaging_the_last_weights_are_published(make_recipe: Makes, tmp_path: Path) -> None:
    watching = Watching()
    run(make_recipe("csp", "training.averaging=null"), tmp_path / "run", watching)
    found = load_file(tmp_path / "run" / "model" / "model.safetensors")
    for name, weights in watching.steps[-1].items():
        torch.testing.assert_close(found[name].double(), weights)


def test_validation_draws_uniform_times_whatever_training_draws(
    make_recipe: Makes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, float]] = []

    def watched(graphs: int, grid: int | None, generator: torch.Generator, drawn: Any) -> Tensor:
        times = stratified_times(graphs, grid, generator, drawn)
        seen.append((drawn.kind, float(times.min())))
        return times

    monkeypatch.setattr("epitaxy.apps.training.module.stratified_times", watched)
    words = 'training.times={"kind":"logit_normal","mean":20,"std":0.1}'
    run(make_recipe("csp", words, "training.validate_every=1"), tmp_path / "run")
    kinds = {kind for kind, _ in seen}
    assert kinds == {"uniform", "logit_normal"}
    assert all(least > 0.9 for kind, least in seen if kind == "logit_normal")
    assert any(least < 0.5 for kind, least in seen if kind == "uniform")


@pytest.mark.parametrize(("averaging", "seen"), [("0.9", "averaged"), ("null", "raw")])
def test_validation_looks_at_what_is_published(
    averaging: str, seen: str, make_recipe: Makes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other weights are made NaN: it must not notice; its own are: it must."""
    model, data = made(make_recipe("csp", f"training.averaging={averaging}"))
    module = TrainingModule(model, total_steps=10)
    networks = {"raw": model.network}
    if module.averaged is not None:
        networks["averaged"] = module.averaged.module
    logged: dict[str, Tensor] = {}
    monkeypatch.setattr(module, "log_dict", lambda values, **_: logged.update(values))

    def loss() -> float:
        module.validation_step(data.batch(range(8)), 0)
        return float(logged["val/loss"])

    healthy = loss()
    for name, network in networks.items():
        kept = {key: value.clone() for key, value in network.state_dict().items()}
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.fill_(torch.nan)
        assert math.isnan(loss()) == (name == seen), name
        network.load_state_dict(kept)
    assert loss() == healthy
    assert module.model.network is networks["raw"]


# The bank ---------------------------------------------------------------------------------------------------


class Rounds(Callback):
    """Keeps the round of the bank at every step."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:  # noqa: ARG002
        assert isinstance(pl_module, TrainingModule)
        positions = pl_module.model.flow.flows["positions"]
        assert isinstance(positions, CircularBFN)
        self.seen.append(positions.bank.round)


def test_the_bank_is_renewed_as_training_goes_on(make_recipe: Makes, tmp_path: Path) -> None:
    rounds = Rounds()
    run(make_recipe("csp", "training.bank_refresh=2"), tmp_path / "run", rounds)
    assert rounds.seen == [step // 2 for step in range(len(rounds.seen))]
    assert len(set(rounds.seen)) > 4


# Properties -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "task"), TOLD_AND_TASKS)
def test_training_hides_properties_as_often_as_the_recipe_says(
    name: ModelName, task: Task, make_recipe: Makes
) -> None:
    """Shares of 20 batches of 24, within 5 standard deviations (6e-7); what is shown is standardised."""
    share = 0.3
    model, data = told(make_recipe, name, f"conditioning.hide={share}", task=task)
    batch, property_ = data.batch(range(24)), TOLD[name]
    values = data.properties[property_]
    wanted = ((values - values.mean()) / values.std(correction=0)).float()
    hidden = 0
    for seed in range(20):
        shown = model.given(batch, source=SharedRng(torch.Generator().manual_seed(seed))).properties[:, 0]
        there = ~shown.isnan()
        torch.testing.assert_close(shown[there], wanted[there], rtol=1e-4, atol=1e-5)
        hidden += int(shown.isnan().sum())
    expected, rows = 1 - (1 - share) ** 2, 20 * 24
    assert abs(hidden / rows - expected) < 5 * math.sqrt(expected * (1 - expected) / rows)
    never, _ = told(make_recipe, name, "conditioning.hide=0.0", task=task)
    shown = never.given(batch, source=SharedRng(torch.Generator().manual_seed(0))).properties
    assert not shown.isnan().any()


@pytest.mark.parametrize("name", ["crysbfn", "kldm"])
def test_training_hides_elements_as_often_as_the_recipe_says(name: ModelName, make_recipe: Makes) -> None:
    """Whole elements or all of a structure's; within 5 standard deviations (6e-7); none in validation."""
    share = 0.3
    model, data = made(make_recipe("csp", f"conditioning.hide_elements={share}", model=name))
    batch = data.batch(range(24))
    told = model.encode(batch.numbers)
    elements = set(zip(batch.segments.index.tolist(), told.tolist(), strict=True))
    hidden = whole = 0
    for seed in range(20):
        source = SharedRng(torch.Generator().manual_seed(seed))
        shown = model.train().given(batch, source=source).species
        away = shown == UNKNOWN
        assert torch.equal(shown[~away], told[~away])
        places = zip(batch.segments.index.tolist(), told.tolist(), away.tolist(), strict=True)
        states = {(graph, element, gone) for graph, element, gone in places}
        assert len(states) == len(elements)  # at all its atoms, or at none
        hidden += sum(gone for *_, gone in states)
        whole += 24 - len({graph for graph, _, gone in states if not gone})
        assert torch.equal(model.eval().given(batch, source=source).species, told)
    sizes = torch.tensor([float(sum(graph == g for graph, _ in elements)) for g in range(24)])
    all_hidden = share + (1 - share) * share**sizes  # at once, or each by itself
    assert abs(whole - 20 * all_hidden.sum()) < 5 * (20 * (all_hidden * (1 - all_hidden)).sum()).sqrt()
    mean = (sizes * (share + (1 - share) * share)).sum()
    by_itself, at_once = sizes * share * (1 - share) ** 2, share * (1 - share) * (sizes * (1 - share)) ** 2
    variance = (by_itself + at_once).sum()
    assert abs(hidden - 20 * mean) < 5 * (20 * variance).sqrt()


def test_a_recipe_that_hides_no_element_draws_nothing_for_it(make_recipe: Makes) -> None:
    model, data = made(make_recipe("csp"))
    noise = torch.Generator().manual_seed(0)
    before = noise.get_state()
    model.train().given(data.batch(range(4)), source=SharedRng(noise))
    assert torch.equal(noise.get_state(), before)


def test_only_given_elements_can_be_hidden(make_recipe: Makes) -> None:
    with pytest.raises(UsageError, match="the task 'dng' is given none"):
        make_recipe("dng", "conditioning.hide_elements=0.1")


@pytest.mark.parametrize(("name", "task"), TOLD_AND_TASKS)
def test_targets_are_standardised_when_sampling(name: ModelName, task: Task, make_recipe: Makes) -> None:
    """Two deviations above the mean is 2; one that is not named is missing; guidance keeps its sign."""
    model, _ = told(make_recipe, name, task=task)
    generator, words = asking(model)
    seen = model.statistics.properties[TOLD[name]]  # type: ignore[attr-defined]  # these models' statistics have some
    asked = [
        generator.requests(
            num=1, seed=0, properties={TOLD[name]: seen.mean + z * seen.std}, guidance=w, **words
        )[0]
        for z, w in ((2.0, 1.5), (-1.0, 0.0))
    ]
    asked += generator.requests(num=1, seed=0, **words)
    given = model.given_for(asked, torch.device("cpu"))
    torch.testing.assert_close(given.properties[:2, 0], torch.tensor([2.0, -1.0]), rtol=1e-4, atol=1e-4)
    assert given.properties[2].isnan().all()
    assert given.guidance.tolist() == [1.5, 0.0, 0.0]


class Says(torch.nn.Module):
    """A network that says of everything what it is told of the property, and of nothing told, nothing."""

    def __init__(self, model: AnyModel) -> None:
        super().__init__()
        self.wraps = [model.network]  # in a list: not a part of this one

    def forward(self, *, segments: Segments, properties: Tensor, **features: Any) -> Any:
        like = self.wraps[0](segments=segments, properties=properties, **features)
        word = properties[:, 0].nan_to_num(0.0)
        said = {}
        for field in type(like).__dataclass_fields__:
            value = getattr(like, field)
            if value is None:
                said[field] = None
                continue
            each = word if len(value) == segments.num_graphs != segments.num_atoms else segments.expand(word)
            said[field] = each.view(-1, *[1] * (value.ndim - 1)).expand_as(value).clone()
        return type(like)(**said)


@pytest.mark.parametrize(("name", "task"), TOLD_AND_TASKS)
@pytest.mark.parametrize("guidance", [-0.5, 0.0, 2.0])
def test_guidance_goes_beyond_the_target_by_as_much_as_it_says(
    name: ModelName, task: Task, guidance: float, make_recipe: Makes
) -> None:
    """From the request to the outputs that sampling goes by: told z, untold 0, so steered (1 + w) z."""
    model, _ = told(make_recipe, name, task=task)
    model.network = Says(model)
    generator, words = asking(model)
    seen = model.statistics.properties[TOLD[name]]  # type: ignore[attr-defined]  # these models' statistics have some
    target = {TOLD[name]: seen.mean + seen.std}
    requests = generator.requests(num=3, seed=0, properties=target, guidance=guidance, **words)
    given = model.given_for(requests, torch.device("cpu"))
    source = SharedRng(torch.Generator().manual_seed(0))
    states = model.flow_on(model.flow, given).prior(
        model.blank(given), segments=given.segments, source=source
    )
    outputs = model.answer(states, torch.full((3,), 0.5), given)
    assert set(outputs) == set(model.flow.flows)
    for field, value in outputs.items():
        expected = torch.full_like(value, 1 + guidance)
        torch.testing.assert_close(value, expected, rtol=1e-3, atol=1e-3, msg=field)


def test_the_papers_optimisers_reach_the_optimiser() -> None:
    """GeoBFN's and KLDM's published AdamW: amsgrad and a decay of 1e-12, not PyTorch's defaults."""
    for name, rate in (("geobfn", 1e-4), ("kldm", 1e-3)):
        dataset = "g2" if name == "geobfn" else "prototypes"
        recipe = preset("paper", model=name, task="dng", dataset=dataset)  # type: ignore[arg-type]  # two of the names
        model, _ = made(apply_overrides(recipe, ["network.hidden=8", "network.layers=1"]))
        module = TrainingModule(model, total_steps=10)
        module.trainer = L.Trainer(logger=False, enable_checkpointing=False)
        (group,) = module.configure_optimizers()["optimizer"].param_groups
        assert (group["lr"], group["weight_decay"], group["amsgrad"]) == (rate, 1e-12, True)
