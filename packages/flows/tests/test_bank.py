"""The trajectory bank: what it holds is a function of (seed, round)."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from epitaxy.flows import EntropySchedule, TrajectoryBank
from epitaxy.geometry import RowRng

SCHEDULE = EntropySchedule(100.0, 6)


def bank(seed: int = 0) -> TrajectoryBank:
    return TrajectoryBank(SCHEDULE, size=12, seed=seed, blocks=4)


def content(a: TrajectoryBank) -> Tensor:
    """Draws at every step, with fixed picks: equal if the banks are."""
    index = torch.arange(7).repeat_interleave(200)
    sums = a.draw(index, (3,), rng=torch.Generator().manual_seed(0))
    return torch.stack([sums.deviation, sums.length])


@given(st.lists(st.integers(0, 30), max_size=6), st.integers(0, 30))
@settings(max_examples=15)
def test_content_depends_on_the_round_alone(history: list[int], round: int) -> None:
    """Not on the rounds it went through, used or not: a resumed run has the bank it would have had."""
    travelled = bank()
    for k, earlier in enumerate(history):
        travelled.refresh(earlier)
        if k % 2:
            content(travelled)
    travelled.refresh(round)
    fresh = bank()
    fresh.refresh(round)
    assert travelled.round == fresh.round == round
    assert torch.equal(content(travelled), content(fresh))


def test_one_round_redraws_one_block() -> None:
    """After a refresh three quarters of the picks give what they gave before."""
    a = bank()
    before = content(a)[1, 200:]
    a.refresh(0)
    after = content(a)[1, 200:]
    kept = (before == after).float().mean()
    assert 0.65 < float(kept) < 0.85
    a.refresh(4)
    assert not bool((content(a)[1, 400:] == before[200:]).any())


def test_seeds_differ() -> None:
    assert not torch.equal(content(bank(0)), content(bank(1)))


def test_lengths_are_possible() -> None:
    """At step i at most the sum of i accuracies; 0 at the start; alpha_1 after one message."""
    length = content(bank())[1].view(7, -1)
    reach = torch.cat([torch.zeros(1), SCHEDULE.accuracies(torch.float32).cumsum(0)])
    assert bool((length <= reach[:, None] * (1 + 1e-6)).all())
    assert bool((length[0] == 0).all())
    torch.testing.assert_close(length[1], reach[1].expand(600))


def test_a_pick_is_one_trajectory_in_both_mirror_images() -> None:
    sums = bank().draw(torch.full((4000,), 6), (), rng=torch.Generator().manual_seed(0))
    assert len(sums.length.unique()) == 12
    assert len(sums.deviation.unique()) == 24


def test_draws_follow_the_rows_own_numbers() -> None:
    index, keys = torch.tensor([1, 3, 5, 2]), torch.arange(4)
    full = bank().draw(index, (3,), rng=RowRng(keys))
    part = bank().draw(index[2:], (3,), rng=RowRng(keys[2:]))
    assert torch.equal(full.deviation[2:], part.deviation)


@pytest.mark.parametrize(("size", "blocks"), [(0, 1), (10, 3), (4, 0), (2, 4)])
def test_sizes_that_do_not_fit(size: int, blocks: int) -> None:
    with pytest.raises(ValueError, match=r"multiple of blocks|positive and a whole number"):
        TrajectoryBank(SCHEDULE, size=size, blocks=blocks)
