"""MoleculeTransformer keeps EGNN's symmetries, tells bonds and angles, and refuses what it cannot be."""

import math
from functools import lru_cache
from typing import ClassVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.geometry import Segments
from epitaxy.models import MoleculeNet, MoleculeTransformer
from epitaxy.models.molecule_attention import MoleculeLayer, RadialBasis
from epitaxy.models.testing import MoleculeLaws


@lru_cache
def build(dtype: torch.dtype, **words: object) -> MoleculeNet:
    torch.manual_seed(0)
    network = MoleculeNet(
        hidden=24, layers=2, time="sinusoidal", time_dim=8, transformer={"heads": 3, "radial": 8}, **words
    )
    for layer in network.transformer.layers:  # a modulation that begins at zero would hide what it multiplies
        torch.nn.init.normal_(layer.modulation.weight, std=0.2)
    return network.to(dtype)


class TestCharges(MoleculeLaws):
    def network(self, dtype: torch.dtype) -> MoleculeNet:
        return build(dtype)


class TestTypesAndProperties(MoleculeLaws):
    words: ClassVar = {"types": 5, "properties": 2}

    def network(self, dtype: torch.dtype) -> MoleculeNet:
        return build(dtype, types=5, charge="value", charge_outputs=1, properties=2, property_dim=8)


@given(distance=st.floats(0.0, 40.0))
def test_radial_functions_are_bumps_around_their_centres(distance: float):
    basis = RadialBasis(16, 8.0)
    features = basis(torch.tensor(distance, dtype=torch.float64))
    place = torch.exp(torch.tensor(-distance / 2, dtype=torch.float64)).clamp(min=float(basis.centres[0]))
    nearest = int((basis.centres.double() - place).abs().argmin())
    assert features[nearest] == features.max()
    assert features.max() > 0.4  # wherever the distance is, some bump is near
    assert float(features.min()) >= 0
    assert float(features.max()) <= 1


def test_a_bond_is_told_from_one_a_twentieth_longer():
    features = RadialBasis(32, 8.0)(torch.tensor([1.20, 1.26, 1.54, 1.62]))
    assert (features[0] - features[1]).norm() > 0.2
    assert (features[2] - features[3]).norm() > 0.2


def test_three_atoms_in_a_row_are_told_from_an_angle():
    """The centre's distances are the same in both: what differs is the angle, which vectors tell."""
    network = build(torch.float64)
    straight = torch.tensor([[0.0, 0, 0], [1.2, 0, 0], [-1.2, 0, 0]], dtype=torch.float64)
    bent = torch.tensor([[0.0, 0, 0], [1.2, 0, 0], [0, 1.2, 0]], dtype=torch.float64)
    one_layer = MoleculeNet(hidden=24, layers=1, transformer={"heads": 3}).double()
    for net in (network, one_layer):
        told = [
            net(
                segments=Segments.from_counts([3]),
                positions=x,
                charges=torch.zeros(3, 1, dtype=torch.float64),
                time=torch.zeros(1, dtype=torch.float64),
            ).charges[0]
            for x in (straight, bent)
        ]
        assert (told[0] - told[1]).abs().max() > 1e-6


@pytest.mark.parametrize(
    ("words", "match"),
    [({"hidden": 20, "heads": 8}, "multiple of the 8 heads"), ({"radial": 1}, "two radial functions")],
    ids=str,
)
def test_shapes_that_it_cannot_have_are_refused(words: dict, match: str):
    with pytest.raises(ValueError, match=match):
        MoleculeTransformer(features=1, outputs=1, conditions=1, **words)


