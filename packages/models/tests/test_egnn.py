"""Sizes, shapes and refusals of EGNN, and what it does to mirror images and coinciding atoms."""

import pytest
import torch

from epitaxy.geometry import Segments
from epitaxy.geometry.testing import random_orthogonal
from epitaxy.models import EGNN
from epitaxy.models._parts import choose
from epitaxy.models.egnn import CHIRAL


def small(**words: object) -> EGNN:
    torch.manual_seed(0)
    return EGNN(**{"features": 3, "outputs": 2, "hidden": 16, "layers": 2, **words})


def test_geobfns_published_parameter_count():
    with torch.device("meta"):
        network = EGNN(features=17, outputs=2)
    assert sum(parameter.numel() for parameter in network.parameters()) == 5_338_882


def test_parameter_names_stay():
    """Weights saved by earlier releases load: these names and shapes are part of the interface."""
    perceptron = {
        "first.weight": (16, 2 * 16 + 2),
        "first.bias": (16,),
        "second.weight": (16, 16),
        "second.bias": (16,),
    }
    layer = {
        **{f"messages.{name}": shape for name, shape in perceptron.items()},
        "attention.weight": (1, 16),
        "attention.bias": (1,),
        "update.0.weight": (16, 32),
        "update.0.bias": (16,),
        "update.2.weight": (16, 16),
        "update.2.bias": (16,),
        **{f"steps.{name}": shape for name, shape in perceptron.items()},
        "last.weight": (1, 16),
        "handedness.vectors.weight": (3, 16),
        "handedness.scalar.weight": (16, 1),
        "handedness.step.weight": (1, 16),
    }
    expected = {
        "embedding.weight": (16, 3),
        "embedding.bias": (16,),
        "head.weight": (2, 16),
        "head.bias": (2,),
        **{f"layers.{k}.{name}": shape for k in range(2) for name, shape in layer.items()},
    }
    state = small(attention=True, tanh=True, equivariance="SE(3)").state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == expected


def test_an_untrained_network_hardly_moves_an_atom():
    segments = Segments.from_counts([18])
    output = small(hidden=64)(segments=segments, positions=torch.randn(18, 3), features=torch.randn(18, 3))
    assert 0 < output.displacement.abs().max() < 0.02


