"""The pretended device sees what would fail, or wait, on a real one."""

import pytest
import torch

from epitaxy.geometry import Segments, StructureRng, as_rng
from epitaxy.geometry.testing.pretended import PRETENDED, OnDevice, PretendedGenerator, Watching, put, values


def test_a_tensor_made_elsewhere_is_seen():
    with Watching() as seen:
        put(torch.rand(3)) * torch.arange(3)  # the fault: no device=
    assert [word.split(" @ ")[0] for word in seen.mixed] == ["mul"]


def test_numbers_and_copies_are_no_fault():
    with Watching() as seen:
        x = put(torch.rand(3)) * torch.tensor(2.0) + 1.0
        x[torch.tensor([0, 2])]
        x.copy_(torch.zeros(3), non_blocking=True)
    assert not seen.mixed


@pytest.mark.parametrize(
    "ask",
    [
        lambda x: float(x.sum()),
        lambda x: bool((x > 0).any()),
        lambda x: x[x > 0.5],
        lambda x: x.nonzero(),
        lambda x: x.long().bincount(),
        lambda x: torch.unique(x),
        lambda x: x.tolist(),
        lambda x: x.cpu(),
        lambda x: x[[0, 2]],
        lambda x: x.repeat_interleave(torch.ones_like(x, dtype=torch.long)),
        lambda x: torch.tensor([1.0, 2.0], device=x.device),
        lambda x: torch.zeros(3).to(x.device),
        lambda x: x.copy_(torch.zeros(3)),
        lambda x: torch.linalg.inv(torch.diag(x + 1)),
    ],
)
def test_every_kind_of_wait_is_seen(ask):
    with Watching() as seen:
        ask(put(torch.tensor([0.0, 1.0, 2.0])))
    assert sum(seen.waits.values()) >= 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda x: torch.where(x > 0, x, 0.0).sum(),
        lambda x: x[x.argsort()],
        lambda x: torch.full((3,), 1.0, device=x.device) + torch.arange(3, device=x.device),
        lambda x: torch.zeros(3).to(x.device, non_blocking=True),
        lambda x: x.repeat_interleave(torch.ones_like(x, dtype=torch.long), output_size=3),
        lambda x: x.to(torch.float64),
        lambda x: Segments.from_counts([1, 2]).to(x.device, non_blocking=True).pairs(),
    ],
)
def test_what_does_not_wait_is_not_called_so(ask):
    with Watching() as seen:
        ask(put(torch.tensor([0.0, 1.0, 2.0])))
    assert not seen.waits
    assert not seen.mixed


def test_modules_gradients_and_generators_work_there():
    torch.manual_seed(0)
    here = torch.nn.Linear(3, 2)
    x = torch.rand(4, 3)
    here(x).square().sum().backward()
    with Watching() as seen:
        there = torch.nn.Linear(3, 2).to(PRETENDED)
        there.load_state_dict(here.state_dict())
        there(put(x)).square().sum().backward()
        drawn = as_rng(PretendedGenerator().manual_seed(0)).normal(
            (3,), dtype=torch.float32, device=PRETENDED
        )
    assert isinstance(there.weight.grad, OnDevice)
    assert torch.equal(values(there.weight.grad), here.weight.grad)
    assert torch.equal(values(drawn), torch.randn(3, generator=torch.Generator().manual_seed(0)))
    assert not seen.mixed


def test_rows_of_random_numbers_are_the_same_there():
    segments, seeds = Segments.from_counts([2, 3]), torch.tensor([5, 6])
    words = {"dtype": torch.float64}
    expected = (
        StructureRng(seeds, segments).rows("x", "atom").normal((5, 3), device=torch.device("cpu"), **words)
    )
    with Watching() as seen:
        there = StructureRng(put(seeds), segments.to(PRETENDED)).rows("x", "atom")
        seen.waits.clear()
        drawn = there.normal((5, 3), device=PRETENDED, **words)
    assert torch.equal(values(drawn), expected)
    assert not seen.mixed
    assert not seen.waits
