"""Times and grid indices."""

import pytest
import torch

from epitaxy.flows._checks import check_option
from epitaxy.flows._rows import column, grid_index, total


def test_no_grid_point_is_lost_in_float32() -> None:
    """However i / n came about: truncating would lose index 252 of 1000, among others."""
    for n in range(10, 2001):
        i = torch.arange(n + 1)
        assert torch.equal(grid_index(i.float() / n, n), i)
        assert torch.equal(grid_index((i.double() / n).float(), n), i)
        assert torch.equal(grid_index(i.float() * torch.tensor(1.0 / n), n), i)
        assert torch.equal(grid_index(1 - (n - i).float() / n, n), i)


def test_shapes() -> None:
    x = torch.arange(24.0).view(2, 3, 4)
    assert column(torch.ones(2), 3).shape == (2, 1, 1)
    assert torch.equal(total(x), torch.stack([x[0].sum(), x[1].sum()]))
    assert torch.equal(total(torch.ones(2)), torch.ones(2))


def test_options() -> None:
    check_option("loss", "a", ("a", "b"))
    with pytest.raises(ValueError, match="loss must be one of a, b, not 'c'"):
        check_option("loss", "c", ("a", "b"))
