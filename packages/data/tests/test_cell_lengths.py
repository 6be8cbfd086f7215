"""Statistics of cell edges."""

import dataclasses
import json
import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from epitaxy.data import CellLengths, DataError, LengthStatistics, Statistics
from epitaxy.data.cell_lengths import ENOUGH_CRYSTALS, LEAST_STD


def cells(edges: torch.Tensor) -> torch.Tensor:
    """Orthogonal cells with these edges."""
    return torch.diag_embed(edges)


@given(st.integers(ENOUGH_CRYSTALS, 200), st.integers(0, 1000))
def test_a_common_size_has_statistics_of_its_own(number: int, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    logs = 1.5 + 0.3 * torch.randn(number, 3, generator=rng, dtype=torch.float64)
    found = CellLengths.of(cells(logs.exp()), torch.full((number,), 7)).of_size(7)
    kept = logs.sort(dim=0).values[int(0.025 * number) : number - int(0.025 * number)]
    assert found.mean == pytest.approx(kept.mean(0).tolist())
    assert found.std == pytest.approx(kept.std(0, unbiased=False).tolist())


@pytest.mark.parametrize("size", [1, 3, 52])
def test_a_rare_size_has_the_edges_of_the_common_density(size: int) -> None:
    counts = torch.arange(1, 21)
    edges = 2.5 * counts.double()[:, None].pow(1 / 3).expand(-1, 3)
    found = CellLengths.of(cells(edges), counts)
    assert not found.by_size
    assert found.of_size(size).mean == pytest.approx([math.log(2.5 * size ** (1 / 3))] * 3)


def test_equal_cells_do_not_make_the_scale_zero() -> None:
    edges = torch.full((ENOUGH_CRYSTALS, 3), 4.0, dtype=torch.float64)
    assert CellLengths.of(cells(edges), torch.full((ENOUGH_CRYSTALS,), 5)).of_size(5).std == (LEAST_STD,) * 3


def test_a_few_odd_cells_do_not_move_the_scale() -> None:
    edges = torch.full((1000, 3), 4.0, dtype=torch.float64)
    edges[:20] = 4000.0
    assert CellLengths.of(cells(edges), torch.full((1000,), 5)).of_size(5).mean == pytest.approx(
        [math.log(4)] * 3
    )


def test_json_and_back() -> None:
    one = LengthStatistics(mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 3.0))
    lengths = CellLengths(by_size={5: one}, rest=one)
    assert CellLengths.parse(json.loads(json.dumps(dataclasses.asdict(lengths)))) == lengths


def test_statistics_of_format_1_have_no_lengths() -> None:
    fields = {
        "format": 1, "crystals": 1, "atoms_per_cell": {"1": 1}, "vocabulary": [6], "lattice_scale": 1.0,
        "volume_per_atom": 1.0, "properties": {},
    }  # fmt: skip
    assert Statistics.from_json(json.dumps(fields)).lengths is None
    with pytest.raises(DataError, match="format 3"):
        Statistics.from_json(json.dumps(fields | {"format": 3}))
