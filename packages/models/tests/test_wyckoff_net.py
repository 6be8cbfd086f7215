"""WyckoffNet: its laws, its edge-list form with the same weights, shapes and refusals."""

from dataclasses import dataclass, replace
from functools import lru_cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from epitaxy.geometry import Segments
from epitaxy.geometry.testing import Tolerance, counts
from epitaxy.models import WyckoffNet, WyckoffNetOutput
from epitaxy.models.testing import (
    EdgeListWyckoffNet,
    EquivarianceLaws,
    WyckoffInput,
    random_asymmetric_units,
    wyckoff_inputs,
)

SPECIES = 5
ABSOLUTE = {torch.float32: 1e-5, torch.float64: 1e-12}
DTYPES = [torch.float32, torch.float64]
FORMS = {
    "default": {},
    "published": {"aggregation": "sum", "residual_noise": True, "raw_positions": False},
    "properties": {"properties": 2},
}
every_form = pytest.mark.parametrize("form", FORMS)


def both(
    dtype: torch.dtype = torch.float32, *, form: str = "default", **words: int
) -> tuple[WyckoffNet, EdgeListWyckoffNet]:
    torch.manual_seed(1)
    sizes = {"hidden": 24, "layers": 3, "frequencies": 20, "embedding": 8, "time_dim": 16, **words}
    fast, plain = (kind(species=SPECIES, **sizes, **FORMS[form]) for kind in (WyckoffNet, EdgeListWyckoffNet))
    torch.nn.init.normal_(fast.space_group_embedding.own.weight)
    plain.load_state_dict(fast.state_dict())
    return fast.to(dtype), plain.to(dtype)


def inputs(
    atoms: list[int], dtype: torch.dtype = torch.float32, *, form: str = "default", seed: int = 0
) -> WyckoffInput:
    rng = torch.Generator().manual_seed(seed)
    properties = FORMS[form].get("properties", 0)
    segments = Segments.from_counts(atoms)
    return random_asymmetric_units(segments, rng=rng, species=SPECIES, properties=properties, dtype=dtype)


def fields(output: WyckoffNetOutput) -> list[torch.Tensor]:
    return [output.positions, output.lattice, output.species, output.symmetry]


