"""The law of the device is held against every word that a recipe may be given, so that none is forgotten."""

import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from device_cases import CASES, SAMPLED, Case

from epitaxy.apps import UsageError
from epitaxy.apps.config.base import Config
from epitaxy.apps.foundation.names import MODELS
from epitaxy.apps.generative.recipes import recipes_of

Choice = tuple[str, str, str, object]
"""The classes of the recipe and of the configuration in it, the key from the recipe on, the value."""

ELSEWHERE = {
    "format": "how the file is read",
    "training.keep": "which weights are written, by validations; test_selection.py",
    "training.schedule": "a rate that the host computes; test_optimiser.py",
}
"""Keys that no device sees, what they say, and where they are tested."""
IMPOSSIBLE = {
    ("MoleculeRecipe", "GaussianBFNConfig", "positions.loss", "discrete"): "elements have continuous time",
    ("WyckoffRecipe", "VPConfig", "lattice.sampler", "published_pc"): "corrections move what a group fixes",
}
"""What no recipe can have, and why; the recipes refuse it."""


def parts(annotation: Any) -> list[Any]:
    """Return what a field may be."""
    if hasattr(annotation, "__metadata__"):
        return parts(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [part for one in get_args(annotation) for part in parts(one)]
    return [annotation]


def choices(config: type[Config], recipe: str = "", place: str = "") -> Iterator[Choice]:
    """Yield every value of every key that has a list of them: kinds, losses, samplers, yes and no."""
    recipe = recipe or config.__name__
    for name, field in config.model_fields.items():
        for part in parts(field.annotation):
            if isinstance(part, type) and issubclass(part, Config):
                yield from choices(part, recipe, f"{place}{name}.")
            elif get_origin(part) is Literal or part is bool:
                for value in get_args(part) or (True, False):
                    yield recipe, config.__name__, place + name, value


def chosen(case: Case, sampler: str | None = None) -> Iterator[Choice]:
    """Yield what a case has, sampled so: by its own sampler each flow that has none of that name."""

    def of(config: Config, place: str) -> Iterator[Choice]:
        for name in type(config).model_fields:
            key, value = place + name, getattr(config, name)
            if isinstance(value, Config):
                yield from of(value, f"{key}.")
                continue
            named = (type(recipe).__name__, type(config).__name__, key, sampler)
            if name == "sampler" and named in known:
                value = sampler
            yield (*named[:3], value)

    recipe = case.recipe()
    known = set(choices(type(recipe)))
    return of(recipe, "")


def forgotten(seen: list[Choice]) -> list[Choice]:
    recipes = dict.fromkeys(recipes_of(model).schema for model in MODELS)
    every = [choice for recipe in recipes for choice in choices(recipe)]
    assert len(every) > 200
    return [
        choice
        for choice in dict.fromkeys(every)
        if choice not in seen and choice not in IMPOSSIBLE and not choice[2].startswith(tuple(ELSEWHERE))
    ]


def test_every_choice_is_trained_on_the_device() -> None:
    """But for samplers, which training does not see."""
    seen = [choice for case in CASES for choice in chosen(case)]
    assert [choice for choice in forgotten(seen) if not choice[2].endswith(".sampler")] == []


def test_every_choice_is_sampled_on_the_device() -> None:
    """But for those of training."""
    seen = [choice for case, sampler in SAMPLED for choice in chosen(case, sampler)]
    assert [choice for choice in forgotten(seen) if not choice[2].startswith("training.")] == []


def test_every_preset_and_task_is_trained_on_the_device() -> None:
    """But "quickstart", which is "small" in short, and of which GeoBFN and SymmBFN have no networks."""
    seen = {(case.model, case.preset, case.task) for case in CASES}
    for model, entry in MODELS.items():
        for task in entry.tasks:
            assert {(model, preset, task) for preset in ("paper", "small")} <= seen


def test_what_is_impossible_is_refused() -> None:
    atoms = Case("geobfn", "small", "dng")
    cells = Case("symmbfn", "small", "dng", ("lattice.kind=variance_preserving",))
    with pytest.raises(ValueError, match="discrete-time loss needs a grid"):
        atoms.recipe("positions.loss=discrete").build_flow((1, 6))
    with pytest.raises(UsageError, match=r"lattice\.sampler: a space group fixes"):
        cells.recipe("lattice.sampler=published_pc")
