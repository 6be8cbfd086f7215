"""GaussianBasis against GeoBFN's values; sizes, shapes and refusals of MoleculeNet."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.geometry import Segments
from epitaxy.models import GaussianBasis, MoleculeNet


def test_features_of_a_third():
    features = GaussianBasis()(torch.tensor(1 / 3, dtype=torch.float64))
    expected = [-0.98848, -0.85095, -0.38199, -0.17865, -0.65011, -0.95223, -0.99791]
    torch.testing.assert_close(features[6:13], torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-5)


def test_features_of_zero():
    features = GaussianBasis()(torch.zeros(1, dtype=torch.float64))[0]
    torch.testing.assert_close(features, features.flip(0))
    expected = torch.tensor([-0.26175, -0.76337, -0.97569], dtype=torch.float64)
    torch.testing.assert_close(features[8:11], expected, rtol=0, atol=1e-5)


@given(x=st.floats(-4.0, 4.0))
def test_they_are_normalised_bumps(x: float):
    bumps = torch.exp(-((x - torch.linspace(-2, 2, 16).double()) ** 2) / (2 * 0.25**2))
    features = GaussianBasis()(torch.tensor(x, dtype=torch.float64))
    torch.testing.assert_close(features, 2 * bumps / bumps.sum() - 1, rtol=0, atol=1e-9)


@given(x=st.floats(-(2.0**100), 2.0**100, width=32))
def test_they_stay_a_distribution_and_have_gradients_far_out(x: float):
    value = torch.tensor([x], requires_grad=True)
    features = GaussianBasis()(value)
    torch.testing.assert_close(
        (features.double() + 1).sum() / 2, torch.tensor(1.0).double(), rtol=0, atol=1e-5
    )
    (gradient,) = torch.autograd.grad(features.square().sum(), value)
    assert gradient.isfinite().all()


def test_far_out_the_nearest_centre_has_all_the_weight():
    low, high = GaussianBasis()(torch.tensor([-100.0, 100.0]))
    assert low.argmax() == 0
    assert high.argmax() == 15
    assert low.max() == high.max() == 1


def test_they_are_nothing_to_save():
    assert GaussianBasis().state_dict() == {}


@pytest.mark.parametrize("words", [{"channels": 1}, {"low": 1.0, "high": 1.0}, {"width": 0.0}], ids=str)
def test_a_basis_that_is_none_is_refused(words: dict):
    with pytest.raises(ValueError, match="a basis needs"):
        GaussianBasis(**words)


def test_the_published_network():
    with torch.device("meta"):
        network = MoleculeNet()
    assert sum(parameter.numel() for parameter in network.parameters()) == 5_338_882


def small(**words: object) -> MoleculeNet:
    torch.manual_seed(0)
    return MoleculeNet(**words, hidden=8, layers=1)


def arguments(types: int = 0, charges: bool = True) -> dict:
    rng = torch.Generator().manual_seed(0)
    return {
        "segments": Segments.from_counts([4, 1]),
        "positions": torch.randn(5, 3, generator=rng),
        "types": torch.rand(5, types, generator=rng) if types else None,
        "charges": torch.rand(5, 1, generator=rng) if charges else None,
        "time": torch.tensor([0.0, 1.0]),
    }


def test_shapes_and_centred_positions():
    output = small()(**arguments())
    assert output.positions.shape == (5, 3)
    assert output.types is None
    assert output.charges.shape == (5, 2)
    assert output.positions.abs().max() > 0
    assert arguments()["segments"].sum(output.positions).abs().max() < 1e-7


def test_shapes_with_types():
    both = small(types=5, charge="value", charge_outputs=1)(**arguments(5))
    assert both.types.shape == (5, 5)
    assert both.charges.shape == (5, 1)
    alone = small(types=5, charge="none")(**arguments(5, charges=False))
    assert alone.types.shape == (5, 5)
    assert alone.charges is None


@pytest.mark.parametrize("time", ["value", "sinusoidal"])
def test_time_is_seen(time: str):
    network = small(time=time)
    before, after = (network(**{**arguments(), "time": torch.tensor([t, 1.0])}).charges for t in (0.0, 0.5))
    assert (before[:4] - after[:4]).abs().max() > 1e-4
    assert torch.equal(before[4], after[4])


def test_properties_are_seen_and_may_be_missing():
    network = small(properties=2, property_dim=4)
    nothing = network(**arguments()).charges
    missing = network(**arguments(), properties=torch.full((2, 2), torch.nan)).charges
    known = network(**arguments(), properties=torch.tensor([[0.5, torch.nan], [torch.nan] * 2])).charges
    assert torch.equal(nothing, missing)
    assert (known[:4] - nothing[:4]).abs().max() > 1e-4
    assert torch.equal(known[4], nothing[4])


@pytest.mark.parametrize(
    ("words", "given", "match"),
    [
        ({}, {"types": torch.zeros(5, 5)}, "types have 5 channels, the network 0"),
        ({"types": 5}, {}, "types have 0 channels, the network 5"),
        ({}, {"charges": None}, "charges are missing"),
        ({"types": 5, "charge": "none"}, {"types": torch.zeros(5, 5)}, "charges are given"),
        ({}, {"properties": torch.zeros(2, 1)}, "1 properties are given, the network takes 0"),
        ({"properties": 2}, {"properties": torch.zeros(2, 1)}, "1 properties are given, the network takes 2"),
    ],
    ids=str,
)
def test_what_the_network_was_not_built_for_is_refused(words: dict, given: dict, match: str):
    with pytest.raises(ValueError, match=match):
        small(**words)(**{**arguments(), **given})


def test_a_network_without_a_purpose_is_refused():
    with pytest.raises(ValueError, match="without types and charges"):
        small(charge="none")
    with pytest.raises(ValueError, match="a charge needs an output"):
        small(charge_outputs=0)
