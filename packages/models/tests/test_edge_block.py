"""The edge layer with features of any kind, against the edge-list formula."""

import pytest
import torch

from epitaxy.geometry import Segments
from epitaxy.models import EdgeBlock, EdgeIndex, PairFeatures
from epitaxy.models.testing import all_ordered_pairs, edge_list_messages


@pytest.mark.parametrize("lift", [None, torch.nn.Linear(3, 5), torch.nn.Linear(3, 5, bias=False)], ids=str)
@pytest.mark.parametrize("atoms", [[1], [1, 4, 2, 9]], ids=str)
def test_gradients_of_every_input(atoms: list[int], lift: torch.nn.Linear | None):
    """Learned pair features and learned differences get their gradients too."""
    torch.manual_seed(0)
    segments = Segments.from_counts(atoms)
    pairs = segments.pairs()
    block = EdgeBlock(atoms=5, own=2, odd=4, even=3, hidden=6, lift=lift).double()
    inputs = [
        torch.randn(rows, channels, dtype=torch.float64, requires_grad=True)
        for rows, channels in (
            (segments.num_atoms, 5),
            (segments.num_atoms, 2),
            (len(pairs.i), 4),
            (len(pairs.i), 3),
        )
    ]
    even_self = torch.randn(3, dtype=torch.float64, requires_grad=True)
    differing = torch.randn(segments.num_atoms, 3, dtype=torch.float64, requires_grad=True)
    differing = None if lift is None else differing
    wanted = [*inputs, even_self, *block.parameters(), *([] if lift is None else [differing])]

    features = PairFeatures(odd=inputs[2], even=inputs[3], even_self=even_self)
    actual = block(inputs[0], inputs[1], features, EdgeIndex.of(segments, pairs, channels=6), differing)

    receiver, sender = all_ordered_pairs(segments)
    number = torch.full((segments.num_atoms, segments.num_atoms), -1)
    number[pairs.i, pairs.j] = number[pairs.j, pairs.i] = torch.arange(len(pairs.i))
    pair, sign = number[receiver, sender], (sender - receiver).sign()[:, None]
    odd = torch.cat([inputs[2], torch.zeros(1, 4)])[pair] * sign
    even = torch.cat([inputs[3], even_self[None]])[pair]
    expected = edge_list_messages(
        block, inputs[0], inputs[1][receiver], torch.cat([odd, even], dim=1), receiver, sender, differing
    )

    weights = torch.randn_like(expected)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)
    for one, other in zip(
        torch.autograd.grad((actual * weights).sum(), wanted),
        torch.autograd.grad((expected * weights).sum(), wanted),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_pairs_in_any_order():
    torch.manual_seed(0)
    segments = Segments.from_counts([4, 3])
    pairs = segments.pairs()
    order = torch.randperm(len(pairs.i))
    block = EdgeBlock(atoms=5, own=1, odd=2, even=2, hidden=6).double()
    atoms, own = torch.randn(7, 5, dtype=torch.float64), torch.randn(7, 1, dtype=torch.float64)
    odd, even = torch.randn(2, len(pairs.i), 2, dtype=torch.float64)
    even_self = torch.ones(2, dtype=torch.float64)
    expected = block(
        atoms,
        own,
        PairFeatures(odd=odd, even=even, even_self=even_self),
        EdgeIndex.of(segments, pairs, channels=6),
    )
    shuffled = type(pairs)(*(x[order] for x in pairs))
    features = PairFeatures(odd=odd[order], even=even[order], even_self=even_self)
    torch.testing.assert_close(
        block(atoms, own, features, EdgeIndex.of(segments, shuffled, channels=6)), expected
    )


def test_differences_without_a_lift_are_refused():
    segments = Segments.from_counts([1])
    pairs, none = segments.pairs(), torch.zeros(0, 1)
    arguments = (
        torch.zeros(1, 2),
        torch.zeros(1, 1),
        PairFeatures(odd=none, even=none, even_self=torch.zeros(1)),
        EdgeIndex.of(segments, pairs, channels=4),
    )
    block = EdgeBlock(atoms=2, own=1, odd=1, even=1, hidden=4)
    with pytest.raises(ValueError, match="built with `lift`"):
        block(*arguments, torch.zeros(1, 3))
