"""Parameters are checked when a flow or a schedule is made."""

import math
from copy import copy
from dataclasses import fields, replace
from typing import Any, get_args, get_type_hints

import pytest
import torch
from jaxtyping import TypeCheckError

from epitaxy.flows import (
    AbsorbingDiffusion,
    CategoricalBFN,
    CircularBFN,
    CodebookDiffusion,
    DiscretisedGaussianBFN,
    EntropySchedule,
    GaussianBFN,
    KineticDiffusion,
    LinearBeta,
    VariancePreserving,
)
from epitaxy.flows._classes import labels
from epitaxy.geometry import bessel_ratio

NUMBERS: list[tuple[Any, str]] = [
    (CategoricalBFN(classes=3, beta1=0.4), "beta1"),
    (CodebookDiffusion(codes="one_hot", classes=3), "scale"),
    (DiscretisedGaussianBFN(bins=9, sigma1=0.15), "sigma1"),
    (DiscretisedGaussianBFN(bins=9, sigma1=0.15), "t_min"),
    (DiscretisedGaussianBFN(bins=9, sigma1=0.15), "output_clamp"),
    (DiscretisedGaussianBFN(bins=9, sigma1=0.15), "mean_clamp"),
    (EntropySchedule(10.0, 5), "final_concentration"),
    (GaussianBFN(), "sigma1"),
    (GaussianBFN(parametrisation="noise", t_min=1e-4, clamp=10.0), "clamp"),
    (KineticDiffusion(), "horizon"),
    (KineticDiffusion(), "corrector_step"),
    (LinearBeta(), "low"),
    (LinearBeta(), "high"),
    (VariancePreserving(), "corrector_step"),
]
COUNTS: list[tuple[Any, str]] = [
    (AbsorbingDiffusion(classes=3), "classes"),
    (CategoricalBFN(classes=3, beta1=0.4), "classes"),
    (CategoricalBFN(classes=3, beta1=0.4), "draws"),
    (CategoricalBFN(classes=3, beta1=0.4), "grid"),
    (CircularBFN(schedule=EntropySchedule(10.0, 5)), "bank_size"),
    (CodebookDiffusion(codes="one_hot", classes=3), "classes"),
    (DiscretisedGaussianBFN(bins=9, sigma1=0.15), "bins"),
    (DiscretisedGaussianBFN(bins=9, sigma1=0.15), "draws"),
    (EntropySchedule(10.0, 5), "steps"),
    (GaussianBFN(), "grid"),
]
RANGES: list[tuple[Any, str, float, float]] = [
    (DiscretisedGaussianBFN(bins=9, sigma1=0.15), "sigma1", 1e-9, 1.0),
    (DiscretisedGaussianBFN(bins=9, sigma1=0.15), "temperature", 1e-2, 1e2),
    (EntropySchedule(10.0, 5), "final_concentration", 1e-9, 1e12),
    (GaussianBFN(), "sigma1", 1e-9, 1.0),
    (GaussianBFN(), "t_min", 0.0, 1.0),
    (GaussianBFN(), "temperature", 1e-2, 1e2),
    (KineticDiffusion(), "horizon", 1e-3, 1e3),
    (KineticDiffusion(), "initial_velocity", 0.0, 1e6),
    (KineticDiffusion(), "temperature", 1e-2, 1e2),
]
"""The least value that serves, and the least beyond it that does not."""
REFUSED = (ValueError, TypeCheckError)


def words_of(hint: Any) -> set[Any]:
    """The words of a Literal, or of a union that has one."""
    return set().union(*(words_of(part) if get_args(part) else {part} for part in get_args(hint)))


@pytest.mark.parametrize(("fine", "name"), NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0, 0.0, 1e300])
def test_no_number_that_makes_nan_passes(fine: Any, name: str, value: float) -> None:
    if value == 1e300 and name not in ("sigma1", "t_min", "final_concentration", "horizon", "low", "high"):
        return
    with pytest.raises(REFUSED):
        replace(fine, **{name: value})


