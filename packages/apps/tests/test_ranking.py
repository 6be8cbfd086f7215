"""In which order the crystals of a composition are shown."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.apps.discovery.proposals.proposal import KINDS, Source
from epitaxy.apps.discovery.ranking import ENERGY_ERROR, EVIDENCE, probabilities

Counts = dict[Source, int]
Crystals = dict[str, tuple[float, Counts]]
CRYSTALS = st.dictionaries(
    st.text("abcdefg", min_size=1, max_size=4),
    st.tuples(st.floats(-12, 2), st.dictionaries(st.sampled_from(KINDS), st.integers(0, 500))),
    min_size=1,
    max_size=30,
)


def ranked(crystals: Crystals, shift: float = 0.0) -> dict[str, float]:
    return probabilities(
        {name: energy + shift for name, (energy, _) in crystals.items()},
        {name: counts for name, (_, counts) in crystals.items()},
    )


@given(CRYSTALS)
def test_they_are_probabilities(crystals: Crystals) -> None:
    found = ranked(crystals)
    assert found.keys() == crystals.keys()
    assert all(0 <= p <= 1 for p in found.values())
    assert math.isclose(sum(found.values()), 1.0, rel_tol=1e-9)


@given(CRYSTALS, st.floats(-5, 5))
def test_a_lower_one_proposed_as_often_comes_first_wherever_zero_lies(
    crystals: Crystals, shift: float
) -> None:
    found, moved = ranked(crystals), ranked(crystals, shift)
    for one, (energy, counts) in crystals.items():
        assert moved[one] == pytest.approx(found[one], rel=1e-6, abs=1e-9)
        for other, (above, others) in crystals.items():
            if energy <= above and all(counts.get(kind, 0) >= others.get(kind, 0) for kind in EVIDENCE):
                assert found[one] >= found[other]


@given(CRYSTALS)
def test_without_evidence_the_order_is_that_of_energies(crystals: Crystals) -> None:
    by_chance: Crystals = {
        name: (energy, {"random": counts.get("random", 0)}) for name, (energy, counts) in crystals.items()
    }
    lowest = min(crystals, key=lambda name: crystals[name][0])
    found = ranked(by_chance)
    assert found[lowest] == max(found.values())


@pytest.mark.parametrize("kind", EVIDENCE)
def test_two_crystals_against_the_formula(kind: Source) -> None:
    found = probabilities({"low": -1.0, "often": -1.0 + ENERGY_ERROR}, {"often": {kind: 9}})
    unseen, power = EVIDENCE[kind]
    assert found["often"] / found["low"] == pytest.approx(math.exp(-1.0) * ((9 + unseen) / unseen) ** power)


def test_proposals_do_not_outweigh_what_a_potential_can_tell() -> None:
    found = probabilities({"low": -1.0, "high": -0.4}, {"high": {"models": 200, "prototypes": 10}})
    assert found["low"] > found["high"]


def test_nothing_of_nothing() -> None:
    assert probabilities({}, {}) == {}
