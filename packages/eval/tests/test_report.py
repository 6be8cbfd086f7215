import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.eval import Report, bootstrap_interval, wilson_interval
from epitaxy.eval.intervals import classes_interval


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_rate(counts):
    successes, trials = counts
    low, high = wilson_interval(successes, trials)
    assert 0 <= low <= successes / trials <= high <= 1
    mirrored = wilson_interval(trials - successes, trials)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_wilson_interval_by_hand():
    # 5 of 10: centre 1/2, half width z sqrt(1/40 + z^2/400) / (1 + z^2/10)
    z = 1.959963984540054
    half = z * math.sqrt(1 / 40 + z**2 / 400) / (1 + z**2 / 10)
    assert wilson_interval(5, 10) == pytest.approx((0.5 - half, 0.5 + half))
    assert wilson_interval(0, 0) is None
    with pytest.raises(ValueError):
        wilson_interval(2, 1)


def test_bootstrap_interval():
    values = np.random.default_rng(1).normal(3.0, 1.0, 400).tolist()
    low, high = bootstrap_interval(values)
    assert (low, high) == bootstrap_interval(values)
    # The width for a mean of n values is close to 2 * 1.96 * s / sqrt(n); the seeds are fixed.
    assert high - low == pytest.approx(2 * 1.96 * np.std(values) / 20, rel=0.1)
    assert bootstrap_interval([0.3] * 4) == pytest.approx((0.3, 0.3))
    assert bootstrap_interval([0.3]) is None


def test_report_refuses_a_figure_that_is_missing_without_a_reason():
    with pytest.raises(ValueError, match="no note says why"):
        Report(protocol={}, counts={}, metrics={"rate": None})
    with pytest.raises(ValueError, match="is nan"):
        Report(protocol={}, counts={}, metrics={"rate": math.nan})


def test_report_as_json():
    report = Report(
        protocol={"name": "p"},
        counts={"n": 2},
        metrics={"rate": 0.5, "rmse": None},
        intervals={"rate": (0.1, 0.9)},
        notes={"rmse": "nothing matched"},
        ids={"missing": ("a",)},
    )
    assert json.loads(json.dumps(report.to_json())) == {
        "protocol": {"name": "p"},
        "counts": {"n": 2},
        "metrics": {"rate": 0.5, "rmse": None},
        "intervals": {"rate": [0.1, 0.9]},
        "notes": {"rmse": "nothing matched"},
        "ids": {"missing": ["a"]},
    }


def test_an_interval_of_classes_by_hand():
    # none has a copy: what Wilson's interval of 10 of 10 says
    assert classes_interval(10, 10, 10) == pytest.approx(wilson_interval(10, 10))
    # 4 pairs and 2 alone in 10: the longer arm of the interval of 2 in 10 to both sides of 0.6
    _, high = wilson_interval(2, 10)
    assert classes_interval(6, 2, 10) == pytest.approx((0.8 - high, 0.4 + high))
    for counts in ((3, 4, 5), (6, 2, 5), (0, 0, 0)):
        with pytest.raises(ValueError, match="classes"):
            classes_interval(*counts)


@pytest.mark.parametrize("kinds", [20, 300, 20_000])
def test_an_interval_of_classes_covers(kinds):
    """Of draws from laws with few, some and many kinds: the interval covers the mean nearly always."""
    rng, trials = np.random.default_rng(0), 200
    weights = 1.0 / (1 + np.arange(kinds))
    counts = rng.multinomial(trials, weights / weights.sum(), size=400)
    classes, alone = (counts > 0).sum(axis=1), (counts == 1).sum(axis=1)
    mean = classes.mean() / trials
    ends = [classes_interval(int(c), int(a), trials) for c, a in zip(classes, alone, strict=True)]
    assert sum(low <= mean <= high for low, high in ends) >= 0.95 * len(ends)
