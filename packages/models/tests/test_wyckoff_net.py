"""WyckoffNet: the laws of networks on orbits, its edge-list form with the same weights, its options."""

from dataclasses import replace
from functools import lru_cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from epitaxy.geometry import Segments
from epitaxy.geometry.testing import Tolerance, counts
from epitaxy.models import WyckoffNet
from epitaxy.models.testing import (
    EdgeListWyckoffNet,
    OrbitLaws,
    WyckoffInput,
    orbit_fields,
    random_asymmetric_units,
)

SPECIES = 5
ABSOLUTE = {torch.float32: 1e-5, torch.float64: 1e-12}
DTYPES = [torch.float32, torch.float64]
FORMS = {
    "default": {},
    "published": {"aggregation": "sum", "residual_noise": True, "raw_positions": False},
    "properties": {"properties": 2},
    "copies": {"copies": True},
    "multiplicities": {"multiplicities": True},
    "composition": {"multiplicities": True, "composition": True},
}
every_form = pytest.mark.parametrize("form", FORMS)


def both(
    dtype: torch.dtype = torch.float32, *, form: str = "default", **words: int
) -> tuple[WyckoffNet, EdgeListWyckoffNet]:
    torch.manual_seed(1)
    sizes = {"hidden": 24, "layers": 3, "frequencies": 20, "embedding": 8, "time_dim": 16, **words}
    fast, plain = (kind(species=SPECIES, **sizes, **FORMS[form]) for kind in (WyckoffNet, EdgeListWyckoffNet))
    torch.nn.init.normal_(fast.space_group_embedding.own.weight)
    # Rounding grows with sharpness, which is an exponential, and with what is added to features.
    if (sizes_of := fast.multiplicity_embedding) is not None:
        torch.nn.init.normal_(sizes_of.weight.weight)
        torch.nn.init.normal_(sizes_of.sharpness.weight, std=0.1)
    if (made_of := fast.composition_embedding) is not None:
        torch.nn.init.normal_(made_of.perceptron[2].weight, std=0.2)
        torch.nn.init.normal_(made_of.sharpness.weight, std=0.1)
    plain.load_state_dict(fast.state_dict())
    return fast.to(dtype), plain.to(dtype)


def inputs(
    atoms: list[int], dtype: torch.dtype = torch.float32, *, form: str = "default", seed: int = 0
) -> WyckoffInput:
    rng = torch.Generator().manual_seed(seed)
    properties = FORMS[form].get("properties", 0)
    segments = Segments.from_counts(atoms)
    return random_asymmetric_units(segments, rng=rng, species=SPECIES, properties=properties, dtype=dtype)


