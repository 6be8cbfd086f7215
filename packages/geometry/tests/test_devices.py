"""What the host knows of a device without asking it."""

import torch

from epitaxy.geometry import filled, number_of
from epitaxy.geometry.testing.pretended import PRETENDED, Watching


def test_what_was_filled_is_known():
    with Watching() as seen:
        x = filled(0.25, 3, device=PRETENDED)
        assert number_of(x) == 0.25
        assert number_of(x + 0) is None
        assert x.device == PRETENDED
    assert not seen.waits
    here = filled(0.1, 2, dtype=torch.float64, device=torch.device("cpu"))
    assert here.tolist() == [0.1, 0.1]
    assert number_of(torch.full((2,), 0.1)) is None


def test_it_is_forgotten_with_the_tensor():
    """A later tensor in its place is another."""
    for number in map(float, range(100)):
        assert number_of(torch.zeros(1)) is None
        assert number_of(filled(number, 1, device=torch.device("cpu"))) == number