@pytest.mark.parametrize(("fine", "name"), NUMBERS)
def test_a_half_passes_everywhere(fine: Any, name: str) -> None:
    assert getattr(replace(fine, **{name: 0.5}), name) == 0.5


@pytest.mark.parametrize(("fine", "name", "least", "below"), RANGES)
def test_ranges_end_where_they_are_said_to(fine: Any, name: str, least: float, below: float) -> None:
    for value in (least, math.nextafter(below, 0.0)):
        assert getattr(replace(fine, **{name: value}), name) == value
    for value in (math.nextafter(least, -math.inf), below):
        with pytest.raises(ValueError, match=f"{name} must be at least {least:g} and less than"):
            replace(fine, **{name: value})


@pytest.mark.parametrize(("fine", "name"), COUNTS)
@pytest.mark.parametrize("value", [0, -3, 2.5, True, math.nan])
def test_counts_are_whole_and_positive(fine: Any, name: str, value: Any) -> None:
    with pytest.raises(REFUSED):
        replace(fine, **{name: value})


def test_initial_velocities_may_be_zero_and_no_less() -> None:
    for wrong in (math.nan, math.inf, -0.1):
        with pytest.raises(REFUSED):
            KineticDiffusion(initial_velocity=wrong)


@pytest.mark.parametrize("steps", [1, 7, 1000])
@pytest.mark.parametrize("final", [1e-9, 1e-6, 1e-2, 1e6, 1e11])
def test_extreme_schedules_are_right(final: float, steps: int) -> None:
    """Rising to the end; for concentrations near 0, where entropy falls by c^2 / 4, as the root of time."""
    schedule = EntropySchedule(final, steps)
    targets, accuracies, weights = schedule.concentrations(), schedule.accuracies(), schedule.weights()
    for values in (targets, accuracies, weights):
        assert bool(values.isfinite().all() & (values > 0).all())
    assert bool((targets.diff() > 0).all())
    assert float(targets[-1]) == final
    assert float(accuracies[0]) == pytest.approx(float(targets[0]), rel=1e-8) or steps == 1
    if final <= 1e-2:
        share = torch.arange(1, steps + 1, dtype=torch.float64) / steps
        torch.testing.assert_close(targets, final * share.sqrt(), rtol=1e-4, atol=0.0)
        torch.testing.assert_close(weights, steps * accuracies * bessel_ratio(accuracies))


WORDS = [
    pytest.param(flow, part.name, id=f"{type(flow).__name__}-{part.name}")
    for flow in (
        AbsorbingDiffusion(classes=3),
        CategoricalBFN(classes=3, beta1=0.4),
        CircularBFN(schedule=EntropySchedule(10.0, 5)),
        CodebookDiffusion(codes="one_hot", classes=3),
        DiscretisedGaussianBFN(bins=9, sigma1=0.15),
        GaussianBFN(),
        KineticDiffusion(),
        VariancePreserving(),
    )
    for part in fields(flow)
    if "str" in {type(word).__name__ for word in words_of(get_type_hints(type(flow))[part.name])}
]


@pytest.mark.parametrize(("fine", "name"), WORDS)
def test_a_word_that_is_no_option_is_refused_by_name(fine: Any, name: str) -> None:
    """By the flow itself, which tells its words: users have not the tests' hook that looks at types."""
    wrong = copy(fine)
    object.__setattr__(wrong, name, "nonsense")
    with pytest.raises(
        ValueError, match=rf"^{name} must be one of .*{getattr(fine, name)}.*, not 'nonsense'$"
    ):
        wrong.__post_init__()


