import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.data import ShuffledBatches

SIZES = {"num": st.integers(1, 60), "batch_size": st.integers(1, 60), "seed": st.integers(0, 2**63)}


def batches(num: int, batch_size: int, seed: int, drop_last: bool) -> ShuffledBatches:
    return ShuffledBatches(num=num, batch_size=min(num, batch_size), seed=seed, drop_last=drop_last)


@given(**SIZES, number=st.integers(0, 5))
def test_a_pass_sees_everything_once(num, batch_size, seed, number):
    b = batches(num, batch_size, seed, drop_last=False)
    seen = torch.cat([b.indices(number * b.steps_per_pass + i) for i in range(b.steps_per_pass)])
    assert sorted(seen.tolist()) == list(range(num))


@given(**SIZES, step=st.integers(0, 1000))
def test_full_batches_only_and_nothing_twice(num, batch_size, seed, step):
    b = batches(num, batch_size, seed, drop_last=True)
    found = b.indices(step).tolist()
    assert len(found) == b.batch_size == len(set(found))


@given(**SIZES, step=st.integers(0, 1000), world=st.integers(1, 4), drop_last=st.booleans())
def test_ranks_share_the_batch_of_one(num, batch_size, seed, step, world, drop_last):
    b = batches(num, batch_size, seed, drop_last)
    try:
        shares = [b.indices(step, rank, world) for rank in range(world)]
    except ValueError:
        assert b.batch_size < world or (not drop_last and num % b.batch_size < world)
        return
    assert all(len(share) for share in shares)
    assert sorted(torch.cat(shares).tolist()) == sorted(b.indices(step).tolist())


@given(**SIZES, steps=st.lists(st.integers(0, 300), min_size=1, max_size=10))
def test_steps_may_be_asked_for_in_any_order(num, batch_size, seed, steps):
    b = batches(num, batch_size, seed, drop_last=True)
    first = {step: b.indices(step).tolist() for step in steps}
    assert {step: b.indices(step).tolist() for step in reversed(steps)} == first


def test_passes_and_seeds_differ():
    b = ShuffledBatches(num=100, batch_size=100, seed=0)
    assert b.indices(0).tolist() != b.indices(1).tolist()
    assert b.indices(0).tolist() != ShuffledBatches(num=100, batch_size=100, seed=1).indices(0).tolist()


def test_what_was_returned_may_be_written_to():
    b = ShuffledBatches(num=4, batch_size=4, seed=0)
    before = b.indices(0).tolist()
    b.indices(0).zero_()
    assert b.indices(0).tolist() == before


@pytest.mark.parametrize(("num", "batch_size"), [(0, 1), (1, 0), (3, 4)])
def test_no_batch_is_an_error(num, batch_size):
    with pytest.raises(ValueError):
        ShuffledBatches(num=num, batch_size=batch_size, seed=0)


@pytest.mark.parametrize(("step", "rank", "world"), [(-1, 0, 1), (0, 1, 1), (0, -1, 2), (0, 0, 9)])
def test_there_is_no_such_step_or_rank(step, rank, world):
    with pytest.raises(ValueError):
        ShuffledBatches(num=16, batch_size=8, seed=0).indices(step, rank, world)
