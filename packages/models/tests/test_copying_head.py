"""CopyingHead: its mixture written out, and what copying does to labels."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.geometry import Segments
from epitaxy.geometry.testing import counts
from epitaxy.models.copying_head import CopyingHead

HIDDEN, CLASSES, TIME = 12, 7, 4


def head(seed: int = 0) -> CopyingHead:
    torch.manual_seed(seed)
    made = CopyingHead(hidden=HIDDEN, classes=CLASSES, time_dim=TIME, width=8).double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter)
    return made


def inputs(orbits: list[int], seed: int) -> tuple[Segments, torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    sizes = ((sum(orbits), HIDDEN), (sum(orbits), CLASSES), (len(orbits), TIME))
    atoms, evidence, time = (torch.randn(*size, generator=rng, dtype=torch.float64) for size in sizes)
    return Segments.from_counts(orbits), atoms, evidence, time


def written_out(net: CopyingHead, atoms: torch.Tensor, evidence: torch.Tensor, time: torch.Tensor):
    """The probabilities of one crystal, orbit by orbit."""
    own = net.own(atoms)
    believed = (own + net.sharpness(time).exp() * evidence).softmax(-1)
    queries, keys = net.queries_keys(atoms).chunk(2, dim=1)
    rows = []
    for i in range(len(atoms)):
        others = [j for j in range(len(atoms)) if j != i]
        pointed = [queries[i] @ keys[j] / keys.shape[1] ** 0.5 for j in others]
        alone, *weights = torch.stack([net.alone(atoms[i])[0], *pointed]).softmax(0)
        row = alone * own[i].softmax(-1)
        rows.append(row + sum(w * believed[j] for w, j in zip(weights, others, strict=True)))
    return torch.stack(rows)


@given(orbits=counts(), seed=st.integers(0, 2**32 - 1))
def test_it_is_the_mixture_written_out(orbits: list[int], seed: int) -> None:
    segments, atoms, evidence, time = inputs(orbits, seed)
    net = head()
    parts = zip(atoms.split(orbits), evidence.split(orbits), time, strict=True)
    expected = torch.cat([written_out(net, *part) for part in parts])
    found = net(segments, atoms, evidence, time)
    torch.testing.assert_close(found.exp(), expected, rtol=0, atol=1e-9)
    torch.testing.assert_close(found.exp().sum(-1), torch.ones(sum(orbits)).double(), rtol=0, atol=1e-9)


def test_one_orbit_has_nobody_to_copy() -> None:
    segments, atoms, evidence, time = inputs([1, 1], 1)
    net = head()
    found = net(segments, atoms, evidence, time).exp()
    torch.testing.assert_close(found, net.own(atoms).softmax(-1), rtol=0, atol=1e-9)


def test_what_another_is_sure_of_is_copied() -> None:
    """The second orbit's evidence raises the first one's label; its own evidence does not count here."""
    segments, atoms, evidence, time = inputs([2], 2)
    net = head()
    torch.nn.init.constant_(net.alone.weight, 0.0)
    torch.nn.init.constant_(net.alone.bias, -20.0)
    evidence[1, 3] = 1e4
    found = net(segments, atoms, evidence, time)
    assert found[0].argmax() == 3
    assert found[0, 3].exp() > 0.999
    moved = evidence.clone()
    moved[0] += torch.arange(CLASSES)
    torch.testing.assert_close(net(segments, atoms, moved, time)[0].exp(), found[0].exp(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
def test_slopes_are_finite(scale: float) -> None:
    """However sure the orbits are: a probability of 0 has a logarithm."""
    segments, atoms, evidence, time = inputs([1, 4], 3)
    net, certain = head(), (evidence * scale).requires_grad_()
    found = net(segments, atoms, certain, time)
    slopes = torch.autograd.grad(found.sum(), [*net.parameters(), certain], allow_unused=True)
    assert found.isfinite().all()
    assert all(slope is None or slope.isfinite().all() for slope in slopes)


def test_it_begins_with_labels_of_its_own() -> None:
    net = CopyingHead(hidden=HIDDEN, classes=CLASSES, time_dim=TIME).double()
    segments, atoms, evidence, time = inputs([4], 4)
    own = net.own(atoms).softmax(-1)
    assert (net(segments, 0.1 * atoms, evidence, time).exp() - own).abs().max() < 0.3
