"""``train --from``: what is known is carried over to the bit, what is new begins without effect."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor

from epitaxy.apps.config import Recipe, TrapezoidSchedule, apply_overrides
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.folders import shipped
from epitaxy.apps.foundation.names import ModelName
from epitaxy.apps.generative.dataset import draw
from epitaxy.apps.generative.kind import AnyModel, kind_of
from epitaxy.apps.generative.model_dir import LoadedModel, load_model
from epitaxy.apps.training.fine_tuning import inherited, initialised_from
from epitaxy.apps.training.run import open_run, train
from epitaxy.apps.training.schedules import trapezoid_factor
from epitaxy.data import Vocabulary
from epitaxy.geometry import SharedRng

KINDS = {
    "crysbfn-csp": ("crysbfn", "csp", ()),
    "crysbfn-dng": ("crysbfn", "dng", ()),
    "kldm-csp": ("kldm", "csp", ()),
    "kldm-dng": ("kldm", "dng", ()),
    "kldm-one_hot": ("kldm", "dng", ("species.kind=one_hot",)),
    "symmbfn": ("symmbfn", "dng", ()),
    "symmbfn-own": ("symmbfn", "dng", ("network.copies=false",)),
    "symmbfn-beliefs": ("symmbfn", "dng", ("species.kind=categorical_bfn",)),
    "geobfn": ("geobfn", "dng", ()),
    "geobfn-discrete": ("geobfn", "dng", ("atoms.kind=discrete",)),
    "geobfn-both": ("geobfn", "dng", ("atoms.kind=discrete_continuous",)),
}
"""Every treatment of elements, by the model, the task and the words that ask for it."""


ROTARY = ("network.kind=rotary", "network.heads=2")


def data_of(recipe: Recipe) -> Any:
    return draw(kind_of(recipe.model).load(recipe, "train", None), 24)


def fresh(recipe: Recipe, statistics: Any) -> LoadedModel:
    torch.manual_seed(3)
    model = kind_of(recipe.model).build(recipe, statistics).eval()
    return LoadedModel(model=model, path=Path("theirs"), checksum="0")


def losses(model: AnyModel, batch: Any) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    time = torch.linspace(0, 0.9, batch.segments.num_graphs)
    return model.losses(batch, time, source=SharedRng(generator))


def seen(model: AnyModel, batch: Any) -> dict[str, Any]:
    """Return what the network was given."""
    inputs: dict[str, Any] = {}
    hook = model.network.register_forward_pre_hook(
        lambda _, __, words: inputs.update(words), with_kwargs=True
    )
    losses(model, batch)
    hook.remove()
    return inputs


def told_of_more(inputs: dict[str, Any], old: AnyModel, new: AnyModel) -> dict[str, Any]:
    """Return the same inputs in the larger vocabulary: absent elements have probability zero."""
    known, more = old.statistics.vocabulary.numbers, new.statistics.vocabulary.numbers  # type: ignore[attr-defined]
    places = torch.tensor([more.index(z) for z in known])
    result = dict(inputs)
    for name in ("species", "types"):
        value = inputs.get(name)
        if value is None:
            continue
        if value.dtype.is_floating_point:
            absent = 0.0 if getattr(getattr(old.recipe, "species", None), "kind", "") == "one_hot" else -1.0
            wide = torch.full((len(value), len(more)), absent)
            wide[:, places] = value
            result[name] = wide
        else:  # what lies beyond the elements, the mask, stays beyond
            result[name] = torch.cat([places, torch.tensor([len(more)])])[value]
    return result


def outputs(model: AnyModel, inputs: dict[str, Any]) -> dict[str, Tensor]:
    answer = model.network(**inputs)
    return {n: value for n in answer.__slots__ if (value := getattr(answer, n)) is not None}


@pytest.mark.parametrize("kind", KINDS)
def test_from_itself_nothing_changes(kind: str, make_recipe: Callable[..., Recipe]) -> None:
    model, task, words = KINDS[kind]
    recipe = make_recipe(task, *words, model=model)
    data = data_of(recipe)
    source = fresh(recipe, kind_of(recipe.model).summarise(data))
    begun = initialised_from(source, recipe, kind_of(recipe.model).summarise(data))
    theirs, ours = source.model.network.state_dict(), begun.network.state_dict()
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(theirs[name], ours[name]) for name in theirs)
    assert begun.statistics == source.model.statistics
    batch = data.batch(range(4))
    assert losses(begun, batch) == losses(source.model, batch)


@pytest.mark.parametrize("name", list(shipped()))
def test_from_a_shipped_model_nothing_changes(name: str) -> None:
    source = load_model(name)
    begun = initialised_from(source, source.model.recipe, source.model.statistics)
    theirs = source.model.network.state_dict()
    assert all(torch.equal(theirs[key], value) for key, value in begun.network.state_dict().items())


@pytest.mark.parametrize("words", [(), ROTARY])
def test_a_further_part_begins_without_effect(
    words: tuple[str, ...], make_recipe: Callable[..., Recipe]
) -> None:
    """Orbits that shall know their atoms go on from weights that do not; back it is refused."""
    recipe = make_recipe("dng", *words, model="symmbfn")
    more = ("network.multiplicities=true", "network.composition=true")
    wider = make_recipe("dng", *words, *more, model="symmbfn")
    data = data_of(recipe)
    statistics = kind_of(recipe.model).summarise(data)
    source = fresh(recipe, statistics)
    begun = initialised_from(source, wider, statistics)
    assert begun.network.state_dict().keys() > source.model.network.state_dict().keys()
    batch = data.batch(range(6))
    assert losses(begun, batch) == losses(source.model, batch)
    with pytest.raises(UsageError, match=r"do not fit this run's network \(network.multiplicities is True"):
        initialised_from(fresh(wider, statistics), recipe, statistics)


DEEPER: list[tuple[ModelName, str, tuple[str, ...]]] = [
    ("crysbfn", "csp", ()), ("crysbfn", "dng", ROTARY), ("kldm", "dng", ()), ("kldm", "csp", ROTARY),
    ("symmbfn", "dng", ()), ("symmbfn", "dng", ROTARY),
    ("geobfn", "dng", ("network.kind=transformer", "network.heads=2")),
]  # fmt: skip
"""Networks that may be made deeper."""


@pytest.mark.parametrize(("model", "task", "words"), DEEPER)
def test_further_layers_begin_without_effect_and_learn(
    model: ModelName, task: str, words: tuple[str, ...], make_recipe: Callable[..., Recipe]
) -> None:
    """To the bit; and after a step against the gradient they have an effect. Fewer layers are refused."""
    recipe = make_recipe(task, *words, "network.layers=2", model=model)
    deeper = apply_overrides(recipe, ["network.layers=4"])
    data = data_of(recipe)
    statistics = kind_of(recipe.model).summarise(data)
    source = fresh(recipe, statistics)
    begun = initialised_from(source, deeper, statistics)
    batch = data.batch(range(6))
    before = losses(begun, batch)
    assert before == losses(source.model, batch)
    sum(before.values(), torch.zeros(())).backward()
    further = {
        n: w for n, w in begun.network.named_parameters() if n not in source.model.network.state_dict()
    }
    assert further
    assert any(w.grad is not None and bool(w.grad.any()) for w in further.values())
    with torch.no_grad():
        for weight in further.values():
            weight -= 0.1 * (torch.zeros_like(weight) if weight.grad is None else weight.grad)
    assert losses(begun, batch) != before
    with pytest.raises(UsageError, match=r"network\.layers is 4 there and 2 here"):
        initialised_from(fresh(deeper, statistics), recipe, statistics)


def test_egnn_shares_its_bound_among_layers_and_is_not_made_deeper(
    make_recipe: Callable[..., Recipe],
) -> None:
    recipe = make_recipe("dng", model="geobfn")
    statistics = kind_of("geobfn").summarise(data_of(recipe))
    with pytest.raises(UsageError, match=r"network\.layers is 2 there and 3 here"):
        initialised_from(fresh(recipe, statistics), apply_overrides(recipe, ["network.layers=3"]), statistics)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=4, deadline=None)
@given(unknown=st.sets(st.integers(0, 4), min_size=1, max_size=3))
def test_further_elements_leave_known_ones_as_they_are(
    kind: str, unknown: set[int], make_recipe: Callable[..., Recipe]
) -> None:
    model, task, words = KINDS[kind]
    recipe = make_recipe(task, *words, model=model)
    data = data_of(recipe)
    full = kind_of(recipe.model).summarise(data)
    numbers = full.vocabulary.numbers
    kept = tuple(z for k, z in enumerate(numbers) if k not in unknown or z == numbers[-1])
    source = fresh(recipe, replace(full, vocabulary=Vocabulary(kept)))
    begun = initialised_from(source, recipe, full)
    assert begun.statistics.vocabulary == full.vocabulary  # type: ignore[attr-defined]
    inside = torch.isin(data.numbers, torch.tensor(kept))
    usable = [i for i, atoms in enumerate(torch.split(inside, data.counts.tolist())) if bool(atoms.all())]
    if not usable:
        return
    inputs = seen(source.model, data.batch(usable))
    before = outputs(source.model, inputs)
    after = outputs(begun, told_of_more(inputs, source.model, begun))
    places = torch.tensor([numbers.index(z) for z in kept])
    shared = getattr(recipe.network, "copies", False)  # logits of a mixture: what is new has its part of each
    for name, expected in before.items():
        found = after[name][:, places] if name in ("species", "types") else after[name]
        if name == "species" and shared:
            assert (found <= expected + 1e-5).all()
            assert (found >= expected - math.log(4)).all()
        else:
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        if name in ("species", "types"):  # never the likeliest
            assert (after[name].amax(1) <= expected.amax(1) + 1e-5).all()


def with_two(data: Any) -> Any:
    """Return the same data with two properties, a and b."""
    values = torch.linspace(-1, 1, len(data), dtype=torch.float64)
    return replace(data, properties={"a": values, "b": 7 * values.flip(0) + 3})


TOLD: list[tuple[ModelName, str, tuple[str, ...]]] = [
    ("crysbfn", "csp", ()), ("crysbfn", "dng", ROTARY), ("kldm", "dng", ()), ("kldm", "csp", ROTARY),
]  # fmt: skip
"""Models of crystals, which are told properties by weights of their own."""


@pytest.mark.parametrize(("model", "task", "words"), [*TOLD, ("symmbfn", "dng", ()), ("geobfn", "dng", ())])
def test_a_further_property_has_no_effect_and_a_dropped_one_counts_as_missing(
    model: ModelName, task: str, words: tuple[str, ...], make_recipe: Callable[..., Recipe]
) -> None:
    first, second = "a", "b"

    def told(*names: str) -> Recipe:
        return make_recipe(task, f"conditioning.properties={json.dumps(names)}", *words, model=model)

    data = with_two(data_of(told()))
    statistics = kind_of(model).summarise(data)
    of_first = fresh(told(first), statistics)
    for weight in of_first.model.network.parameters():
        if not bool(weight.any()):  # what begins at zero would hide what it multiplies
            torch.nn.init.normal_(weight, std=0.1)
    batch = data.batch(range(8))
    inputs = seen(of_first.model, batch)
    expected = outputs(of_first.model, inputs)

    of_both = initialised_from(of_first, told(second, first), statistics)
    for new in (torch.nan, 0.0, 2.0):
        column = torch.full((8, 1), new)
        asked = {**inputs, "properties": torch.cat([column, inputs["properties"]], dim=1)}
        for name, found in outputs(of_both, asked).items():
            torch.testing.assert_close(found, expected[name], rtol=1e-5, atol=1e-5)

    unsaid = outputs(of_first.model, {**inputs, "properties": torch.full((8, 1), torch.nan)})
    for recipe, column in ((told(), None), (told(second), torch.zeros(8, 1))):
        found = outputs(initialised_from(of_first, recipe, statistics), {**inputs, "properties": column})
        for name in unsaid:
            torch.testing.assert_close(found[name], unsaid[name], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("model", "task", "words"), TOLD)
def test_told_for_the_first_time_a_model_of_crystals_is_what_it_was_to_the_bit(
    model: ModelName, task: str, words: tuple[str, ...], make_recipe: Callable[..., Recipe]
) -> None:
    """Whatever it is told, and whatever is missing."""
    recipe = make_recipe(task, *words, model=model)
    data = with_two(data_of(recipe))
    statistics = kind_of(model).summarise(data)
    source = fresh(recipe, statistics)
    begun = initialised_from(
        source, apply_overrides(recipe, ['conditioning.properties=["a","b"]']), statistics
    )
    batch = data.batch(range(8))
    inputs = seen(source.model, batch)
    before = outputs(source.model, inputs)
    values = torch.linspace(-3, 3, 16).view(8, 2)
    values[2, 1] = values[5] = torch.nan
    after = outputs(begun, {**inputs, "properties": values})
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_what_weights_were_trained_in_is_inherited(make_recipe: Callable[..., Recipe]) -> None:
    recipe = make_recipe("csp")
    whole = kind_of("crysbfn").load(recipe, "train", None)
    few, many = whole.subset(range(10)), whole.subset(range(10, len(whole)))
    old, new = (kind_of("crysbfn").summarise(part) for part in (few, many))
    kept = inherited(new, old)
    assert (kept.lattice_scale, kept.lengths) == (old.lattice_scale, old.lengths)
    assert (kept.crystals, kept.atoms_per_cell) == (new.crystals, new.atoms_per_cell)
    assert set(kept.vocabulary.numbers) == {*old.vocabulary.numbers, *new.vocabulary.numbers}


def test_what_does_not_fit_is_said_in_one_sentence(make_recipe: Callable[..., Recipe]) -> None:
    recipe = make_recipe("dng", model="kldm")
    full = kind_of("kldm").summarise(data_of(recipe))
    fewer = replace(full, vocabulary=Vocabulary(full.vocabulary.numbers[1:]))
    for words, reason in (
        (["network.hidden=16"], "network.hidden is 32 there and 16 here"),
        (["network.layers=1"], "network.layers is 2 there and 1 here"),
        (["lattice_form.kind=matrix"], "lattice_form.kind is parameters there and matrix here"),
    ):
        with pytest.raises(UsageError, match=reason):
            initialised_from(fresh(recipe, full), apply_overrides(recipe, words), full)
    bits = make_recipe("dng", "species.kind=analog_bits", model="kldm")
    with pytest.raises(UsageError, match="would renumber"):
        initialised_from(fresh(bits, fewer), bits, full)


def test_a_run_killed_before_its_first_checkpoint_begins_where_it_began(
    tmp_path: Path, csp_run: Path, make_recipe: Callable[..., Recipe]
) -> None:
    recipe = make_recipe("csp", "training.passes=1")
    data = data_of(recipe)
    start = initialised_from(load_model(str(csp_run)), recipe, kind_of("crysbfn").summarise(data))
    for out in ("a", "b"):
        open_run(tmp_path / out, recipe, resume=False, start=start)
    train(recipe, tmp_path / "b", train_data=data, val_data=data)
    train(recipe, tmp_path / "a", train_data=data, val_data=data, start=start)
    one, other = (load_file(tmp_path / run / "model" / "model.safetensors") for run in "ab")
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_trapezoid_rises_stays_and_falls() -> None:
    schedule = TrapezoidSchedule(warmup_steps=10, cooldown=0.2, minimum=1e-5, shape="linear")
    factor = trapezoid_factor(schedule, 100, 1e-3)
    assert factor(0) == pytest.approx(0.1)
    assert all(factor(k) == 1 for k in range(9, 81))
    assert factor(90) == pytest.approx(0.01 + 0.99 * 0.5)
    assert factor(100) == pytest.approx(0.01)
    root = trapezoid_factor(schedule.model_copy(update={"shape": "sqrt"}), 100, 1e-3)
    assert root(85) == pytest.approx(0.01 + 0.99 * 0.5)
    assert root(100) == pytest.approx(0.01)
