"""The fast form against the edge-list form with the same weights: same outputs, same gradients."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from epitaxy.geometry import Segments
from epitaxy.geometry.testing import Tolerance, counts
from epitaxy.models import CrystalNetOutput, CSPNet
from epitaxy.models.testing import CrystalInput, EdgeListCSPNet, random_crystals

SPECIES = 5
ABSOLUTE = {torch.float32: 1e-5, torch.float64: 1e-12}
DTYPES = [torch.float32, torch.float64]

VECTOR = {"species": SPECIES, "species_input": "probabilities", "species_output": SPECIES}
KLDM = {
    "lattice": "parameters",
    "velocities": True,
    "time_embedding": "gaussian",
    "position_head": "two_layer",
    "position_conditions": 0,
}
FORMS = {
    "crysbfn, known species": {"species": SPECIES, "species_input": "index"},
    "crysbfn": VECTOR,
    "kldm, known species": {"species": SPECIES, "species_input": "index", **KLDM},
    "kldm, vectors": {**VECTOR, **KLDM},
    "kldm, a class for the mask": {
        "species": SPECIES + 1,
        "species_input": "index",
        "species_output": SPECIES,
        **KLDM,
    },
    "conditions and parameters": {**VECTOR, "lattice": "parameters"},
    "velocities and matrix": {**VECTOR, "velocities": True, "position_conditions": 2},
    "properties": {**VECTOR, "properties": 2, "property_dim": 8},
}


every_form = pytest.mark.parametrize("form", FORMS)
main_forms = pytest.mark.parametrize("form", ["crysbfn", "kldm, vectors"])


def inputs(
    atoms: list[int], dtype: torch.dtype = torch.float32, *, form: str = "crysbfn", seed: int = 0
) -> CrystalInput:
    words = FORMS[form]
    return random_crystals(
        Segments.from_counts(atoms),
        rng=torch.Generator().manual_seed(seed),
        species=words["species"],
        probabilities=words["species_input"] == "probabilities",
        channels=words.get("position_conditions", 3),
        lattice=words.get("lattice", "matrix"),
        velocities=words.get("velocities", False),
        properties=words.get("properties", 0),
        dtype=dtype,
    )


def both(
    dtype: torch.dtype = torch.float32, *, form: str = "crysbfn", hidden: int = 24, frequencies: int = 20
) -> tuple[CSPNet, EdgeListCSPNet]:
    torch.manual_seed(1)
    words = {**FORMS[form], "hidden": hidden, "layers": 3, "frequencies": frequencies, "time_dim": 16}
    fast, plain = CSPNet(**words).to(dtype), EdgeListCSPNet(**words).to(dtype)
    if fast.atom_embedding.told is not None:  # it begins without effect
        torch.nn.init.normal_(fast.atom_embedding.told, std=0.2)
    plain.load_state_dict(fast.state_dict())
    return fast, plain


def fields(output: CrystalNetOutput) -> list[torch.Tensor]:
    every = [output.positions, output.lattice, output.species]
    return [field for field in every if field is not None]


def floating(x: CrystalInput, change: Callable[[torch.Tensor], torch.Tensor]) -> CrystalInput:
    """Change all tensors that are no indices."""
    tensors = {name: value for name, value in x.words().items() if isinstance(value, torch.Tensor)}
    return replace(x, **{name: change(y) for name, y in tensors.items() if y.is_floating_point()})


def results(network: CSPNet, x: CrystalInput) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Outputs, and the gradients of the parameters and of the lattice, of a loss that weighs all outputs."""
    x = replace(x, lattice=x.lattice.clone().requires_grad_())
    output = fields(network(**vars(x)))
    loss = sum((y * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)).sum() for y in output)
    return output, list(torch.autograd.grad(loss, [*network.parameters(), x.lattice]))


def assert_same(fast: CSPNet, plain: CSPNet, x: CrystalInput) -> None:
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
def test_any_batch(form: str, atoms: list[int], seed: int, dtype: torch.dtype):
    assert_same(*both(dtype, form=form), inputs(atoms, dtype, form=form, seed=seed))


@every_form
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("atoms", [[1], [1, 1, 1], [52], [52, 1, 2]], ids=str)
def test_smallest_and_largest_cells(form: str, atoms: list[int], dtype: torch.dtype):
    assert_same(*both(dtype, form=form), inputs(atoms, dtype, form=form))


