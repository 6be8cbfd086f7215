from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from epitaxy.eval.dng import Transport, crystal_system, jensen_shannon
from epitaxy.eval.dng.distances import jensen_shannon_interval

VALUES = st.lists(st.floats(-100, 100), min_size=1, max_size=20)
COUNTS = st.lists(st.integers(0, 9), min_size=6, max_size=6).filter(any)


def test_wasserstein_by_hand():
    assert Transport([0.0, 1.0], [0.0, 3.0]).distance() == pytest.approx(1)
    assert Transport([5.0], [1.0, 2.0, 6.0]).distance() == pytest.approx((4 + 3 + 1) / 3)
    assert Transport([0.0, 10.0], [0.0]).distance(np.array([3.0, 1.0])) == pytest.approx(2.5)


@given(VALUES, VALUES)
def test_wasserstein_is_scipys(mine, theirs):
    assert Transport(mine, theirs).distance() == pytest.approx(wasserstein_distance(mine, theirs), abs=1e-9)


@given(VALUES, VALUES, st.integers(0, 2**32 - 1))
def test_wasserstein_of_weighted_samples_is_of_repeated_ones(mine, theirs, seed):
    weights = np.random.default_rng(seed).integers(0, 4, len(mine))
    if weights.any():
        repeated = np.repeat(mine, weights).tolist()
        expected = Transport(repeated, theirs).distance()
        assert Transport(mine, theirs).distance(weights * 1.0) == pytest.approx(expected, abs=1e-9)


@given(VALUES, st.randoms())
def test_the_same_values_in_any_order_are_at_distance_0(values, random):
    shuffled = values.copy()
    random.shuffle(shuffled)
    assert Transport(shuffled, values).distance() == pytest.approx(0, abs=1e-9)


def test_the_interval_holds_the_distance():
    rng = np.random.default_rng(0)
    reference = rng.normal(size=500).tolist()
    for values in (reference, rng.normal(2, 1, size=300).tolist()):
        transport = Transport(values, reference)
        low, high = transport.interval(resamples=200)
        assert low <= transport.distance() <= high
    # two normal distributions 2 apart are at distance 2
    assert low < 2 < high
    assert high - low < 0.5


def test_spread_over_draws():
    transport = Transport([float(n) for n in range(10)], [4.5])
    whole = transport.spread(10, draws=3)
    assert whole is not None
    assert whole.mean == pytest.approx(transport.distance()) == pytest.approx(2.5)
    assert whole.sd == pytest.approx(0)
    some = transport.spread(4, draws=300)
    assert some == transport.spread(4, draws=300)
    assert some != transport.spread(4, draws=300, seed=1)
    assert some.sd > 0.1
    assert some.interval[0] < some.mean < some.interval[1]
    assert transport.spread(11) is None


@pytest.mark.parametrize("bad", [[], [float("nan")], [float("inf")]])
def test_no_distance_without_finite_values(bad):
    with pytest.raises(ValueError, match=r"values on both sides|not finite"):
        Transport(bad, [1.0])


def test_jensen_shannon_by_hand():
    assert jensen_shannon(np.array([1.0, 1.0]), np.array([2.0, 2.0])) == 0
    assert jensen_shannon(np.array([3.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(sqrt(log(2)))
    # p = (1, 0), q = (1/2, 1/2), m = (3/4, 1/4)
    expected = sqrt((log(4 / 3) + 0.5 * log(2 / 3) + 0.5 * log(2)) / 2)
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([1.0, 1.0])) == pytest.approx(expected)
    with pytest.raises(ValueError, match="both sides"):
        jensen_shannon(np.zeros(3), np.ones(3))


@given(COUNTS, COUNTS)
def test_jensen_shannon_is_scipys(first, second):
    p, q = np.array(first, dtype=float), np.array(second, dtype=float)
    expected = jensenshannon(p, q)
    assert jensen_shannon(p, q) == pytest.approx(0 if np.isnan(expected) else expected, abs=1e-7)
    assert jensen_shannon(p, q) == pytest.approx(jensen_shannon(q, p), abs=1e-7)


def test_the_interval_holds_the_jensen_shannon_distance():
    mine, theirs = np.array([50.0, 30.0, 20.0]), np.array([500.0, 300.0, 200.0])
    low, high = jensen_shannon_interval(mine, theirs, resamples=300)
    assert low == 0 == jensen_shannon(mine, theirs)
    assert 0 < high < 0.2
    far = np.array([50.0, 30.0, 20.0]), np.array([10.0, 10.0, 100.0])
    low, high = jensen_shannon_interval(*far, resamples=300)
    value = jensen_shannon(*far)
    assert low < value < high
    assert (low + high) / 2 == pytest.approx(value, abs=0.02)  # about the distance, not above it


def test_crystal_systems():
    ends = [1, 2, 3, 15, 16, 74, 75, 142, 143, 167, 168, 194, 195, 230]
    names = ["triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic"]
    assert [crystal_system(number) for number in ends] == [name for name in names for _ in range(2)]
    for number in (0, 231):
        with pytest.raises(ValueError, match="from 1 to 230"):
            crystal_system(number)