DEFAULTS: list[tuple[Any, dict[str, Any]]] = [
    # CrysBFN: c_n = 1000, sigma1^2 = 0.001 and n = 1000; the bank is ours.
    (CircularBFN(), {"schedule": EntropySchedule(1000.0, 1000), "bank_size": 4096, "bank_seed": 0}),
    (GaussianBFN(), {"sigma1": math.sqrt(1e-3), "grid": 1000, "t_min": 0.0, "temperature": 1.0}),
    (CategoricalBFN(classes=3, beta1=0.4), {"grid": 1000, "temperature": 1.0, "draws": 1}),
    # GeoBFN's code: continuous time from 1e-4, the network's numbers within 10, the mean within 2.
    (
        DiscretisedGaussianBFN(bins=9, sigma1=0.15),
        {"grid": None, "t_min": 1e-4, "output_clamp": 10.0, "mean_clamp": 2.0, "sigma_range": (1e-6, 4.0)},
    ),
    # KLDM: T = 2, velocities that start at rest, and betas from 0.1 to 20; sizes of corrections are ours.
    (
        KineticDiffusion(),
        {"horizon": 2.0, "initial_velocity": 0.0, "temperature": 1.0, "corrector_step": 0.25},
    ),
    (VariancePreserving(), {"schedule": LinearBeta(low=0.1, high=20.0), "corrector_step": 0.25}),
    (CodebookDiffusion(codes="one_hot", classes=3), {"process": VariancePreserving(), "scale": 1.0}),
]


@pytest.mark.parametrize(("flow", "values"), DEFAULTS)
def test_defaults_stay(flow: Any, values: dict[str, Any]) -> None:
    """The published ones, where there are any."""
    assert {name: getattr(flow, name) for name in values} == values


FLOWS = {id(flow): flow for flow, _ in COUNTS + NUMBERS if hasattr(flow, "with_steps")}


@pytest.mark.parametrize(
    "flow", [*FLOWS.values(), DiscretisedGaussianBFN(bins=9, sigma1=0.15, grid=None)], ids=repr
)
@pytest.mark.parametrize("steps", [0, -1, 1.5, True])
def test_no_flow_takes_what_is_no_number_of_steps(flow: Any, steps: Any) -> None:
    with pytest.raises(REFUSED):
        flow.with_steps(steps)


LABELLED = [
    AbsorbingDiffusion(classes=3),
    CategoricalBFN(classes=3, beta1=0.4),
    CodebookDiffusion(codes="one_hot", classes=3),
    CodebookDiffusion(codes="bits", classes=3),
    DiscretisedGaussianBFN(bins=3, sigma1=0.15),
]


@pytest.mark.parametrize("flow", LABELLED, ids=repr)
@pytest.mark.parametrize("wrong", [-1, 3])
def test_a_label_that_is_no_class_is_refused(flow: Any, wrong: int) -> None:
    """Not counted from the end, nor taken for the mask."""
    half, rng = torch.full((2,), 0.5), torch.Generator()
    with pytest.raises(ValueError, match="class labels must be 0 to 2"):
        flow.corrupt(torch.tensor([0, wrong]), half, rng=rng)


@pytest.mark.parametrize("flow", LABELLED, ids=repr)
@pytest.mark.parametrize("wrong", [torch.tensor([0.0, 1.5]), torch.tensor([True, False])])
def test_no_label_is_rounded(flow: Any, wrong: torch.Tensor) -> None:
    with pytest.raises((TypeError, TypeCheckError)):
        flow.corrupt(wrong, torch.full((2,), 0.5), rng=torch.Generator())


def test_labels_of_few_bits_are_labels() -> None:
    for dtype in (torch.int8, torch.int32):
        found = labels(torch.tensor([2, 0], dtype=dtype), 3)
        assert found.dtype == torch.int64
        assert found.tolist() == [2, 0]
    assert labels(torch.empty(0, dtype=torch.int64), 3).shape == (0,)
    assert labels(torch.empty(2, dtype=torch.int64, device="meta"), 3).shape == (2,)  # no value is asked for


def test_two_bins_are_bins_and_one_is_none() -> None:
    assert DiscretisedGaussianBFN(bins=2, sigma1=0.15).bins == 2
    with pytest.raises(ValueError, match="bins must be at least 2"):
        DiscretisedGaussianBFN(bins=1, sigma1=0.15)
