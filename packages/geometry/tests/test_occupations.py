"""Which Wyckoff positions a composition can occupy."""

import time
from collections import Counter
from itertools import combinations_with_replacement

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from epitaxy.geometry.symmetry import (
    count_occupations,
    draw_occupation,
    occupation_possible,
    wyckoff_table,
)
from epitaxy.geometry.symmetry.occupations import _integer_below, _occupations
from epitaxy.geometry.testing import SIGMAS

TABLE = wyckoff_table()
COMPOSITIONS = st.dictionaries(st.integers(1, 94), st.integers(1, 30), min_size=1, max_size=6)
GROUPS = st.integers(1, 230)
Way = tuple[tuple[int, int], ...]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def brute_force(number: int, counts: dict[int, int], max_orbits: int | None) -> set[Way]:
    """Every multiset of each element's positions, put together and checked."""
    first, end = TABLE.position_first[number - 1 : number + 1].tolist()
    ways: set[Way] = {()}
    for element, count in counts.items():
        small = [site for site in range(first, end) if int(TABLE.multiplicity[site]) <= count]
        least = min((int(TABLE.multiplicity[site]) for site in small), default=count)
        own = [
            chosen
            for size in range(1, count // least + 1)
            for chosen in combinations_with_replacement(small, size)
            if sum(int(TABLE.multiplicity[site]) for site in chosen) == count
        ]
        ways = {(*way, *((element, site) for site in chosen)) for way in ways for chosen in own}
    return {tuple(sorted(way)) for way in ways if allowed(way) and len(way) <= (max_orbits or len(way))}


def allowed(way: Way) -> bool:
    times = Counter(site for _, site in way)
    return all(n == 1 for site, n in times.items() if not int(TABLE.freedom[site]))


@pytest.mark.parametrize(
    ("number", "counts"),
    [
        (1, {6: 3, 8: 2}),
        (2, {1: 4, 3: 3}),
        (2, {1: 5}),
        (10, {5: 2, 6: 2}),
        (47, {8: 3, 22: 1}),
        (99, {3: 2, 8: 3, 9: 1}),
        (123, {11: 3, 17: 3}),
        (162, {1: 4, 2: 3, 3: 2}),
        (191, {12: 3, 5: 6}),
        (216, {30: 4, 16: 4}),
        (221, {22: 1, 38: 1, 8: 3}),
        (225, {11: 4, 17: 4, 8: 8}),
    ],
)
@pytest.mark.parametrize("max_orbits", [None, 2, 3, 4])
def test_every_way_has_a_number(number: int, counts: dict[int, int], max_orbits: int | None) -> None:
    """The ways of all numbers are those of brute force, each once: so drawing is uniform."""
    found = _occupations(number, counts, max_orbits)
    ways = [tuple(found.way(rank)) for rank in range(found.total)]
    assert count_occupations(number, counts, max_orbits=max_orbits) == len(ways) == len(set(ways))
    assert set(ways) == brute_force(number, counts, max_orbits)


@pytest.mark.parametrize(
    ("number", "counts", "possible"),
    [
        (221, {38: 1, 22: 1, 8: 3}, True),  # SrTiO3
        (225, {38: 4, 22: 4, 8: 12}, False),  # four of it: 12 = 8 + 4, but strontium and titanium take both 4
        (225, {11: 4, 17: 4}, True),  # NaCl
        (225, {11: 1, 17: 1}, False),
        (225, {11: 4, 17: 4, 19: 4}, False),
        (227, {6: 8}, True),  # diamond
        (227, {6: 4}, False),
        (1, {1: 1}, True),
        (2, dict.fromkeys(range(1, 9), 1), True),
        (2, dict.fromkeys(range(1, 10), 1), False),  # nine odd numbers on eight inversion centres
    ],
)
def test_known_crystals(number: int, counts: dict[int, int], possible: bool) -> None:
    assert occupation_possible(number, counts) is possible


@given(GROUPS, COMPOSITIONS, st.none() | st.integers(1, 40), st.integers(0, 2**40))
@settings(max_examples=150)
def test_drawn_ways(number: int, counts: dict[int, int], max_orbits: int | None, seed: int) -> None:
    """Exactly the atoms asked for, on the group's positions, none without freedom twice, sorted."""
    if not occupation_possible(number, counts, max_orbits=max_orbits):
        with pytest.raises(ValueError, match=f"space group {number} has no Wyckoff positions"):
            draw_occupation(number, counts, rng=generator(), max_orbits=max_orbits)
        return
    way = draw_occupation(number, counts, rng=generator(seed), max_orbits=max_orbits)
    atoms: Counter[int] = Counter()
    for element, site in way:
        assert int(TABLE.number[site]) == number
        atoms[element] += int(TABLE.multiplicity[site])
    assert atoms == counts
    assert allowed(tuple(way))
    assert max_orbits is None or len(way) <= max_orbits
    assert way == sorted(way)
    assert way == draw_occupation(
        number, dict(reversed(counts.items())), rng=generator(seed), max_orbits=max_orbits
    )


@given(GROUPS, COMPOSITIONS, st.integers(1, 40))
@settings(max_examples=50)
def test_a_limit_that_does_not_bind(number: int, counts: dict[int, int], max_orbits: int) -> None:
    """Ways only become more as the limit rises, up to those without one."""
    limited = count_occupations(number, counts, max_orbits=max_orbits)
    more = count_occupations(number, counts, max_orbits=max_orbits + 1)
    every = count_occupations(number, counts)
    assert limited <= more <= every
    assert count_occupations(number, counts, max_orbits=sum(counts.values())) == every


@pytest.mark.parametrize("number", [1, 2, 47, 99, 123, 162, 191, 221, 225])
def test_large_cells_answer_at_once(number: int) -> None:
    """200 atoms of six elements; in a second where it takes a tenth on two slow cores."""
    counts = {8: 66, 14: 40, 26: 40, 22: 24, 38: 20, 3: 10}
    start = time.process_time()
    for max_orbits in (None, 20, 60):
        if occupation_possible(number, counts, max_orbits=max_orbits):
            draw_occupation(number, counts, rng=generator(), max_orbits=max_orbits)
    assert time.process_time() - start < 3


@pytest.mark.statistical
def test_draws_are_uniform() -> None:
    """Pearson's statistic of 4000 draws among the ways of Mg2B4 in group 191 is within its law's width.

    Its mean is k - 1 and its variance close to 2 (k - 1) for k ways; the normal bound is doubled for the
    tail of chi-square.
    """
    counts, draws, rng = {12: 2, 5: 4}, 4000, generator()
    ways = count_occupations(191, counts)
    found = Counter(tuple(draw_occupation(191, counts, rng=rng)) for _ in range(draws))
    assert 20 < ways < 200
    expected = draws / ways
    pearson = sum((n - expected) ** 2 / expected for n in found.values()) + expected * (ways - len(found))
    assert abs(pearson - (ways - 1)) < 2 * SIGMAS * (2 * (ways - 1)) ** 0.5


@pytest.mark.statistical
def test_integers_of_any_size() -> None:
    """Uniform beyond 64 bits: the shares of the thirds, and never the bound."""
    high, rng, draws = 3 * 10**25, generator(), 3000
    thirds = Counter(_integer_below(high, rng) // 10**25 for _ in range(draws))
    assert set(thirds) == {0, 1, 2}
    assert all(abs(n - draws / 3) < SIGMAS * (draws * 2 / 9) ** 0.5 for n in thirds.values())
    assert _integer_below(1, rng) == 0


@pytest.mark.parametrize(
    ("number", "counts", "limit", "message"),
    [
        (0, {1: 1}, None, "numbers 1 to 230"),
        (1, {}, None, "at least one element"),
        (1, {1: 0}, None, "at least one atom"),
        (1, {1: 600, 2: 401}, None, "1001 atoms"),
        (1, {1: 1}, 0, "max_orbits"),
    ],
)
def test_questions_without_sense(
    number: int, counts: dict[int, int], limit: int | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        occupation_possible(number, counts, max_orbits=limit)


def test_the_refusal_says_what_does_not_fit() -> None:
    with pytest.raises(
        ValueError, match=r"225 .* 1 of element 11, 1 of element 17 in at most 2 orbits: change"
    ):
        draw_occupation(225, {17: 1, 11: 1}, rng=generator(), max_orbits=2)
