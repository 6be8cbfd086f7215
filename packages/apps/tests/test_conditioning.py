"""Properties as models are told them."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.apps import UsageError
from epitaxy.apps.config import ConditioningConfig
from epitaxy.apps.foundation.assignments import parse_targets
from epitaxy.apps.generative.conditioning import (
    Conditioned,
    PropertyConditions,
    guide,
    guided,
    hide,
    standardise,
)
from epitaxy.data import PropertyStatistics
from epitaxy.geometry import Segments, SharedRng

KNOWN = {
    "gap": PropertyStatistics(known=10, mean=2.0, std=0.5, min=0.0, max=5.0),
    "same": PropertyStatistics(known=10, mean=1.0, std=0.0, min=1.0, max=1.0),
}


def test_standardised_values_keep_what_is_missing_missing() -> None:
    values = {"gap": torch.tensor([2.0, 3.0, torch.nan]), "same": torch.tensor([1.0, 2.0, 1.0])}
    found = standardise(values, ["same", "gap", "same"], KNOWN, torch.zeros(3))
    torch.testing.assert_close(found[:2], torch.tensor([[0.0, 0.0, 0.0], [1.0, 2.0, 1.0]]))
    assert math.isnan(found[2, 1])
    assert standardise({}, ["gap"], KNOWN, torch.zeros(2)).isnan().all()


def test_hidden_properties_go_together_and_one_by_one() -> None:
    """Shares over 40,000 structures, within 5 standard deviations (2e-6 each)."""
    share, rows = 0.3, 40_000
    found = hide(torch.zeros(rows, 2), share, SharedRng(torch.Generator().manual_seed(0))).isnan()
    neither = (1 - share) ** 3
    both = share + (1 - share) * share**2
    for seen, expected in ((~found).all(1), neither), (found.all(1), both):
        assert abs(float(seen.double().mean()) - expected) < 5 * math.sqrt(expected * (1 - expected) / rows)
    assert not hide(torch.zeros(9, 2), 0.0, SharedRng(torch.Generator().manual_seed(0))).isnan().any()


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_targets_are_read_to_the_bit(a: float, b: float) -> None:
    assert parse_targets([f"x={a!r}", f"y={b!r}"]) == {"x": a, "y": b}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["gap"], "write NAME=NUMBER"),
        (["gap=wide"], "write NAME=NUMBER"),
        (["gap=nan"], "write NAME=NUMBER"),
        (["gap=inf"], "write NAME=NUMBER"),
        (["gap=1", "gap=2"], "twice"),
    ],
)
def test_words_that_are_no_targets(words: list[str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        parse_targets(words)


def told(*names: str, hide: float = 0.1, structures: int = 10) -> PropertyConditions:
    return PropertyConditions(ConditioningConfig(properties=names, hide=hide), KNOWN, structures)


@pytest.mark.parametrize(
    ("model", "targets", "guidance", "sentence"),
    [
        (told(), {"gap": 1.0}, 0.0, "trained without properties"),
        (told("gap"), {"gapp": 1.0}, 0.0, "did you mean 'gap'"),
        (told("gap"), {}, 1.0, "name one with --property"),
        (told("gap", "same", hide=0.0), {"gap": 1.0}, 0.0, "name same with --property"),
        (told("gap", hide=0.0), {}, 0.0, "name gap with --property"),
        (told("gap", hide=0.0), {"gap": 1.0}, 1.0, "leave it out"),
    ],
)
def test_what_a_model_cannot_be_asked(
    model: PropertyConditions, targets: dict[str, float], guidance: float, sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        model.check(targets, guidance)


def test_what_a_model_can_be_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """Where some structures lacked the property, training without it happened though nothing was hidden."""
    told("gap", hide=0.0, structures=11).check({}, 0.0)
    told("gap", "same").check({"gap": 5.0}, 2.0)
    told("gap", "same").check({"gap": 0.0}, 2.0)
    assert capsys.readouterr().err == ""
    told("gap").check({"gap": -6.0}, 0.0)
    assert "--property gap=-6: training had 0 to 5" in capsys.readouterr().err


def test_a_property_that_data_has_not() -> None:
    with pytest.raises(UsageError, match="has no property 'band'"):
        told("band")
    with pytest.raises(UsageError, match="'gap'; it has none"):
        PropertyConditions(ConditioningConfig(properties=("gap",)), {}, 10)


def test_training_tells_what_it_does_not_hide() -> None:
    values, source = {"gap": torch.tensor([2.5, 1.0])}, SharedRng(torch.Generator().manual_seed(0))
    shown = told("gap", hide=0.0).in_training(values, torch.zeros(2), source=source)
    assert shown is not None
    assert shown.tolist() == [[1.0], [-2.0]]
    assert told().in_training(values, torch.zeros(2), source=source) is None


@pytest.mark.parametrize("guidance", [None, torch.tensor([0.5])])
@pytest.mark.parametrize("properties", [None, torch.tensor([[3.0]])])
def test_only_guidance_towards_properties_asks_what_there_is_without_them(
    guidance: torch.Tensor | None, properties: torch.Tensor | None
) -> None:
    asked: list[float] = []

    def predict(given: Conditioned) -> dict[str, torch.Tensor]:
        value = 0.0 if given.properties is None else float(given.properties)
        asked.append(value)
        return {"cells": torch.tensor([0.0 if math.isnan(value) else value])}

    given = Conditioned(segments=Segments.from_counts([2]), properties=properties, guidance=guidance)
    found = float(guided(predict, given, {"cells": "graph"})["cells"])
    if guidance is None or properties is None:
        assert asked == [found]
    else:
        assert asked[0] == 3.0
        assert math.isnan(asked[1])
        assert found == 3.0 + 0.5 * 3.0


def test_each_structure_is_steered_by_its_own_strength() -> None:
    segments, guidance = Segments.from_counts([1, 2]), torch.tensor([0.0, 2.0])
    told = {"atoms": torch.ones(3, 2), "cells": torch.ones(2, 6)}
    untold = {"atoms": torch.zeros(3, 2), "cells": torch.full((2, 6), 0.5)}
    found = guide(told, untold, segments, guidance, {"atoms": "atom", "cells": "graph"})
    assert found["atoms"][:, 0].tolist() == [1.0, 3.0, 3.0]
    assert found["cells"][:, 0].tolist() == [1.0, 2.0]


def test_a_property_is_named_once() -> None:
    with pytest.raises(UsageError, match="named once"):
        ConditioningConfig.parse({"properties": ["a", "a"]}, source="here")
