"""EGNN's fast form against its edge-list form with the same weights: same outputs, same gradients."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from epitaxy.geometry import Pairs, Segments
from epitaxy.geometry.testing import Tolerance, counts
from epitaxy.models import EGNN
from epitaxy.models.testing import EdgeListEGNN, MoleculeInput, random_molecules

FEATURES, OUTPUTS = 5, 3
ABSOLUTE = {torch.float32: 1e-5, torch.float64: 1e-12}
DTYPES = [torch.float32, torch.float64]
FORMS = {
    "published": {},
    "edm": {"attention": True, "tanh": True, "reach": 3.0},
    "rotations alone": {"equivariance": "SE(3)"},
    "all": {"equivariance": "SE(3)", "attention": True, "tanh": True},
}
every_form = pytest.mark.parametrize("form", FORMS)


def inputs(atoms: list[int], dtype: torch.dtype = torch.float32, *, seed: int = 0) -> MoleculeInput:
    rng = torch.Generator().manual_seed(seed)
    segments = Segments.from_counts(atoms)
    return random_molecules(segments, rng=rng, types=FEATURES, charges=False, dtype=dtype)


def both(
    dtype: torch.dtype = torch.float32, *, form: str = "published", hidden: int = 24, layers: int = 3
) -> tuple[EGNN, EdgeListEGNN]:
    """The two forms, with steps a hundred times those of an untrained network: as large as distances."""
    torch.manual_seed(1)
    words = {"features": FEATURES, "outputs": OUTPUTS, "hidden": hidden, "layers": layers, **FORMS[form]}
    fast, plain = EGNN(**words).to(dtype), EdgeListEGNN(**words).to(dtype)
    with torch.no_grad():
        for layer in fast.layers:
            layer.last.weight *= 100
    plain.load_state_dict(fast.state_dict())
    return fast, plain


def results(
    network: EGNN, x: MoleculeInput, pairs: Pairs | None = None
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Outputs, and the gradients of parameters, positions and features, of a loss that weighs all outputs."""
    positions, features = (y.clone().requires_grad_() for y in (x.positions, x.types))
    words = {} if pairs is None else {"pairs": pairs}
    y = network(segments=x.segments, positions=positions, features=features, **words)
    output = [y.displacement, y.features]
    loss = sum((z * torch.linspace(-1, 1, z.numel(), dtype=z.dtype).view_as(z)).sum() for z in output)
    wanted = [*network.parameters(), positions, features]
    return output, list(torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True))


def assert_same(fast: EGNN, plain: EGNN, x: MoleculeInput, pairs: Pairs | None = None) -> None:
    dtype = x.positions.dtype
    (outputs, gradients), (expected, expected_gradients) = results(fast, x, pairs), results(plain, x)
    for actual, value in zip([*outputs, *gradients], [*expected, *expected_gradients], strict=True):
        scale = value.abs().max().clamp(min=1)
        torch.testing.assert_close(actual / scale, value / scale, rtol=0, atol=ABSOLUTE[dtype])


def changed(x: MoleculeInput, change: Callable[[torch.Tensor], torch.Tensor]) -> MoleculeInput:
    return replace(x, positions=change(x.positions), types=change(x.types), time=change(x.time))


@every_form
@given(atoms=counts(), seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from(DTYPES))
@settings(max_examples=15)
def test_any_batch(form: str, atoms: list[int], seed: int, dtype: torch.dtype):
    assert_same(*both(dtype, form=form), inputs(atoms, dtype, seed=seed))


@every_form
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("atoms", [[1], [1, 1, 1], [29, 1, 2]], ids=str)
def test_smallest_and_largest_molecules(form: str, atoms: list[int], dtype: torch.dtype):
    assert_same(*both(dtype, form=form), inputs(atoms, dtype))


@every_form
def test_several_blocks_of_edges(form: str):
    """Wide enough that the edges do not fit one block, and that some molecule is cut."""
    fast, plain = both(torch.float64, form=form, hidden=256, layers=2)
    assert_same(fast, plain, inputs([30, 2, 40, 1, 25], torch.float64))