def modulated(h: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Layer norm, written out, and what comes from outside."""
    centred = h - h.mean()
    return centred / (centred.square().mean() + 1e-5).sqrt() * (1 + scale) + shift


def bumps(distance: torch.Tensor, number: int, reach: float) -> torch.Tensor:
    """`number` Gaussians in exp(-d / 2), between exp(-reach / 2) and 1, as wide as they are apart."""
    low = math.exp(-reach / 2)
    width = (1 - low) / (number - 1)
    centres = torch.tensor([low + width * i for i in range(number)], dtype=torch.float64)
    return torch.exp(-(((torch.exp(-distance / 2) - centres) / width) ** 2) / 2)


def layer_of_one_molecule(
    layer: MoleculeLayer,
    h: torch.Tensor,
    vectors: torch.Tensor,
    of_molecule: torch.Tensor,
    radial: torch.Tensor,
    directions: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The layer's formulas, atom by atom, head by head and pair by pair; directions `i j f 3`."""
    atoms, heads, width = len(h), layer.heads, h.shape[1] // layer.heads
    share = vectors.shape[2] // heads
    scale, shift, gate, scale2, shift2, gate2 = layer.modulation(of_molecule).chunk(6)
    q, k, v = torch.stack([layer.qkv(modulated(one, scale, shift)) for one in h]).chunk(3, dim=1)
    new_h, new_vectors = [], []
    for i in range(atoms):
        messages, distances, seen, others = [], [], [], []
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            bias = [layer.bias.weight[head] @ radial[i, j] for j in range(atoms)]
            logits = [q[i, part] @ k[j, part] / math.sqrt(width) + bias[j] for j in range(atoms)]
            a = torch.stack(logits).softmax(0)
            messages.append(sum(a[j] * v[j, part] for j in range(atoms)))
            distances.append(sum(a[j] * radial[i, j] for j in range(atoms)))
            seen.append(sum(a[j] * directions[i, j] for j in range(atoms)))
            own = slice(head * share, (head + 1) * share)
            others.append(sum(a[j] * vectors[j, :, own] for j in range(atoms)))
        features = h[i] + layer.out(torch.cat([*messages, *distances])) * (1 + gate)
        turned = vectors[i] + layer.mix(torch.cat([torch.cat(seen).T, torch.cat(others, dim=1)], dim=1))
        one, other = layer.pair(turned).chunk(2, dim=1)
        inner = layer.up(torch.cat([modulated(features, scale2, shift2), (one * other).sum(0)]))
        new_h.append(features + layer.down(inner * inner.sigmoid()) * (1 + gate2))
        new_vectors.append(turned)
    return torch.stack(new_h), torch.stack(new_vectors)


@pytest.mark.parametrize("atoms", [1, 2, 5])
@pytest.mark.parametrize("reach", [8.0, 3.0])
def test_it_computes_its_formulas(atoms: int, reach: float):
    """The whole network, of the second of three molecules, against the definition."""
    torch.manual_seed(0)
    network = MoleculeTransformer(
        features=4, outputs=3, conditions=2, hidden=12, layers=2, heads=3, radial=6, reach=reach
    ).double()
    for layer in network.layers:
        torch.nn.init.normal_(layer.modulation.weight, std=0.3)
        torch.nn.init.normal_(layer.modulation.bias, std=0.3)
    segments = Segments.from_counts([3, atoms, 2])
    x = 1.5 * torch.randn(segments.num_atoms, 3, dtype=torch.float64)
    features = torch.randn(segments.num_atoms, 4, dtype=torch.float64)
    conditions = torch.randn(3, 2, dtype=torch.float64)
    found = network(segments=segments, positions=x, features=features, conditions=conditions)

    own = segments.index == 1
    gap = x[own][None, :] - x[own][:, None]
    distance = (gap.square().sum(-1) + 1e-8).sqrt()
    radial = bumps(distance[..., None], 6, reach)
    functions = radial @ network.directed.weight.T
    directions = functions[..., None] * (gap / (1 + distance)[..., None])[:, :, None, :]
    of_molecule = network.of_molecule(conditions[1])
    h, vectors = network.embedding(features[own]), torch.zeros(atoms, 3, network.vectors, dtype=torch.float64)
    for layer in network.layers:
        h, vectors = layer_of_one_molecule(layer, h, vectors, of_molecule, radial, directions)
    h = network.norm(h)
    torch.testing.assert_close(found.features[own], network.head(h))
    displacement = torch.stack([(v * network.step(one)).mean(1) for v, one in zip(vectors, h, strict=True)])
    torch.testing.assert_close(found.displacement[own], displacement)


def test_sizes_of_its_own():
    """Half the width in vectors, in whole ones a head, at least one; the layers begin without modulation."""
    words = {"features": 1, "outputs": 1, "conditions": 1}
    sizes = [
        MoleculeTransformer(**words, hidden=hidden, heads=heads, layers=1).vectors
        for hidden, heads in ((128, 8), (24, 8), (8, 8), (24, 3))
    ]
    assert sizes == [64, 8, 8, 12]
    network = MoleculeTransformer(**words)
    assert len(network.layers) == 6
    assert float(network.basis.centres[0]) == pytest.approx(math.exp(-4.0))  # 8 angstrom
    assert network.directed.out_features == 8
    for layer in network.layers:
        assert not layer.modulation.weight.any()
        assert not layer.modulation.bias.any()
        assert layer.up.out_features == 4 * 128
        assert layer.bias.in_features == 32
