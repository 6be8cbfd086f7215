"""``epitaxy average``: the mean of models' weights, which models have one, and half the size."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from epitaxy.apps.cli.main import app
from epitaxy.apps.config import Recipe, apply_overrides
from epitaxy.apps.foundation.errors import UsageError, WorkError
from epitaxy.apps.foundation.folders import CARD, WEIGHTS, shipped
from epitaxy.apps.generative.dataset import draw
from epitaxy.apps.generative.kind import kind_of
from epitaxy.apps.generative.model_dir import LoadedModel, load_model, save_model
from epitaxy.apps.training.card import add_measurement
from epitaxy.apps.training.mean import mean_model
from epitaxy.data import Vocabulary


@pytest.fixture(scope="module")
def made(make_recipe: Callable[..., Recipe]) -> Callable[..., LoadedModel]:
    """Make an untrained model of a seed."""
    recipe = make_recipe("dng", "network.multiplicities=true", model="symmbfn")
    kind = kind_of("symmbfn")
    statistics = kind.summarise(draw(kind.load(recipe, "train", None), 24))

    def make(seed: int, *words: str, known: Any = statistics) -> LoadedModel:
        torch.manual_seed(seed)
        model = kind.build(apply_overrides(recipe, list(words)), known).eval()
        return LoadedModel(model=model, path=Path(f"m{seed}"), checksum=str(seed))

    return make


def weights(model: LoadedModel) -> dict[str, torch.Tensor]:
    return dict(model.model.network.named_parameters())


@settings(max_examples=8, deadline=None)
@given(seeds=st.lists(st.integers(0, 99), min_size=1, max_size=4))
def test_the_mean_is_the_mean_in_any_order(made: Callable[..., LoadedModel], seeds: list[int]) -> None:
    models = [made(seed) for seed in seeds]
    mean = mean_model(models)
    for name, found in mean.network.named_parameters():
        stacked = torch.stack([weights(model)[name].double() for model in models])
        torch.testing.assert_close(found, stacked.mean(0).to(found.dtype), rtol=1e-6, atol=1e-8)
    tables = dict(mean.network.named_buffers())
    assert tables
    assert all(torch.equal(x, tables[name]) for name, x in models[0].model.network.named_buffers())
    again = mean_model(models[::-1])
    for one, other in zip(mean.network.parameters(), again.network.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("copies", [1, 2, 3])
def test_the_mean_of_a_model_with_itself_is_itself(made: Callable[..., LoadedModel], copies: int) -> None:
    model = made(1)
    mean = mean_model([model] * copies)
    theirs = model.model.network.state_dict()
    assert all(torch.equal(x, theirs[name]) for name, x in mean.network.state_dict().items())
    assert mean.recipe == model.model.recipe
    assert mean.statistics == model.model.statistics


def test_models_of_different_meaning_have_no_mean(made: Callable[..., LoadedModel]) -> None:
    model = made(1)
    known: Any = model.model.statistics
    fewer = replace(known, vocabulary=Vocabulary(known.vocabulary.numbers[1:]))
    for other, reason in (
        (made(2, "network.layers=3"), "network.layers is 2 there and 3 here"),
        (made(2, 'conditioning.properties=["density"]'), "told other properties"),
        (made(2, known=fewer), "know other elements"),
        (made(2, known=replace(known, k_std=tuple(2.0 * x for x in known.k_std))), "scale what they see"),
    ):
        with pytest.raises(UsageError, match=rf"m1 \(there\) and m2 \(here\) have no mean: .*{reason}"):
            mean_model([model, other])
    mean_model([model, made(2, "training.passes=7", "sampling.steps=3")])  # of which no weight depends


def test_half_the_size_is_the_model_to_a_part_in_two_thousand(
    made: Callable[..., LoadedModel], tmp_path: Path
) -> None:
    model = made(1)
    save_model(tmp_path / "whole", model.model, card="")
    save_model(tmp_path / "half", model.model, card="", half=True)
    whole, half = ((tmp_path / name / WEIGHTS).stat().st_size for name in ("whole", "half"))
    assert half < 0.55 * whole
    loaded = weights(load_model(str(tmp_path / "half")))
    for name, value in weights(model).items():
        assert loaded[name].dtype == value.dtype
        torch.testing.assert_close(loaded[name], value, rtol=2**-11, atol=2**-24)
    with torch.no_grad():
        next(iter(weights(model).values())).fill_(1e5)
    with pytest.raises(WorkError, match="is no number in float16: leave --half out"):
        save_model(tmp_path / "beyond", model.model, card="", half=True)
    assert not (tmp_path / "beyond").exists()


def test_the_command(made: Callable[..., LoadedModel], tmp_path: Path) -> None:
    for seed in (1, 2):
        save_model(tmp_path / str(seed), made(seed).model, card="# a\n\n## Trained\n\nb\n\n## Use\n\nc\n")
        add_measurement(tmp_path / str(seed) / CARD, "match rate 1")
    one, two, out = (str(tmp_path / name) for name in ("1", "2", "out"))
    app(["average", one, two, "--out", out, "--half"], standalone_mode=False)
    found = weights(load_model(out))
    expected = dict(mean_model([load_model(one), load_model(two)]).network.named_parameters())
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=2**-11, atol=2**-24)
    card = (tmp_path / "out" / CARD).read_text()
    assert "match rate" not in card
    assert f"mean of those of {one}, {two}.\n\n## Use" in card
    for words, said in (
        ([one], "name two models or more"),
        ([one, "nosuch"], "nosuch is no run"),
        ([one, two], "is not empty"),
    ):
        with pytest.raises(UsageError, match=said):
            app(["average", *words, "--out", out], standalone_mode=False)


def test_what_ships_is_of_one_file_below_20_megabytes() -> None:
    sizes = {name: (path / WEIGHTS).stat().st_size for name, path in shipped().items()}
    assert sizes
    assert max(sizes.values()) <= 20e6
