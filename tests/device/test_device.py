"""Every model on a device: nothing is made elsewhere, values are the CPU's, and no step waits.

The device is pretended (`epitaxy.geometry.testing.pretended`), so this runs, and must pass, without a GPU.
`nox -s gpu` runs what needs one.
"""

from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from typing import Any

import pytest
import torch
from device_cases import CASES, LIMITED, SAMPLED, Case
from torch import Tensor

from epitaxy.apps import UsageError
from epitaxy.apps.asymmetric_units import requests as units
from epitaxy.apps.asymmetric_units.data import load_asymmetric_units
from epitaxy.apps.asymmetric_units.symmetry import Symmetry
from epitaxy.apps.crystals import requests as crystals
from epitaxy.apps.crystals.data import load_crystals
from epitaxy.apps.foundation.names import ModelName, Task
from epitaxy.apps.generative.kind import AnyModel, kind_of
from epitaxy.apps.molecules import requests as molecules
from epitaxy.apps.molecules.data import load_molecules
from epitaxy.apps.requests.elements import Palette
from epitaxy.apps.requests.request import Request
from epitaxy.apps.sampling import generate as generating
from epitaxy.apps.training.averaging import AveragedNetwork
from epitaxy.apps.training.module import TrainingModule
from epitaxy.apps.training.optimiser import optimiser
from epitaxy.apps.training.times import stratified_times
from epitaxy.geometry import SharedRng, von_mises_draws
from epitaxy.geometry.testing.pretended import PRETENDED, PretendedGenerator, Watching, values


@cache
def dataset(model: ModelName) -> Any:
    match model:
        case "symmbfn":
            return load_asymmetric_units("prototypes", "val", symprec=0.1).subset(range(12))
        case "geobfn":
            return load_molecules("g2", "val")
        case _:
            return load_crystals("prototypes", "val", limit=12)


@cache
def statistics(model: ModelName) -> Any:
    return kind_of(model).summarise(dataset(model))


def build(case: Case) -> AnyModel:
    torch.manual_seed(0)
    words = ["network.hidden=24", "network.layers=2", "network.time_dim=8"]
    if hasattr(case.recipe().network, "frequencies") and case.exact:
        words.append("network.frequencies=4")
    recipe = case.recipe(*words)
    model = kind_of(case.model).build(recipe, statistics(case.model))
    # The bank of trajectories is drawn on the host, once, however many steps it has.
    return model if model.flow.grid is None else fewer_steps(model)


def fewer_steps(model: AnyModel) -> AnyModel:
    model.flow = model.flow.with_steps(6)
    return model


def generator(device: torch.device, seed: int) -> torch.Generator:
    made = PretendedGenerator() if device == PRETENDED else torch.Generator()
    return made.manual_seed(seed)


@cache
def requests(name: ModelName, task: Task, told: tuple[str, ...]) -> list[Request]:
    """Return six structures to sample; with targets and guidance where the model is told properties."""
    seen = statistics(name)
    targets = {word: seen.properties[word].mean for word in told}
    words: Any = {"seed": 1, "targets": targets, "guidance": 1.5 if targets else 0.0}
    if name in ("crysbfn", "kldm"):
        if task == "dng":
            return list(crystals.de_novo(seen, num=6, **words))
        data = dataset(name)
        cells = zip(data.ids, torch.split(data.numbers, data.counts.tolist()), strict=True)
        known = {cell: numbers.tolist() for cell, numbers in islice(cells, 6)}
        made = crystals.for_compositions(known, seen, num=1, seed=1)
        return [replace(one, targets=targets, guidance=words["guidance"]) for one in made]
    if name == "geobfn":
        return list(molecules.for_sizes((4, 9), seen, num=3, **words))
    if task == "csp":
        symbols = seen.vocabulary.symbols
        formula = f"{symbols[0]}{symbols[-1]}"
        return list(units.for_formulas([formula], Symmetry(groups=(1, 62, 225)), seen, num=2, **words))
    return list(units.for_groups(Symmetry(groups=(1, 62, 225)), seen, num=2, **words))


def losses(model: AnyModel, batch: Any, device: torch.device) -> dict[str, Tensor]:
    noise = generator(device, seed=3)
    drawn = model.recipe.training.times
    time = stratified_times(batch.segments.num_graphs, model.flow.grid, noise, drawn)
    return model.losses(batch, time, source=SharedRng(noise))


@dataclass(frozen=True)
class Trained:
    """What two training steps left behind: the first's losses and gradients, the waits of the second."""

    losses: dict[str, Tensor]
    gradients: dict[str, Tensor]
    averaged: dict[str, Tensor]
    waits: Counter[str]


