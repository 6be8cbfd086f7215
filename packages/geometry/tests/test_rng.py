import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from epitaxy.geometry import Rng, RowRng, Segments, SharedRng, StructureRng, as_rng, structure_seed
from epitaxy.geometry import _hash as splitmix
from epitaxy.geometry.row_rng import _unit

CPU = torch.device("cpu")
KEYS = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=6, unique=True)


def every_kind(rng: Rng, rows: int) -> list[Tensor]:
    """Numbers of every kind, one after the other."""
    shape = (rows, 2, 3)
    supply = rng.retries(shape, dtype=torch.float64, device=CPU)
    everywhere = torch.arange(rows * 6)
    return [
        rng.uniform(shape, dtype=torch.float32, device=CPU),
        rng.normal(shape, dtype=torch.float64, device=CPU),
        supply(everywhere, 0).view(shape),
        rng.integers(7, shape, device=CPU),
        supply(everywhere, 5).view(shape),
        rng.uniform((rows,), dtype=torch.float64, device=CPU),
    ]


@settings(max_examples=30)
@given(keys=KEYS, data=st.data())
def test_a_row_does_not_know_the_others(keys: list[int], data: st.DataObject):
    kept = data.draw(st.lists(st.integers(0, len(keys) - 1), min_size=1, max_size=6))
    all_keys = torch.tensor(keys)
    alone = every_kind(RowRng(all_keys[kept]), len(kept))
    together = every_kind(RowRng(all_keys), len(keys))
    for few, many in zip(alone, together, strict=True):
        assert torch.equal(few, many[kept])


@given(keys=KEYS, calls=st.integers(0, 5))
def test_retries_count_as_one_draw(keys: list[int], calls: int):
    shape, rng, plain = (len(keys), 3), RowRng(torch.tensor(keys)), RowRng(torch.tensor(keys))
    supply = rng.retries(shape, dtype=torch.float32, device=CPU)
    for attempt in range(calls):
        supply(torch.tensor([0]), attempt)
    plain.uniform(shape, dtype=torch.float32, device=CPU)
    again = [r.uniform(shape, dtype=torch.float32, device=CPU) for r in (rng, plain)]
    assert torch.equal(*again)


def test_retries_at_a_place_do_not_depend_on_the_other_places():
    supply = RowRng(torch.arange(4)).retries((4, 5), dtype=torch.float64, device=CPU)
    everywhere, some = torch.arange(20), torch.tensor([3, 19, 7])
    assert torch.equal(supply(everywhere, 2)[some], supply(some, 2))


def test_float32_numbers_are_float64_numbers_cut():
    single = RowRng(torch.arange(1000)).uniform((1000, 8), dtype=torch.float32, device=CPU)
    double = RowRng(torch.arange(1000)).uniform((1000, 8), dtype=torch.float64, device=CPU)
    assert torch.equal(single.double(), (double * 2**24).floor() / 2**24)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_largest_number_is_below_one(dtype: torch.dtype):
    smallest, largest = _unit(torch.tensor([0, -1]), dtype).double().tolist()
    assert (smallest, largest) == (0.0, 1.0 - torch.finfo(dtype).eps / 2)


def test_extreme_bits_give_finite_normal_numbers(monkeypatch: pytest.MonkeyPatch):
    extremes = torch.tensor([[-(2**63), -1, 0, 2**63 - 1]])
    monkeypatch.setattr(RowRng, "_bits", lambda *_: extremes.clone())
    normal = RowRng(torch.tensor([0])).normal((1, 4), dtype=torch.float64, device=CPU).squeeze(0)
    assert normal.isfinite().all()
    assert torch.equal(normal, -normal.flip(0))
    assert 8.0 < normal[-1] < 8.5


def test_splitmix_reference_stream():
    # The published stream of seed 1234567.
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert [splitmix.nth_int(1234567, n) for n in (1, 2, 3, 4)] == expected
    key = torch.tensor([1234567])
    assert [splitmix.nth(key, n).item() for n in (1, 2, 3, 4)] == [splitmix.signed(word) for word in expected]


def test_numbers_are_pinned():
    # A change of these changes what every published seed gives.
    rng = RowRng(torch.tensor([0, 1]))
    uniform = rng.uniform((2, 2), dtype=torch.float64, device=CPU)
    assert uniform.flatten().tolist() == [
        0.28176129772258496,
        0.6524484863740322,
        0.6106274652827197,
        0.3350425609216934,
    ]
    assert structure_seed(0, 0) == 0


def test_structure_seeds_differ_and_stay_in_63_bits():
    seeds = {structure_seed(seed, number) for seed in (0, 1, 2**64 - 1, -5) for number in range(1000)}
    assert len(seeds) == 4000
    assert all(0 <= seed < 2**63 for seed in seeds)


def structures(seeds: list[int], counts: list[int]) -> StructureRng:
    return StructureRng(torch.tensor(seeds), Segments.from_counts(counts))


def test_a_structure_does_not_know_its_batch():
    together = structures([7, 8, 9], [2, 3, 1]).rows("positions", "atom")
    alone = structures([8], [3]).rows("positions", "atom")
    for _ in range(2):
        many = together.normal((6, 3), dtype=torch.float32, device=CPU)
        assert torch.equal(many[2:5], alone.normal((3, 3), dtype=torch.float32, device=CPU))


def test_fields_and_levels_have_their_own_numbers():
    source = structures([1, 2], [1, 1])
    draws = [
        source.rows(field, level).uniform((2,), dtype=torch.float64, device=CPU)
        for field, level in [("positions", "atom"), ("positions", "graph"), ("lattice", "graph")]
    ]
    assert len({tuple(draw.tolist()) for draw in draws}) == 3
    assert source.rows("lattice", "graph") is source.rows("lattice", "graph")


def test_wrong_words_are_refused():
    with pytest.raises(ValueError, match="2 seeds for 3 structures"):
        structures([1, 2], [1, 1, 1])
    with pytest.raises(ValueError, match="must start with the number of rows, 2"):
        RowRng(torch.arange(2)).uniform((3,), dtype=torch.float32, device=CPU)
    with pytest.raises(ValueError, match="high must be at least 1"):
        RowRng(torch.arange(2)).integers(0, (2,), device=CPU)


def test_as_rng_wraps_generators_and_keeps_sources():
    generator = torch.Generator().manual_seed(3)
    first = as_rng(generator).uniform((4,), dtype=torch.float32, device=CPU)
    assert torch.equal(first, torch.rand(4, generator=torch.Generator().manual_seed(3)))
    rows = RowRng(torch.arange(2))
    assert as_rng(rows) is rows


def test_shared_rng_gives_one_source():
    shared = SharedRng(torch.Generator().manual_seed(0))
    assert shared.rows("positions", "atom") is shared.rows("lattice", "graph")
    kinds = every_kind(shared.rows("positions", "atom"), 2)
    assert all(numbers.shape[0] == 2 for numbers in kinds)


def test_bits_are_the_same_on_every_device(device: str):
    keys = torch.arange(100)
    here, there = RowRng(keys), RowRng(keys)
    for dtype in (torch.float32, torch.float64):
        numbers = there.uniform((100, 9), dtype=dtype, device=torch.device(device))
        assert torch.equal(here.uniform((100, 9), dtype=dtype, device=CPU), numbers.cpu())
