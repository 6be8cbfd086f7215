"""In which order the crystals of a composition are shown."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.apps.discovery.ranking import ENERGY_ERROR, TRUST, UNDRAWN, probabilities

CRYSTALS = st.dictionaries(
    st.text("abcdefg", min_size=1, max_size=4),
    st.tuples(st.floats(-12, 2), st.integers(0, 500)),
    min_size=1,
    max_size=30,
)


@given(CRYSTALS)
def test_they_are_probabilities(crystals: dict[str, tuple[float, int]]) -> None:
    found = probabilities({n: e for n, (e, _) in crystals.items()}, {n: d for n, (_, d) in crystals.items()})
    assert found.keys() == crystals.keys()
    assert all(0 <= p <= 1 for p in found.values())
    assert math.isclose(sum(found.values()), 1.0, rel_tol=1e-9)


@given(CRYSTALS, st.floats(-5, 5))
def test_a_lower_one_drawn_as_often_comes_first_wherever_zero_lies(
    crystals: dict[str, tuple[float, int]], shift: float
) -> None:
    energies, draws = {n: e for n, (e, _) in crystals.items()}, {n: d for n, (_, d) in crystals.items()}
    found = probabilities(energies, draws)
    moved = probabilities({n: e + shift for n, e in energies.items()}, draws)
    for one in crystals:
        assert moved[one] == pytest.approx(found[one], rel=1e-6, abs=1e-9)
        for other in crystals:
            if energies[one] <= energies[other] and draws[one] >= draws[other]:
                assert found[one] >= found[other]


@given(CRYSTALS)
def test_without_models_the_order_is_that_of_energies(crystals: dict[str, tuple[float, int]]) -> None:
    energies = {n: e for n, (e, _) in crystals.items()}
    found = probabilities(energies, {})
    lowest = min(energies, key=lambda name: energies[name])
    assert found[lowest] == max(found.values())


def test_two_crystals_against_the_formula() -> None:
    found = probabilities({"low": -1.0, "drawn": -1.0 + ENERGY_ERROR}, {"drawn": 9})
    odds = math.exp(-1.0) * ((9 + UNDRAWN) / UNDRAWN) ** TRUST
    assert found["drawn"] / found["low"] == pytest.approx(odds)


def test_draws_do_not_outweigh_what_a_potential_can_tell() -> None:
    found = probabilities({"low": -1.0, "high": -0.4}, {"high": 200})
    assert found["low"] > found["high"]


def test_nothing_of_nothing() -> None:
    assert probabilities({}, {}) == {}