def results(network: WyckoffNet, x: WyckoffInput) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Outputs, and the gradients of the parameters and of what is differentiable, of a loss of them all."""
    names = ("lattice", "species", "symmetry")
    wanted = {name: getattr(x, name).clone().requires_grad_() for name in names}
    output = orbit_fields(network(**replace(x, **wanted).words()))
    loss = sum((y * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)).sum() for y in output)
    return output, list(torch.autograd.grad(loss, [*network.parameters(), *wanted.values()]))


def assert_same(fast: WyckoffNet, plain: WyckoffNet, x: WyckoffInput) -> None:
    dtype = x.lattice.dtype
    (outputs, gradients), (expected, expected_gradients) = results(fast, x), results(plain, x)
    for actual, value in zip(outputs, expected, strict=True):
        torch.testing.assert_close(actual, value, rtol=0, atol=ABSOLUTE[dtype])
    for actual, value in zip(gradients, expected_gradients, strict=True):
        scale = value.abs().max().clamp(min=1)
        torch.testing.assert_close(actual / scale, value / scale, rtol=0, atol=ABSOLUTE[dtype])


@every_form
@given(atoms=counts(), seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from(DTYPES))
@settings(max_examples=15)
def test_edge_list_form_of_any_batch(form: str, atoms: list[int], seed: int, dtype: torch.dtype):
    assert_same(*both(dtype, form=form), inputs(atoms, dtype, form=form, seed=seed))


@pytest.mark.parametrize("atoms", [[1], [1, 1, 1], [52, 1, 2]], ids=str)
def test_edge_list_form_of_smallest_and_largest_cells(atoms: list[int]):
    assert_same(*both(torch.float64), inputs(atoms, torch.float64))


def test_edge_list_form_at_paper_width():
    assert_same(*both(hidden=512, frequencies=128, embedding=128), inputs([1, 2, 6]))


@lru_cache
def small(dtype: torch.dtype, form: str) -> WyckoffNet:
    return both(dtype, form=form)[0]


class TestDefault(OrbitLaws):
    species = SPECIES
    form = "default"

    def network(self, dtype: torch.dtype) -> WyckoffNet:
        return small(dtype, self.form)


class TestPublished(TestDefault):
    form = "published"


class TestProperties(TestDefault):
    form = "properties"
    properties = 2


class TestCopies(TestDefault):
    form = "copies"


def test_a_sum_of_messages_is_the_mean_times_their_number():
    """The same for one orbit, and not for two."""
    mean, total = both(form="default")[0], both(form="default")[0]
    for layer in total.layers:
        layer.aggregation = "sum"
    x = inputs([1, 2])
    one, other = mean(**x.words()), total(**x.words())
    torch.testing.assert_close(one.lattice[0], other.lattice[0], rtol=0, atol=1e-6)
    assert (one.lattice[1] - other.lattice[1]).abs().max() > 1e-4


def test_residual_noise_adds_the_mean():
    x = inputs([3, 2])
    network = both()[0]
    plain = network(**x.words()).positions
    network.residual_noise = True
    torch.testing.assert_close(network(**x.words()).positions, plain + x.positions)


def test_number_of_parameters():
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in WyckoffNet(species=94).parameters()) == 13_842_090


def test_labels_that_are_given_are_not_predicted():
    net = WyckoffNet(
        species=SPECIES, hidden=16, layers=1, frequencies=2, embedding=4, time_dim=4, labels=False
    )
    out = net(**inputs([2, 1]).words())
    assert out.species is None
    assert out.symmetry is None
    assert out.positions.shape == (3, 3)
    assert not [name for name, _ in net.named_parameters() if name.startswith(("species_head", "symmetry_h"))]


@every_form
@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_autocast(form: str, half: torch.dtype):
    """Half-precision matrix products: the result to that precision, and single-precision gradients."""
    fast, plain = both(form=form, hidden=64)
    x = inputs([3, 1, 7], form=form)
    with torch.autocast("cpu", dtype=half):
        outputs, gradients = results(fast, x)
    expected, expected_gradients = results(plain, x)
    # What a pointer's few weights get is a difference of nearly equal numbers.
    least = 0.03 if form == "copies" else 0.0
    for actual, value in zip([*outputs, *gradients], [*expected, *expected_gradients], strict=True):
        scale = value.abs().max().clamp(min=least)
        torch.testing.assert_close(actual.float() / scale, value / scale, rtol=0, atol=0.1)
    assert all(gradient.dtype == torch.float32 for gradient in gradients)


def test_far_means_give_finite_outputs():
    x = inputs([3, 1])
    y = both()[0](**replace(x, positions=x.positions * 1e4).words())
    assert all(z.isfinite().all() for z in orbit_fields(y))


def test_wrong_shapes_are_refused():
    """Of cells and symmetries: the tests' type hook would stop them on their way into `forward`."""
    network, x = both()[0], inputs([2, 1])
    with pytest.raises(ValueError, match=r"a lattice has the shape \(3, 3\), the network wants \(6,\)"):
        network.check(torch.zeros(2, 3, 3), x.species, x.symmetry, None)
    with pytest.raises(ValueError, match=r"symmetry has the shape \(13, 15\), the network wants \(15, 13\)"):
        network.check(x.lattice, x.species, x.symmetry.mT, None)
    with pytest.raises(ValueError, match="0 properties are given, the network has 2: give NaN"):
        both(form="properties")[0](**x.words())


@every_form
@pytest.mark.parametrize("dtype", DTYPES)
def test_on_every_device(form: str, dtype: torch.dtype, device: str):
    fast, plain = both(dtype, form=form)
    x = inputs([3, 1, 7, 20], dtype, form=form)
    outputs, gradients = results(plain, x)
    moved = WyckoffInput(**{name: value.to(device) for name, value in x.words().items()})
    there, gradients_there = results(fast.to(device), moved)
    for actual, value in zip([*there, *gradients_there], [*outputs, *gradients], strict=True):
        Tolerance.loose(dtype).assert_close(actual.cpu(), value)
