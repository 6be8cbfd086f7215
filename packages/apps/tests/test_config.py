import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError, field_validator

from epitaxy.apps import config
from epitaxy.apps.config import KineticConfig, apply_overrides
from epitaxy.apps.config.base import Config
from epitaxy.apps.crystals.recipe import CrystalRecipe
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.names import MODELS, ModelName, Task
from epitaxy.apps.generative.recipes import preset, read_recipe, recipes_of

DATASETS = ("perov_5", "carbon_24", "mp_20", "mpts_52", "somebody/else.csv")


@given(
    st.sampled_from(
        [(m, name, task) for m in MODELS for name in recipes_of(m).presets for task in MODELS[m].tasks]
    ),
    st.sampled_from(DATASETS),
)
def test_recipes_survive_json(which: tuple[ModelName, str, Task], dataset: str) -> None:
    model, name, task = which
    recipe = preset(name, model=model, task=task, dataset=dataset)
    assert recipe.model == model
    assert read_recipe(json.loads(recipe.model_dump_json()), source="test") == recipe


def test_the_paper_preset_has_the_papers_numbers() -> None:
    perov = preset("paper", task="dng", dataset="perov_5")
    assert (perov.network.hidden, perov.network.layers, perov.network.frequencies) == (512, 6, 128)
    assert (perov.training.passes, perov.training.learning_rate) == (4000, 1e-3)
    assert perov.species is not None
    assert perov.species.beta1 == 3.0
    assert preset("paper", task="csp", dataset="mp_20").training.passes == 1500
    assert preset("paper", task="csp", dataset="mpts_52").positions.grid == 200
    assert perov.positions.final_concentration == 1000.0
    assert perov.lattice.sigma1**2 == pytest.approx(1e-3)
    assert perov.weights.positions == 0.05


def test_the_paper_preset_of_kldm_has_the_papers_numbers() -> None:
    perov, mp = (preset("paper", model="kldm", task="csp", dataset=name) for name in ("perov_5", "mp_20"))
    assert (perov.network.hidden, perov.network.layers, mp.network.layers) == (512, 4, 6)
    assert (perov.training.batch_size, mp.training.batch_size, mp.training.averaging) == (1024, 256, 0.999)
    positions = mp.positions
    assert isinstance(positions, KineticConfig)
    assert (positions.horizon, positions.loss, positions.sampler) == (2.0, "wrapped", "published_pc")
    assert mp.lattice_form.kind == "parameters"


def test_a_csp_recipe_generates_no_species() -> None:
    values = preset("small", task="csp", dataset="mp_20").model_dump()
    values["task"] = "dng"
    with pytest.raises(UsageError, match="needs a flow for species"):
        CrystalRecipe.parse(values, source="here")


def test_flows_of_one_recipe_share_a_grid() -> None:
    recipe = preset("small", task="csp", dataset="mp_20")
    with pytest.raises(UsageError, match="share one time grid"):
        apply_overrides(recipe, ["lattice.grid=10"])


def test_overrides_change_what_they_name_and_nothing_else() -> None:
    recipe = preset("small", task="csp", dataset="mp_20")
    changed = apply_overrides(recipe, ["training.batch_size=7", "positions.loss=kl"])
    assert changed.training.batch_size == 7
    assert changed.positions.loss == "kl"
    assert changed.network == recipe.network
    assert recipe.training.batch_size != 7


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("network.hiden=4", "did you mean 'network.hidden'"),
        ("nonsense=1", "has no key 'nonsense'"),
        ("network.hidden.deeper=1", "has no key"),
        ("network.hidden", "write key=value"),
        ("network.hidden=wide", "network.hidden"),
        ("training.batch_size=0", "training.batch_size"),
        ("positions.loss=mse", "positions.loss"),
        ("training.learning_rate=NaN", "training.learning_rate"),
    ],
)
def test_a_wrong_override_is_one_sentence(word: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        apply_overrides(preset("small", task="csp", dataset="mp_20"), [word])
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_sampler_that_moves_what_a_group_fixes_is_refused_in_one_sentence() -> None:
    """By the recipe; the command's own --sampler has the same words, of tests/device."""
    recipe = preset("small", model="symmbfn", task="csp", dataset="mp_20")
    with pytest.raises(UsageError) as caught:
        apply_overrides(recipe, ["lattice.kind=variance_preserving", "lattice.sampler=published_pc"])
    assert str(caught.value) == (
        "--set: lattice.sampler: a space group fixes numbers of the cell: pinned components take no "
        "corrections: choose a sampler of ancestral, euler_maruyama, exponential, probability_flow"
    )


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(UsageError, match="did you mean 'small'"):
        preset("smal", task="csp", dataset="mp_20")


def test_a_recipe_from_the_future_is_refused() -> None:
    values = preset("small", task="csp", dataset="mp_20").model_dump(mode="json")
    for unknown in (99, 0, -1, "1", None):
        with pytest.raises(UsageError, match=f"recipe format {unknown}; this epitaxy reads up to"):
            read_recipe({**values, "format": unknown}, source="recipe.json")
    with pytest.raises(UsageError, match="unknown key 'colour'"):
        read_recipe({**values, "colour": "red"}, source="recipe.json")


class Small(Config):
    """A configuration of one number, whose validator fails in ways of its own."""

    size: float = 1.0
    name: str = ""

    @field_validator("size")
    @classmethod
    def _odd(cls, size: float) -> float:
        if size == 13.0:
            raise KeyError("13")  # which pydantic does not take for a wrong value
        if size < 0:
            raise ValueError("x" * 5000)
        return size


def test_a_configuration_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Small().size = 2.0


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"size": math.inf}, "here: size: input should be a finite number (got inf)"),
        ({"size": math.nan}, "here: size: input should be a finite number (got nan)"),
        ({"size": 13.0}, "here: these values are of no use ('13')"),
        ({"size": -1.0}, f"here: size: {'x' * 500}... (got -1.0)"),
        ({"wide": 1}, "here: unknown key 'wide'"),
        ([1], "here: the value: input should be a valid dictionary or instance of Small (got [1])"),
    ],
)
def test_whatever_is_wrong_is_one_sentence(values: object, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        Small.parse(values, source="here")
    assert str(caught.value) == sentence


def test_every_choice_of_a_recipe_is_exported() -> None:
    """What a ``kind`` chooses can be imported from one place, and has an entry in the API reference."""
    left, found = [Config], set[type[Config]]()
    while left:
        for kind in left.pop().__subclasses__():
            left.append(kind)
            found.add(kind)
    chosen = {
        kind.__name__
        for kind in found
        if kind.__module__.startswith("epitaxy.apps.config.") and "kind" in kind.__annotations__
    }
    assert len(chosen) > 15
    assert chosen <= set(config.__all__)
