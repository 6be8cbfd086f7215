"""Guidance by the composition: what it does to answers, when, at what cost, and who may ask for it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from epitaxy.apps import UsageError
from epitaxy.apps.config import Recipe
from epitaxy.apps.crystals.generator import CrystalGenerator
from epitaxy.apps.crystals.model import CrystalModel
from epitaxy.apps.foundation.names import ModelName
from epitaxy.apps.generative.dataset import draw
from epitaxy.apps.generative.kind import kind_of
from epitaxy.geometry import SharedRng, filled
from epitaxy.models import UNKNOWN

Makes = Callable[..., Recipe]
HIDES = "conditioning.hide_elements=0.2"
both = pytest.mark.parametrize("name", ["crysbfn", "kldm"])


def generator(make_recipe: Makes, name: ModelName, *words: str, task: str = "csp") -> CrystalGenerator:
    recipe = make_recipe(task, *words, model=name)
    family = kind_of(recipe.model)
    data = draw(family.load(recipe, "train", None), 24)
    torch.manual_seed(0)
    model = family.build(recipe, family.summarise(data))
    assert isinstance(model, CrystalModel)
    return CrystalGenerator(model.eval())


class Hears(torch.nn.Module):
    """A network that says 1 of structures whose elements it is told, and 0 of others; it counts its calls."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.wraps, self.calls = [network], 0  # in a list: not a part of this one

    def forward(self, *, species: torch.Tensor, **features: Any) -> Any:
        self.calls += 1
        like = self.wraps[0](species=species, **features)
        word = float(bool((species != UNKNOWN).all()))
        assert bool((species == UNKNOWN).all()) == (word == 0.0)
        fields = {name: getattr(like, name) for name in type(like).__dataclass_fields__}
        return type(like)(**{k: None if v is None else torch.full_like(v, word) for k, v in fields.items()})


def answers(of: CrystalGenerator, time: torch.Tensor, **words: Any) -> tuple[dict[str, torch.Tensor], int]:
    """What sampling goes by for two structures, and of how many calls."""
    model = of.model
    asked = of.requests(formula=["NaCl", "CaF2"], num=1, seed=0, **words)
    given = model.given_for(asked, torch.device("cpu"))
    source = SharedRng(torch.Generator().manual_seed(0))
    states = model.flow.prior(model.blank(given), segments=given.segments, source=source)
    network = Hears(model.network)
    model.network = network
    found = model.answer(states, time, given)
    model.network = network.wraps[0]
    return found, network.calls


@both
@pytest.mark.parametrize("weight", [0.5, 2.0])
def test_answers_go_beyond_what_hiding_changes(name: ModelName, weight: float, make_recipe: Makes) -> None:
    """Told 1, hidden 0, so 1 + w; said in the request or by the recipe."""
    half = torch.full((2,), 0.5)
    said = answers(generator(make_recipe, name, HIDES), half, composition_guidance=weight)
    usual = generator(make_recipe, name, HIDES, f"sampling.composition_guidance={weight}")
    for found, calls in (said, answers(usual, half)):
        assert calls == 2
        for value in found.values():
            torch.testing.assert_close(value, torch.full_like(value, 1 + weight))
    unguided, calls = answers(usual, half, composition_guidance=0.0)
    assert calls == 1
    assert all(bool((value == 1).all()) for value in unguided.values())


@both
def test_it_begins_and_ends_where_the_recipe_says(name: ModelName, make_recipe: Makes) -> None:
    """Structure by structure; where the host knows that none is within, the network is not asked."""
    words = ("sampling.composition_guidance=1", "sampling.guided_from=0.25", "sampling.guided_until=0.625")
    of = generator(make_recipe, name, HIDES, *words)
    for guided, alone in ((0.625, 0.63), (0.25, 0.24)):
        mixed, calls = answers(of, torch.tensor([guided, alone]))
        assert calls == 2
        assert mixed["lattice"].flatten(1).unique(dim=1).flatten().tolist() == [2.0, 1.0]
        assert mixed["positions"][:, 0].unique().tolist() == [1.0, 2.0]
        assert answers(of, filled(alone, 2, device=torch.device("cpu")))[1] == 1
        assert answers(of, filled(guided, 2, device=torch.device("cpu")))[1] == 2


@both
def test_samples_are_others_and_say_so(name: ModelName, make_recipe: Makes) -> None:
    of = generator(make_recipe, name, HIDES)
    words = {"formula": "NaCl", "num": 2, "seed": 0, "formula_units": 1}
    plain = of.samples(of.requests(**words), steps=4)
    same = of.samples(of.requests(**words, composition_guidance=0.0), steps=4)
    guided = of.samples(of.requests(**words, composition_guidance=3.0), steps=4)
    assert [s.crystal for s in plain] == [s.crystal for s in same]
    assert [s.crystal for s in plain] != [s.crystal for s in guided]
    assert guided[0].request.notes == {"composition_guidance": 3.0}
    assert plain[0].request.notes == {}


def test_who_may_not_ask(make_recipe: Makes) -> None:
    never = generator(make_recipe, "kldm")
    with pytest.raises(UsageError, match="this model's training hid none"):
        never.requests(formula="NaCl", num=1, seed=0, composition_guidance=1.0)
    assert never.requests(formula="NaCl", num=1, seed=0, composition_guidance=0.0)
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="give a number from 0"):
            never.requests(formula="NaCl", num=1, seed=0, composition_guidance=wrong)
    free = generator(make_recipe, "kldm", task="dng")
    with pytest.raises(UsageError, match="this model chooses its composition"):
        free.requests(num=1, seed=0, composition_guidance=1.0)
    with pytest.raises(UsageError, match=r"training hides none: set conditioning\.hide_elements"):
        make_recipe("csp", "sampling.composition_guidance=1", model="kldm")
    with pytest.raises(UsageError, match=r"sampling\.guided_until"):
        make_recipe("csp", HIDES, "sampling.guided_until=0", model="kldm")
    with pytest.raises(UsageError, match=r"from 0\.5 until 0\.5 is none: set a smaller"):
        make_recipe("csp", HIDES, "sampling.guided_until=0.5", "sampling.guided_from=0.5", model="kldm")
