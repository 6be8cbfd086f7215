"""Properties as features."""

import pytest
import torch

from epitaxy.models import PropertyEmbedding


def _embedding(properties: int = 2, dim: int = 8) -> PropertyEmbedding:
    torch.manual_seed(0)
    return PropertyEmbedding(properties, dim)


def test_missing_values_share_one_vector_that_is_learned() -> None:
    embedding = _embedding()
    values = torch.tensor([[0.3, torch.nan], [-1.2, torch.nan], [0.3, torch.inf]])
    found = embedding(values)
    assert found.shape == (3, embedding.channels) == (3, 16)
    assert torch.equal(found[0], found[2])
    assert torch.equal(found[0, 8:], found[1, 8:])
    assert not torch.equal(found[0, :8], found[1, :8])
    found.sum().backward()
    assert embedding.missing.grad is not None
    assert torch.equal(embedding.missing.grad, torch.tensor([[0.0] * 8, [3.0] * 8]))


def test_values_up_to_many_deviations_apart_are_told_apart() -> None:
    values = torch.linspace(-30, 30, 6001)[:, None]
    found = _embedding(1, 32)(values)
    near = torch.cdist(found, found) + 10 * torch.eye(len(values))
    assert near.min() > 1e-3


def test_a_graphs_embedding_depends_on_its_own_values_alone() -> None:
    embedding = _embedding()
    values = torch.tensor([[0.3, 1.0], [torch.nan, 2.0]])
    assert torch.equal(embedding(values)[1], embedding(values[1:])[0])


@pytest.mark.parametrize(("properties", "dim"), [(0, 8), (1, 7), (1, 2)])
def test_nothing_to_embed_is_refused(properties: int, dim: int) -> None:
    with pytest.raises(ValueError, match="embedding"):
        PropertyEmbedding(properties, dim)
