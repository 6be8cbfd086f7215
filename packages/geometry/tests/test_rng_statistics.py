"""Uniformity and independence of `RowRng`, along each of its three counters. Failure rate 1e-6."""

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from epitaxy.geometry import RowRng
from epitaxy.geometry.testing import FAILURE_RATE, SIGMAS

pytestmark = pytest.mark.statistical
CPU = torch.device("cpu")
ROWS, WIDTH, DRAWS = 512, 32, 16


@pytest.fixture(scope="module")
def numbers() -> Tensor:
    """Rows by draws by elements, from neighbouring keys."""
    rng = RowRng(torch.arange(ROWS))
    draws = [rng.uniform((ROWS, WIDTH), dtype=torch.float32, device=CPU) for _ in range(DRAWS)]
    return torch.stack(draws, dim=1)


def assert_fits(cells: Tensor, number: int) -> None:
    """Chi-square of cell indices against equal probabilities."""
    observed = torch.bincount(cells.flatten(), minlength=number).double()
    expected = cells.numel() / number
    chi_square = float(((observed - expected).square() / expected).sum())
    low, high = stats.chi2.isf([1 - FAILURE_RATE / 2, FAILURE_RATE / 2], number - 1)
    assert low < chi_square < high


def test_numbers_are_uniform(numbers: Tensor):
    assert_fits((numbers * 256).long(), 256)


def test_low_digits_are_uniform(numbers: Tensor):
    assert_fits((numbers * 2**24).long() % 256, 256)


@pytest.mark.parametrize("dim", [0, 1, 2], ids=["rows", "draws", "elements"])
@pytest.mark.parametrize("lag", [1, 2, 8])
def test_neighbours_are_independent(numbers: Tensor, dim: int, lag: int):
    first = numbers.narrow(dim, 0, numbers.shape[dim] - lag)
    second = numbers.narrow(dim, lag, numbers.shape[dim] - lag)
    assert_fits((first * 16).long() * 16 + (second * 16).long(), 256)
    correlation = ((first - 0.5) * (second - 0.5)).double().mean() * 12
    assert abs(correlation) < SIGMAS / math.sqrt(first.numel())


@pytest.mark.parametrize("kind", ["normal", "integers", "retries"])
def test_the_other_kinds_have_their_laws(kind: str):
    rng, shape = RowRng(torch.arange(2048) - 1024), (2048, 64)
    if kind == "normal":
        uniform = torch.special.ndtr(rng.normal(shape, dtype=torch.float64, device=CPU))
        assert_fits((uniform * 128).long(), 128)
    elif kind == "integers":
        assert_fits(rng.integers(89, shape, device=CPU), 89)
    else:
        supply = rng.retries(shape, dtype=torch.float64, device=CPU)
        at = torch.arange(2048 * 64)
        assert_fits((supply(at, 0) * 16).long() * 16 + (supply(at, 1) * 16).long(), 256)


def test_normal_moments():
    x = RowRng(torch.arange(4096)).normal((4096, 64), dtype=torch.float32, device=CPU).double()
    size = math.sqrt(x.numel())
    for power, mean, deviation in [(1, 0, 1), (2, 1, 2**0.5), (3, 0, 15**0.5), (4, 3, 96**0.5)]:
        assert abs(float((x**power).mean()) - mean) < SIGMAS * deviation / size