@main_forms
def test_several_blocks_of_edges(form: str):
    """Wide enough that the edges do not fit one block."""
    x = inputs([30, 2, 40], torch.float64, form=form)
    assert_same(*both(torch.float64, form=form, hidden=256, frequencies=4), x)


@main_forms
def test_paper_width_in_single_precision(form: str):
    assert_same(*both(form=form, hidden=512, frequencies=128), inputs([1, 2, 6], form=form))


@main_forms
def test_single_precision_is_no_further_from_the_truth(form: str):
    """The edge-list form in float64 is the truth; the fast form rounds no worse than the plain one."""
    fast, plain = both(form=form, hidden=64, frequencies=128)
    truth = both(torch.float64, form=form, hidden=64, frequencies=128)[1]
    truth.load_state_dict(fast.state_dict())
    x = inputs([20] * 12, form=form)
    wide = floating(x, torch.Tensor.double)
    true = fields(truth(**vars(wide)))
    error, plain_error = (
        max((y - z).abs().max().item() for y, z in zip(fields(network(**vars(x))), true, strict=True))
        for network in (fast, plain)
    )
    assert error < 2 * plain_error + 1e-6


@main_forms
@pytest.mark.parametrize("dtype", DTYPES)
def test_without_gradients(form: str, dtype: torch.dtype):
    fast, plain = both(dtype, form=form)
    x = inputs([3, 1, 7], dtype, form=form)
    with torch.no_grad():
        for actual, expected in zip(fields(fast(**vars(x))), fields(plain(**vars(x))), strict=True):
            torch.testing.assert_close(actual, expected, rtol=0, atol=ABSOLUTE[dtype])


def test_gradients_of_velocities():
    """As a network may be asked for that learns them."""
    fast, plain = both(torch.float64, form="kldm, vectors")
    x = inputs([3, 1, 7], torch.float64, form="kldm, vectors")
    gradients = []
    for network in (fast, plain):
        velocities = x.velocities.clone().requires_grad_()
        output = network(**vars(replace(x, velocities=velocities)))
        gradients.append(torch.autograd.grad(output.positions.square().sum(), velocities)[0])
    assert gradients[0].abs().max() > 1e-6
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-12)


def test_pairs_may_be_given():
    fast, _ = both()
    x = inputs([3, 1, 7])
    for actual, expected in zip(
        fields(fast(**vars(x), pairs=x.segments.pairs())), fields(fast(**vars(x))), strict=True
    ):
        assert torch.equal(actual, expected)


@every_form
def test_autocast_to_bfloat16(form: str):
    """Half-precision matrix products: the result to that precision, and single-precision gradients."""
    fast, plain = both(form=form, hidden=64)
    x = inputs([3, 1, 7], form=form)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs, gradients = results(fast, x)
    expected, expected_gradients = results(plain, x)
    for actual, value in zip([*outputs, *gradients], [*expected, *expected_gradients], strict=True):
        scale = value.abs().max()
        torch.testing.assert_close(actual.float() / scale, value / scale, rtol=0, atol=0.1)
    assert all(gradient.dtype == torch.float32 for gradient in gradients)


@every_form
@pytest.mark.parametrize("atoms", [1, 52])
def test_autocast_is_finite_for_the_smallest_and_largest_cells(form: str, atoms: int):
    fast, _ = both(form=form, hidden=64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs, gradients = results(fast, inputs([atoms], form=form))
    assert all(x.isfinite().all() for x in [*outputs, *gradients])


@main_forms
def test_a_seed_gives_the_same_gradients_twice(form: str):
    fast, _ = both(form=form)
    x = inputs([9, 4, 20], form=form)
    for first, second in zip(results(fast, x)[1], results(fast, x)[1], strict=True):
        assert torch.equal(first, second)


@main_forms
@pytest.mark.parametrize("dtype", DTYPES)
def test_on_every_device(form: str, dtype: torch.dtype, device: str):
    fast, plain = both(dtype, form=form)
    x = inputs([3, 1, 7, 20], dtype, form=form)
    outputs, gradients = results(plain, x)
    moved = CrystalInput(**{name: value.to(device) for name, value in x.words().items()})
    there, gradients_there = results(fast.to(device), moved)
    for actual, value in zip([*there, *gradients_there], [*outputs, *gradients], strict=True):
        Tolerance.loose(dtype).assert_close(actual.cpu(), value)