def train(case: Case, device: torch.device) -> Trained:
    model = build(case)
    model.flow.refresh(0)
    training = TrainingModule(model, total_steps=10).to(device)
    averaged = training.averaged or AveragedNetwork(model.network, 0.99)
    stepper = optimiser(model.network, model.recipe.training)
    batch = dataset(case.model).batch(range(8)).to(device)
    first: list[dict[str, Tensor]] = []
    seen = Watching()
    with seen if device == PRETENDED else nullcontext():
        for _ in range(2):  # the first fills caches
            seen.waits.clear()
            found = losses(model, batch, device)
            stepper.zero_grad()
            model.weighted(found).backward()
            gradients = {name: x.grad for name, x in model.network.named_parameters() if x.grad is not None}
            first += [
                {name: values(x.detach()).clone() for name, x in part.items()} for part in (found, gradients)
            ]
            torch.nn.utils.clip_grad_norm_(model.network.parameters(), 1.0)
            stepper.step()
            averaged.update_parameters(model.network)
    assert not seen.mixed
    weights = {name: values(x.detach()) for name, x in averaged.module.named_parameters()}
    return Trained(losses=first[0], gradients=first[1], averaged=weights, waits=seen.waits)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_training_step_stays_on_its_device(case: Case):
    expected = train(case, torch.device("cpu"))
    with Watching():  # where the device exists
        found = train(case, PRETENDED)
    assert not found.waits
    close(found.losses, expected.losses, exact=case.exact)
    close(found.gradients, expected.gradients)
    # A first step of AdamW is as long for a gradient of rounding as for a large one.
    rate = 3 * case.recipe().training.learning_rate
    for name, value in expected.averaged.items():
        assert (found.averaged[name] - value).abs().max() <= rate, name


def close(found: dict[str, Tensor], expected: dict[str, Tensor], *, exact: bool = False) -> None:
    """Compare to the bit where the same is computed, else to rounding: edges and attention differ there."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if exact or not value.is_floating_point():
            assert torch.equal(found[name], value), name
        else:
            scale = float(value.abs().max())
            torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-4 * max(scale, 1e-3), msg=name)


@pytest.fixture(autouse=True)
def as_on_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the CPU take as many of a generator's numbers for von Mises draws as a device does.

    That both draw one law, and of rows' own numbers the same, is tested in `geometry`.
    """
    monkeypatch.setattr(von_mises_draws, "_by_rounds", von_mises_draws._by_bounds)


@pytest.fixture(autouse=True)
def without_inference_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sample under `no_grad`: the watching mode and inference mode exclude each other."""
    made = generating._made
    monkeypatch.setattr(generating, "_made", torch.no_grad()(getattr(made, "__wrapped__", made)))


@dataclass(frozen=True)
class Sampled:
    """The decoded variables, which structures are sound, the waits of a step and of the batch around them."""

    decoded: dict[str, Tensor]
    sound: list[bool]
    step_waits: Counter[str]
    batch_waits: Counter[str]


def sample(case: Case, sampler: str | None, device: torch.device, *, limited: bool = False) -> Sampled:
    model = build(case).to(device)
    told = model.conditions.names  # type: ignore[attr-defined]  # every model here has some
    asked = requests(case.model, case.task, tuple(told))
    if limited:
        two = frozenset(model.statistics.vocabulary.numbers[:2])
        palette = Palette(allowed=two, required=two)
        asked = [replace(request, palette=palette) for request in asked if request.num_atoms > 1]
    decoded: dict[str, Tensor] = {}
    seen = Watching()
    so_far: list[Counter[str]] = []
    answered, made = model.answer, model.samples

    def answer(*words: Any) -> Any:
        result = answered(*words)
        so_far.append(seen.waits.copy())
        return result

    def samples(targets: Any, *words: Any) -> Any:
        so_far.append(seen.waits.copy())
        decoded.update({name: values(x).clone() for name, x in targets.items()})
        return made(targets, *words)

    model.answer, model.samples = answer, samples  # type: ignore[method-assign]
    with seen if device == PRETENDED else nullcontext():
        [found] = generating.generate(model, asked, steps=3, sampler=sampler, device=str(device), redraws=0)
    assert not seen.mixed
    *_, last, end = so_far
    step = last - so_far[1]  # the first answers fill caches
    return Sampled(decoded, [one.structure is not None for one in found], step, end - step)


BATCH_WAITS = 12
"""How often a batch may be waited for before and after its steps: what is asked is copied there. What is made
comes back, and is looked at, after that.
"""
LIMIT_WAITS = 6
"""And for limits: two masks and the sizes of what they are for, of one field of labels or of two."""


@pytest.mark.parametrize("case", LIMITED, ids=str)
def test_limited_sampling_stays_on_its_device(case: Case):
    stays(case, None, limited=True)


@pytest.mark.parametrize(("case", "sampler"), SAMPLED, ids=str)
def test_sampling_stays_on_its_device(case: Case, sampler: str | None):
    stays(case, sampler)


def stays(case: Case, sampler: str | None, *, limited: bool = False) -> None:
    expected = sample(case, sampler, torch.device("cpu"), limited=limited)
    with Watching():  # where the device exists
        found = sample(case, sampler, PRETENDED, limited=limited)
    close(found.decoded, expected.decoded)
    assert found.sound == expected.sound
    assert not found.step_waits
    allowed = BATCH_WAITS + LIMIT_WAITS * limited
    if found.batch_waits.total() > allowed:  # a process's first batch sends tables there that stay
        with Watching():
            found = sample(case, sampler, PRETENDED, limited=limited)
    assert found.batch_waits.total() <= allowed, found.batch_waits


def test_a_sampler_that_would_move_what_a_group_fixes_is_refused():
    case = Case("symmbfn", "small", "csp", ("lattice.kind=variance_preserving",))
    with pytest.raises(UsageError, match="--sampler: a space group fixes numbers of the cell: pinned"):
        sample(case, "published_pc", torch.device("cpu"))