def results(network: WyckoffNet, x: WyckoffInput) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Outputs, and the gradients of the parameters and of what is differentiable, of a loss of them all."""
    names = ("lattice", "species", "symmetry")
    wanted = {name: getattr(x, name).clone().requires_grad_() for name in names}
    output = fields(network(**replace(x, **wanted).words()))
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


@dataclass(frozen=True, kw_only=True)
class Flat:
    """The output with both kinds of logits in one field, as the shared laws know three."""

    positions: torch.Tensor
    lattice: torch.Tensor
    species: torch.Tensor


@lru_cache
def small(dtype: torch.dtype, form: str) -> WyckoffNet:
    return both(dtype, form=form)[0]


class Laws(EquivarianceLaws):
    lattice = "parameters"
    form = "default"

    def network(self, dtype: torch.dtype) -> WyckoffNet:
        return small(dtype, self.form)

    def draw(self, data: st.DataObject, dtype: torch.dtype) -> WyckoffInput:
        properties = FORMS[self.form].get("properties", 0)
        return data.draw(wyckoff_inputs(dtype=dtype, species=SPECIES, properties=properties))

    def run(self, x: WyckoffInput) -> Flat:
        y = super().run(x)
        logits = torch.cat([y.species, y.symmetry.flatten(1)], dim=1)
        return Flat(positions=y.positions, lattice=y.lattice, species=logits)

    test_periodic_translation = None
    """Its place takes `test_whole_periods`: absolute coordinates are seen."""


class TestDefault(Laws):
    pass


class TestPublished(Laws):
    form = "published"


class TestProperties(Laws):
    form = "properties"


del Laws


@every_form
@given(data=st.data(), dtype=st.sampled_from(DTYPES), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_whole_periods(form: str, data: st.DataObject, dtype: torch.dtype, seed: int):
    """Nothing but the linear map of the raw mean, and the residual, sees a whole period."""
    properties = FORMS[form].get("properties", 0)
    x = data.draw(wyckoff_inputs(dtype=dtype, species=SPECIES, properties=properties))
    network = both(dtype, form=form)[0]
    if network.raw_positions:
        network.position_embedding.weight.data[:, -3:] = 0
    rng = torch.Generator().manual_seed(seed)
    periods = torch.randint(-2, 3, x.positions.shape, generator=rng).to(dtype)
    before = network(**x.words())
    after = network(**replace(x, positions=x.positions + periods).words())
    if network.residual_noise:
        after = replace(after, positions=after.positions - periods)
    for actual, expected in zip(fields(after), fields(before), strict=True):
        Tolerance.loose(dtype).assert_close(actual, expected)


def test_the_raw_mean_is_seen():
    x = inputs([2, 3])
    outside = replace(x, positions=x.positions + 1)
    network = both()[0]
    assert not torch.allclose(network(**x.words()).species, network(**outside.words()).species, atol=1e-3)


def test_absolute_coordinates_are_seen():
    x = inputs([2, 3])
    network = both(form="published")[0]
    moved = replace(x, positions=x.positions + 0.3)
    assert not torch.allclose(network(**x.words()).species, network(**moved.words()).species, atol=1e-3)


def test_one_orbit_sees_its_lattice_group_and_properties():
    network = both(form="properties")[0]
    x = inputs([1, 1], form="properties")
    y = network(**x.words())
    others = {
        "lattice": x.lattice + torch.tensor([[0.0], [1.0]]),
        "space_groups": torch.stack([x.space_groups[0], x.space_groups[1] % 230 + 1]),
        "properties": x.properties.nan_to_num(0.5) + torch.tensor([[0.0], [1.0]]),
        "time": x.time + torch.tensor([0.0, 0.1]),
    }
    for name, other in others.items():
        start = replace(x, properties=x.properties.nan_to_num(0.5)) if name == "properties" else x
        first = network(**start.words())
        second = network(**replace(start, **{name: other}).words())
        assert torch.equal(first.species[0], second.species[0])
        assert (first.species[1] - second.species[1]).abs().max() > 1e-5, name
    assert y.symmetry.shape == (2, 15, 13)


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


def test_shapes():
    y = both()[0](**inputs([3, 1, 2]).words())
    assert [tuple(z.shape) for z in fields(y)] == [(6, 3), (3, 6), (6, SPECIES), (6, 15, 13)]


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


def test_pairs_may_be_given():
    network, x = both()[0], inputs([3, 1, 7])
    given_pairs = network(**x.words(), pairs=x.segments.pairs())
    for actual, expected in zip(fields(given_pairs), fields(network(**x.words())), strict=True):
        assert torch.equal(actual, expected)


@every_form
@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_autocast(form: str, half: torch.dtype):
    """Half-precision matrix products: the result to that precision, and single-precision gradients."""
    fast, plain = both(form=form, hidden=64)
    x = inputs([3, 1, 7], form=form)
    with torch.autocast("cpu", dtype=half):
        outputs, gradients = results(fast, x)
    expected, expected_gradients = results(plain, x)
    for actual, value in zip([*outputs, *gradients], [*expected, *expected_gradients], strict=True):
        scale = value.abs().max()
        torch.testing.assert_close(actual.float() / scale, value / scale, rtol=0, atol=0.1)
    assert all(gradient.dtype == torch.float32 for gradient in gradients)


def test_far_means_give_finite_outputs():
    x = inputs([3, 1])
    y = both()[0](**replace(x, positions=x.positions * 1e4).words())
    assert all(z.isfinite().all() for z in fields(y))


def test_wrong_arguments_are_refused():
    network, asked = both()[0], both(form="properties")[0]
    x = inputs([2, 1])
    with pytest.raises(ValueError, match="species have 4 classes, the network has 5"):
        network(**replace(x, species=x.species[:, :4]).words())
    with pytest.raises(ValueError, match="2 properties are given, the network has 0"):
        network(**replace(x, properties=torch.zeros(2, 2)).words())
    with pytest.raises(ValueError, match="0 properties are given, the network has 2: give NaN"):
        asked(**x.words())
    # The shapes that follow are stopped by the tests' type hook on their way into `forward`.
    with pytest.raises(ValueError, match=r"a lattice has the shape \(3, 3\), the network wants \(6,\)"):
        network.check(torch.zeros(2, 3, 3), x.species, x.symmetry, None)
    with pytest.raises(ValueError, match=r"symmetry has the shape \(13, 15\), the network wants \(15, 13\)"):
        network.check(x.lattice, x.species, x.symmetry.mT, None)
    with pytest.raises(ValueError, match="space groups have the numbers 1 to 230"):
        network(**replace(x, space_groups=torch.tensor([1, 231])).words())


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
