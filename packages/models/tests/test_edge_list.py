"""The fast form against the edge-list form with the same weights: same outputs, same gradients."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from epitaxy.geometry import Segments
from epitaxy.geometry.testing import Tolerance, counts
from epitaxy.models import CSPNet, CSPNetOutput
from epitaxy.models.testing import CrystalInput, EdgeListCSPNet

SPECIES = 5
ABSOLUTE = {torch.float32: 1e-5, torch.float64: 1e-12}
DTYPES = [torch.float32, torch.float64]


def inputs(
    atoms: list[int], dtype: torch.dtype, *, probabilities: bool = False, seed: int = 0
) -> CrystalInput:
    segments = Segments.from_counts(atoms)
    rng = torch.Generator().manual_seed(seed)
    index = torch.randint(SPECIES, (segments.num_atoms,), generator=rng)
    return CrystalInput(
        segments=segments,
        positions=torch.rand(segments.num_atoms, 3, generator=rng, dtype=dtype),
        lattice=torch.randn(segments.num_graphs, 3, 3, generator=rng, dtype=dtype),
        species=torch.nn.functional.one_hot(index, SPECIES).to(dtype) if probabilities else index,
        time=torch.rand(segments.num_graphs, generator=rng, dtype=dtype),
        conditions=torch.rand(segments.num_atoms, 3, generator=rng, dtype=dtype),
    )


def both(
    dtype: torch.dtype, *, hidden: int = 24, frequencies: int = 20, probabilities: bool = False
) -> tuple[CSPNet, EdgeListCSPNet]:
    torch.manual_seed(1)
    words = {
        "species": SPECIES,
        "species_input": "probabilities" if probabilities else "index",
        "predict_species": True,
        "hidden": hidden,
        "layers": 3,
        "frequencies": frequencies,
    }
    fast, plain = CSPNet(**words).to(dtype), EdgeListCSPNet(**words).to(dtype)
    plain.load_state_dict(fast.state_dict())
    return fast, plain


def fields(output: CSPNetOutput) -> list[torch.Tensor]:
    return [output.positions, output.lattice, output.species]


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


@given(
    atoms=counts(), seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from(DTYPES), probabilities=st.booleans()
)
@settings(max_examples=30)
def test_any_batch(atoms: list[int], seed: int, dtype: torch.dtype, probabilities: bool):
    x = inputs(atoms, dtype, probabilities=probabilities, seed=seed)
    assert_same(*both(dtype, probabilities=probabilities), x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("atoms", [[1], [1, 1, 1], [52], [52, 1, 2]], ids=str)
def test_smallest_and_largest_cells(atoms: list[int], dtype: torch.dtype):
    assert_same(*both(dtype), inputs(atoms, dtype))


def test_several_blocks_of_edges():
    """Wide enough that the edges do not fit one block."""
    assert_same(*both(torch.float64, hidden=256, frequencies=4), inputs([30, 2, 40], torch.float64))


def test_paper_width_in_single_precision():
    assert_same(*both(torch.float32, hidden=512, frequencies=128), inputs([1, 2, 6], torch.float32))


def test_single_precision_is_no_further_from_the_truth():
    """The edge-list form in float64 is the truth; the fast form rounds no worse than the plain one."""
    fast, plain = both(torch.float32, hidden=64, frequencies=128)
    truth = both(torch.float64, hidden=64, frequencies=128)[1]
    truth.load_state_dict(fast.state_dict())
    x = inputs([20] * 12, torch.float32)
    wide = replace(
        x,
        positions=x.positions.double(),
        lattice=x.lattice.double(),
        time=x.time.double(),
        conditions=x.conditions.double(),
    )
    true = fields(truth(**vars(wide)))
    error, plain_error = (
        max((y - z).abs().max().item() for y, z in zip(fields(network(**vars(x))), true, strict=True))
        for network in (fast, plain)
    )
    assert error < 2 * plain_error + 1e-6


@pytest.mark.parametrize("dtype", DTYPES)
def test_without_gradients(dtype: torch.dtype):
    fast, plain = both(dtype)
    x = inputs([3, 1, 7], dtype)
    with torch.no_grad():
        for actual, expected in zip(fields(fast(**vars(x))), fields(plain(**vars(x))), strict=True):
            torch.testing.assert_close(actual, expected, rtol=0, atol=ABSOLUTE[dtype])


def test_pairs_may_be_given():
    fast, _ = both(torch.float32)
    x = inputs([3, 1, 7], torch.float32)
    for actual, expected in zip(
        fields(fast(**vars(x), pairs=x.segments.pairs())), fields(fast(**vars(x))), strict=True
    ):
        assert torch.equal(actual, expected)


def test_autocast_to_bfloat16():
    """Half-precision matrix products: the result to that precision, and single-precision gradients."""
    fast, plain = both(torch.float32, hidden=64)
    x = inputs([3, 1, 7], torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs, gradients = results(fast, x)
    expected, expected_gradients = results(plain, x)
    for actual, value in zip([*outputs, *gradients], [*expected, *expected_gradients], strict=True):
        scale = value.abs().max()
        torch.testing.assert_close(actual.float() / scale, value / scale, rtol=0, atol=0.1)
    assert all(gradient.dtype == torch.float32 for gradient in gradients)


def test_a_seed_gives_the_same_gradients_twice():
    fast, _ = both(torch.float32)
    x = inputs([9, 4, 20], torch.float32)
    for first, second in zip(results(fast, x)[1], results(fast, x)[1], strict=True):
        assert torch.equal(first, second)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
def test_on_a_gpu(dtype: torch.dtype):
    fast, plain = both(dtype)
    x = inputs([3, 1, 7, 20], dtype)
    outputs, gradients = results(plain, x)
    moved = CrystalInput(**{name: value.to("cuda") for name, value in vars(x).items()})
    on_gpu, gpu_gradients = results(fast.to("cuda"), moved)
    for actual, value in zip([*on_gpu, *gpu_gradients], [*outputs, *gradients], strict=True):
        Tolerance.loose(dtype).assert_close(actual.cpu(), value)