def test_two_atoms_by_hand():
    """One layer on two atoms, written out."""
    network = small(layers=1).double()
    layer = network.layers[0]
    x, features = torch.randn(2, 2, 3, dtype=torch.float64)
    output = network(segments=Segments.from_counts([2]), positions=x, features=features)
    h = network.embedding(features)
    d2 = (x[0] - x[1]).square().sum()

    def perceptron(of: torch.nn.Module, h: torch.Tensor) -> torch.Tensor:
        edges = torch.cat([h, h.flip(0), d2.expand(2, 1), d2.expand(2, 1)], dim=1)
        return torch.nn.functional.silu(of.second(torch.nn.functional.silu(of.first(edges))))

    h = h + layer.update(torch.cat([h, perceptron(layer.messages, h)], dim=1))
    phi = layer.last(perceptron(layer.steps, h))
    expected = (x - x.flip(0)) / ((d2 + 1e-8).sqrt() + 1) * phi
    torch.testing.assert_close(output.displacement, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(output.features, network.head(h), rtol=0, atol=1e-12)


def test_four_atoms_by_hand():
    """One layer with every part there is, written out atom by atom from the formulas.

    Steps and gates are as large as a trained network's, so that the bounds bend them.
    """
    words = {"equivariance": "SE(3)", "attention": True, "tanh": True, "reach": 0.7}
    network = small(layers=1, **words).double()
    x, features = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    for name, size in (("last.weight", 5000), ("handedness.step.weight", 1000)):
        network.get_parameter(f"layers.0.{name}").data *= size
    output = network(segments=Segments.from_counts([4]), positions=x, features=features)
    of_layer = "layers.0."
    w = {name.removeprefix(of_layer): value.detach() for name, value in network.state_dict().items()}

    def silu(z: torch.Tensor) -> torch.Tensor:
        return z / (1 + torch.exp(-z))

    def linear(name: str, z: torch.Tensor) -> torch.Tensor:
        bias = w.get(f"{name}.bias")
        return w[f"{name}.weight"] @ z + (0 if bias is None else bias)

    def of_edge(name: str, h: list[torch.Tensor], i: int, j: int) -> torch.Tensor:
        d2 = ((x[i] - x[j]) ** 2).sum()
        z = torch.cat([h[i], h[j], torch.stack([d2, d2])])  # now, and in the input: the same in one layer
        return silu(linear(f"{name}.second", silu(linear(f"{name}.first", z))))

    h = [linear("embedding", f) for f in features]
    updated = []
    for i in range(4):
        received = torch.zeros(16, dtype=torch.float64)
        for j in set(range(4)) - {i}:
            message = of_edge("messages", h, i, j)
            received += message / (1 + torch.exp(-linear("attention", message)))
        updated.append(h[i] + linear("update.2", silu(linear("update.0", torch.cat([h[i], received])))))
    steps, heads, phis, psis = [], [], [], []
    for i in range(4):
        along, v = torch.zeros(3, dtype=torch.float64), torch.zeros(3, 3, dtype=torch.float64)
        for j in set(range(4)) - {i}:
            away = x[i] - x[j]
            direction = away / (((away**2).sum() + 1e-8) ** 0.5 + 1)
            edge = of_edge("steps", updated, i, j)
            phis.append(abs(float(linear("last", edge))))
            along += direction * 0.7 * torch.tanh(linear("last", edge))
            for k in range(3):
                v[k] += direction * (w["handedness.vectors.weight"][k] @ edge)
        u = [v[k] / ((v[k] ** 2).sum() + 0.01) ** 0.5 for k in range(3)]
        (a, b, c), (d, e, f) = u[0], u[1]
        across = torch.stack([b * f - c * e, c * d - a * f, a * e - b * d])
        psi = linear("handedness.step", updated[i])
        psis.append(abs(float(psi)))
        steps.append(along + 0.7 * torch.tanh(psi) * across)
        triple = (across * u[2]).sum()
        heads.append(linear("head", updated[i] + w["handedness.scalar.weight"][:, 0] * triple))
    assert min(max(phis), max(psis)) > 0.5  # both bounds matter
    torch.testing.assert_close(output.displacement, torch.stack(steps), rtol=0, atol=1e-12)
    torch.testing.assert_close(output.features, torch.stack(heads), rtol=0, atol=1e-12)


def test_a_single_atom_stays():
    for equivariance in ("E(3)", "SE(3)"):
        network = small(equivariance=equivariance)
        output = network(
            segments=Segments.from_counts([1]), positions=torch.ones(1, 3), features=torch.ones(1, 3)
        )
        assert (output.displacement == 0).all()
        assert output.features.isfinite().all()


@pytest.mark.parametrize("equivariance", ["E(3)", "SE(3)"])
@pytest.mark.parametrize("apart", [0.0, 1e-30, 1e-12, 1e-5])
def test_atoms_that_coincide_have_finite_gradients(equivariance: str, apart: float):
    network = small(equivariance=equivariance)
    positions = torch.tensor([[0.3, 0.2, 0.1]] * 2 + [[1.0, 0.0, 0.0]]) + 0
    positions[1, 0] += apart
    positions.requires_grad_()
    output = network(segments=Segments.from_counts([3]), positions=positions, features=torch.randn(3, 3))
    total = output.features.sum() + output.displacement.square().sum()
    gradients = torch.autograd.grad(total, [positions, *network.parameters()])
    assert all(x.isfinite().all() for x in (output.displacement, output.features, *gradients))


@pytest.mark.parametrize(("equivariance", "more"), [("E(3)", 0), ("SE(3)", 1)])
def test_steps_are_bounded_by_tanh(equivariance: str, more: int):
    """Each edge's step by its direction, shorter than 1, times the layer's share of the reach.

    The chiral step by its own, likewise, so that it is like that along one more edge.
    """
    network = small(tanh=True, reach=0.5, equivariance=equivariance)
    for layer in network.layers:
        torch.nn.init.constant_(layer.last.weight, 1e4)
        if layer.handedness is not None:
            torch.nn.init.constant_(layer.handedness.step.weight, 1e4)
    segments = Segments.from_counts([6])
    output = network(segments=segments, positions=torch.randn(6, 3), features=torch.randn(6, 3))
    lengths = output.displacement.norm(dim=1)
    assert lengths.max() > 0.1
    assert lengths.max() < (5 + more) * 0.5


def test_edms_bound_is_the_default():
    """Two atoms far apart, told to go as far as they can, go 15 (EDM's `coords_range`), one to the other."""
    network = small(tanh=True, layers=1)
    torch.nn.init.constant_(network.layers[0].last.weight, 1e4)
    positions = torch.tensor([[0.0, 0.0, 0.0], [1e5, 0.0, 0.0]])
    output = network(segments=Segments.from_counts([2]), positions=positions, features=torch.ones(2, 3))
    torch.testing.assert_close(output.displacement.norm(dim=1), torch.full((2,), 15.0), rtol=1e-4, atol=0)


def test_the_chiral_step_alone_is_bounded_by_tanh():
    """No step along edges: an atom moves by less than the reach, and without the bound by far more."""
    lengths = {}
    for tanh in (True, False):
        network = small(tanh=tanh, reach=0.5, equivariance="SE(3)")
        for layer in network.layers:
            torch.nn.init.zeros_(layer.last.weight)
            torch.nn.init.constant_(layer.handedness.vectors.weight.data[0], 10.0)
            torch.nn.init.constant_(layer.handedness.step.weight, 1e4)
        torch.manual_seed(1)
        x, features = torch.randn(6, 3), torch.randn(6, 3)
        output = network(segments=Segments.from_counts([6]), positions=x, features=features)
        lengths[tanh] = float(output.displacement.detach().norm(dim=1).max())
    assert 0.01 < lengths[True] < 0.5
    assert lengths[False] > 10


def mirrored_pairs(number: int) -> tuple[Segments, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A four-atom molecule and its mirror image, in random orientations; the label tells which it is."""
    rng = torch.Generator().manual_seed(0)
    corners = torch.tensor([[1.0, 0, 0], [0, 1.2, 0], [0, 0, 1.5], [0, 0, 0]])
    label = torch.arange(number) % 2
    sign = torch.where(label[:, None, None] == 0, 1.0, -1.0)
    positions = corners.double() @ (random_orthogonal(number, rng=rng, reflections=False) * sign)
    features = torch.ones(4 * number, 3, dtype=torch.float64)
    return Segments.from_counts([4] * number), positions.flatten(0, 1), features, label


@pytest.mark.parametrize(("equivariance", "learns"), [("E(3)", False), ("SE(3)", True)])
def test_only_the_chiral_network_learns_which_mirror_image_it_sees(equivariance: str, learns: bool):
    """In float64: Adam scales up gradients that are rounding alone, and orientations would matter."""
    segments, positions, features, label = mirrored_pairs(16)
    network = small(equivariance=equivariance).double()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(80):
        output = network(segments=segments, positions=positions, features=features)
        loss = torch.nn.functional.cross_entropy(segments.mean(output.features), label)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    if learns:
        assert loss < 0.05
    else:
        assert loss > 0.69  # log 2, that of a guess


def test_the_chiral_networks_steps_are_no_mirror_images():
    """And a flat molecule may leave its plane, as no rotation forbids it."""
    network = small(equivariance="SE(3)").double()
    for layer in network.layers:
        layer.handedness.step.weight.data *= 300
    segments, features = Segments.from_counts([5]), torch.randn(5, 3, dtype=torch.float64)
    positions = torch.randn(5, 3, dtype=torch.float64)
    mirror = torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)

    def steps(positions: torch.Tensor) -> torch.Tensor:
        return network(segments=segments, positions=positions, features=features).displacement

    assert (steps(positions * mirror) - steps(positions) * mirror).abs().max() > 1e-3
    flat = positions * torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64)
    assert steps(flat)[:, 2].abs().max() > 1e-3


def test_unknown_groups_are_refused():
    """By what reads the word, as the tests' type hook would stop it on its way there."""
    with pytest.raises(ValueError, match=r"equivariance is 'E\(3\)' or 'SE\(3\)', not 'O\(3\)'"):
        choose("equivariance", "O(3)", CHIRAL)
