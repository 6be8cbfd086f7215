"""Properties as features."""

import pytest
import torch

from epitaxy.geometry import Segments
from epitaxy.geometry.testing.pretended import PRETENDED, Watching, put
from epitaxy.models import CSPNet, PropertyEmbedding, RotaryNet
from epitaxy.models.property_embedding import ConditionedLinear
from epitaxy.models.testing import CrystalInput, random_crystals


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


def test_an_embedding_is_made_on_its_values_device() -> None:
    embedding = _embedding()
    with Watching() as seen:
        embedding.to(PRETENDED)(put(torch.tensor([[0.5, torch.nan]])))
    assert not seen.mixed


def test_a_graphs_embedding_depends_on_its_own_values_alone() -> None:
    embedding = _embedding()
    values = torch.tensor([[0.3, 1.0], [torch.nan, 2.0]])
    assert torch.equal(embedding(values)[1], embedding(values[1:])[0])


@pytest.mark.parametrize(("properties", "dim"), [(0, 8), (1, 7), (1, 2)])
def test_nothing_to_embed_is_refused(properties: int, dim: int) -> None:
    with pytest.raises(ValueError, match="embedding"):
        PropertyEmbedding(properties, dim)


def test_a_told_linear_begins_as_the_linear_that_is_told_nothing_to_the_bit() -> None:
    layers = []
    for told in (0, 6):
        torch.manual_seed(0)
        layers.append(ConditionedLinear(5, 7, told=told))
    plain, told_ = layers
    x, properties = torch.randn(9, 5), torch.randn(9, 6)
    assert [name for name, _ in plain.named_parameters()] == ["weight", "bias"]
    assert torch.equal(told_(x, properties), plain(x))
    torch.nn.init.normal_(told_.told)
    expected = plain(x) + properties @ told_.told.T
    torch.testing.assert_close(told_(x, properties), expected)
    assert torch.equal(told_(x), plain(x))


NETWORKS = [CSPNet, RotaryNet]


def _network(kind: type[CSPNet] | type[RotaryNet], properties: int) -> CSPNet | RotaryNet:
    torch.manual_seed(0)
    words = {"species": 4, "species_input": "index", "species_output": 4, "hidden": 16, "layers": 2}
    return kind(**words, time_dim=8, properties=properties)


def _crystals(properties: int) -> CrystalInput:
    rng = torch.Generator().manual_seed(1)
    return random_crystals(Segments.from_counts([3, 1, 6]), rng=rng, species=4, properties=properties)


FIELDS = ("positions", "lattice", "species")


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_network_on_crystals_begins_deaf_to_the_bit_and_learns_to_listen(
    kind: type[CSPNet] | type[RotaryNet],
) -> None:
    """What is said, and what is missing, changes nothing until it is learned; then both do, each its own."""
    plain, told = _network(kind, 0), _network(kind, 2)
    told.load_state_dict(plain.state_dict(), strict=False)
    x = _crystals(2)
    heard, expected = told(**x.words()), plain(**{**x.words(), "properties": None})
    assert all(torch.equal(getattr(heard, field), getattr(expected, field)) for field in FIELDS)

    loss = heard.positions.square().sum() + heard.lattice.square().sum()
    gradients = torch.autograd.grad(
        loss, [p for name, p in told.named_parameters() if name.endswith("told")], allow_unused=True
    )
    assert gradients[0] is not None
    assert bool(gradients[0].any())

    for name, weight in told.named_parameters():
        if name.endswith(("told", "modulation.weight")):
            torch.nn.init.normal_(weight, std=0.2)
    before = told(**x.words())
    for change in (1.5, torch.nan):
        asked = x.properties.clone()
        asked[2, 1] = change
        after = told(**{**x.words(), "properties": asked})
        for field in FIELDS:
            one, other = getattr(before, field), getattr(after, field)
            last = 6 if len(one) == 10 else 1
            torch.testing.assert_close(one[:-last], other[:-last])
            assert not torch.allclose(one[-last:], other[-last:], atol=1e-4), field


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize(("has", "given"), [(0, 2), (2, 0), (2, 1)])
def test_other_properties_than_a_network_has_are_refused(
    kind: type[CSPNet] | type[RotaryNet], has: int, given: int
) -> None:
    with pytest.raises(ValueError, match=f"{given} properties are given, the network has {has}: give NaN"):
        _network(kind, has)(**_crystals(given).words())


def test_both_ways_into_a_rotary_network_are_open() -> None:
    """Properties reach the atoms, and what modulates the layers."""
    network, x = _network(RotaryNet, 1), _crystals(1)
    for layer in network.layers:
        torch.nn.init.normal_(layer.modulation.weight, std=0.2)
    silent = network(**x.words()).positions
    for linear in (network.atom_embedding, network.of_crystal[0]):
        torch.nn.init.normal_(linear.told, std=0.2)
        assert not torch.allclose(network(**x.words()).positions, silent, atol=1e-4)
        torch.nn.init.zeros_(linear.told)