def test_paper_size_in_single_precision():
    fast, plain = both(hidden=256, layers=9)
    for layer in [*fast.layers, *plain.layers]:
        layer.last.weight.data /= 100
    x = inputs([3, 18, 9])
    with torch.no_grad():
        one, other = (
            net(segments=x.segments, positions=x.positions, features=x.types) for net in (fast, plain)
        )
    for field in ("displacement", "features"):
        torch.testing.assert_close(getattr(one, field), getattr(other, field), rtol=0, atol=1e-5)


@every_form
def test_single_precision_is_no_further_from_the_truth(form: str):
    """The edge-list form in float64 is the truth; the fast form rounds no worse than the plain one."""
    fast, plain = both(form=form, hidden=64)
    truth = both(torch.float64, form=form, hidden=64)[1]
    truth.load_state_dict(fast.state_dict())
    x = inputs([18] * 12)
    true = results(truth, changed(x, torch.Tensor.double))[0]
    error, plain_error = (
        max(
            ((y - z).abs().max() / z.abs().max()).item()
            for y, z in zip(results(net, x)[0], true, strict=True)
        )
        for net in (fast, plain)
    )
    assert error < 2 * plain_error + 1e-6


@every_form
@pytest.mark.parametrize("dtype", DTYPES)
def test_without_gradients(form: str, dtype: torch.dtype):
    fast, plain = both(dtype, form=form)
    x = inputs([3, 1, 7], dtype)
    words = {"segments": x.segments, "positions": x.positions, "features": x.types}
    with torch.no_grad():
        one, other = fast(**words), plain(**words)
    torch.testing.assert_close(one.displacement, other.displacement, rtol=0, atol=ABSOLUTE[dtype])
    torch.testing.assert_close(one.features, other.features, rtol=0, atol=ABSOLUTE[dtype])


def test_pairs_in_any_order():
    fast, plain = both(torch.float64, hidden=256, layers=2)
    x = inputs([30, 2, 40], torch.float64)
    pairs = x.segments.pairs()
    order = torch.randperm(len(pairs.i), generator=torch.Generator().manual_seed(0))
    assert_same(fast, plain, x, Pairs(*(y[order] for y in pairs)))


@every_form
def test_autocast_to_bfloat16(form: str):
    """Half-precision products: errors no larger than the plain form's, gradients in single precision."""
    fast, plain = both(form=form, hidden=64)
    x = inputs([3, 1, 7])
    expected = [y for field in results(plain, x) for y in field]
    errors = []
    for network in (fast, plain):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            outputs, gradients = results(network, x)
        assert all(gradient.dtype == torch.float32 for gradient in gradients)
        pairs = zip([*outputs, *gradients], expected, strict=True)
        errors.append(max(((y - z).abs().max() / z.abs().max()).item() for y, z in pairs))
    assert errors[0] < 2 * errors[1]
    assert errors[0] < 0.25


@every_form
def test_autocast_is_finite_for_the_smallest_and_largest_molecules(form: str):
    fast, _ = both(form=form, hidden=64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs, gradients = results(fast, inputs([1, 29]))
    assert all(x.isfinite().all() for x in [*outputs, *gradients])


@every_form
def test_a_seed_gives_the_same_gradients_twice(form: str):
    fast, _ = both(form=form)
    x = inputs([9, 4, 20])
    for first, second in zip(results(fast, x)[1], results(fast, x)[1], strict=True):
        assert torch.equal(first, second)


def test_gradients_can_be_taken_once():
    fast, _ = both()
    x = inputs([3])
    positions = x.positions.requires_grad_()
    y = fast(segments=x.segments, positions=positions, features=x.types)
    (first,) = torch.autograd.grad(y.features.sum(), positions, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


@every_form
@pytest.mark.parametrize("dtype", DTYPES)
def test_on_every_device(form: str, dtype: torch.dtype, device: str):
    fast, plain = both(dtype, form=form)
    x = inputs([3, 1, 7, 20], dtype)
    outputs, gradients = results(plain, x)
    moved = replace(changed(x, lambda value: value.to(device)), segments=x.segments.to(device))
    there, gradients_there = results(fast.to(device), moved)
    for actual, value in zip([*there, *gradients_there], [*outputs, *gradients], strict=True):
        Tolerance.loose(dtype).assert_close(actual.cpu(), value)
