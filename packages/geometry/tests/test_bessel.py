import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from epitaxy.geometry import bessel_ratio, inverse_bessel_ratio, log_i0, von_mises_entropy
from epitaxy.geometry.bessel import bessel_ratio_complement, bessel_ratio_slope, log_i0e
from epitaxy.geometry.testing import Tolerance

# CrysBFN's constants (notes/crysbfn.md, section 7), recomputed: kappa, A, H.
ORACLES = [
    (0.0, 0.0, 1.8378771),
    (0.1, 0.0499376, None),
    (1.0, 0.4463900, 1.6274014),
    (10.0, 0.9485998, 0.2948509),
    (100.0, 0.9949874, -0.8811275),
    (1000.0, 0.9994999, -2.0346889),
]
KAPPAS = [0.0, 1e-12, 1e-6, 1e-3, 0.1, 1.0, 5.0, 29.999, 30.0, 30.001, 100.0, 1e3, 1e4, 1e6]
DTYPES = [torch.float32, torch.float64]
KAPPA = st.one_of(st.sampled_from(KAPPAS), st.floats(0.0, 1e6))


def quadrature(kappa: float, nodes: int = 1 << 15) -> tuple[float, float, float, float]:
    """log I0(k) - k, A, 1 - A and A' = Var(cos) by the trapezoidal rule, which is exact here.

    Nothing cancels: the weight is exp(-k w) with w = 1 - cos. The angle runs over all that counts.
    """
    reach = min(math.pi, 40.0 / math.sqrt(max(kappa, 1e-300)))
    angle = torch.arange(-nodes, nodes, dtype=torch.float64) * (reach / nodes)
    w = 2.0 * torch.sin(angle / 2).square()
    weight = torch.exp(-kappa * w)
    total = weight.sum()
    complement = float((weight * w).sum() / total)
    variance = float((weight * (w - complement).square()).sum() / total)
    ratio = float((weight * angle.cos()).sum() / total)
    return math.log(float(total) * reach / nodes / (2 * math.pi)), ratio, complement, variance


@pytest.mark.parametrize(("kappa", "ratio", "entropy"), ORACLES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_published_constants(kappa: float, ratio: float, entropy: float | None, dtype: torch.dtype):
    k = torch.tensor(kappa, dtype=dtype)
    assert bessel_ratio(k).item() == pytest.approx(ratio, abs=6e-8 if dtype == torch.float64 else 1.2e-7)
    if entropy is not None:
        assert von_mises_entropy(k).item() == pytest.approx(entropy, abs=2e-7)


@given(KAPPA)
def test_against_quadrature(kappa: float):
    k = torch.tensor(kappa, dtype=torch.float64)
    log_scaled, ratio, complement, variance = quadrature(kappa)
    assert bessel_ratio(k).item() == pytest.approx(ratio, rel=1e-13, abs=1e-15)
    assert bessel_ratio_complement(k).item() == pytest.approx(complement, rel=3e-13)
    assert bessel_ratio_slope(k).item() == pytest.approx(variance, rel=1e-11)
    assert log_i0e(k).item() == pytest.approx(log_scaled, rel=1e-13, abs=1e-14)
    assert log_i0(k).item() == pytest.approx(log_scaled + kappa, rel=1e-13, abs=1e-14)
    entropy = math.log(2 * math.pi) + log_scaled + kappa * complement
    assert von_mises_entropy(k).item() == pytest.approx(entropy, rel=1e-13, abs=1e-13)


@given(KAPPA)
def test_float32_is_float64_rounded(kappa: float):
    single = torch.tensor(kappa, dtype=torch.float32)
    for function in (bessel_ratio, bessel_ratio_complement, bessel_ratio_slope, log_i0, von_mises_entropy):
        assert torch.equal(function(single), function(single.double()).float())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", [bessel_ratio, log_i0, von_mises_entropy])
def test_gradients_follow_quadrature_to_the_ends(function, dtype: torch.dtype):
    kappa = torch.tensor(KAPPAS, dtype=dtype, requires_grad=True)
    (gradient,) = torch.autograd.grad(function(kappa).sum(), kappa)
    ratio, slope = (torch.tensor([quadrature(k)[i] for k in kappa.tolist()]) for i in (1, 3))
    expected = {bessel_ratio: slope, log_i0: ratio, von_mises_entropy: -kappa.detach().double() * slope}
    torch.testing.assert_close(gradient.double(), expected[function].double(), rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("function", [bessel_ratio, bessel_ratio_complement, log_i0, von_mises_entropy])
def test_first_and_second_derivatives_by_differences(function):
    kappa = torch.tensor([0.3, 1.0, 4.0, 20.0, 45.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, kappa)
    assert torch.autograd.gradgradcheck(function, kappa)


def test_second_derivatives_are_finite_at_the_ends():
    kappa = torch.tensor([0.0, 1e6], dtype=torch.float64, requires_grad=True)
    for function in (bessel_ratio, log_i0, von_mises_entropy):
        (first,) = torch.autograd.grad(function(kappa).sum(), kappa, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), kappa)
        assert second.isfinite().all()


@given(KAPPA)
def test_the_inverse_inverts(kappa: float):
    k = torch.tensor(kappa, dtype=torch.float64)
    ratio = bessel_ratio(k)
    again = inverse_bessel_ratio(ratio)
    # Half an ulp of the ratio moves kappa by that over A'(kappa).
    slack = (torch.finfo(torch.float64).eps / bessel_ratio_slope(k)).item()
    assert again.item() == pytest.approx(kappa, rel=1e-12, abs=2 * slack)


@given(st.floats(0.0, 1.0, exclude_max=True))
def test_the_ratio_of_the_inverse_is_back(r: float):
    ratio = torch.tensor(r, dtype=torch.float64)
    Tolerance.EXACT64.assert_close(bessel_ratio(inverse_bessel_ratio(ratio)), ratio)


def test_the_inverse_at_and_beyond_its_ends():
    r = torch.tensor([0.0, 1.0, -0.1, 1.1, math.nan])
    assert inverse_bessel_ratio(r).tolist()[:2] == [0.0, math.inf]
    assert inverse_bessel_ratio(r)[2:].isnan().all()


def test_the_inverse_has_derivatives():
    r = torch.tensor([0.0, 0.01, 0.5, 0.8, 0.97], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(inverse_bessel_ratio, r[1:])
    assert torch.autograd.gradgradcheck(inverse_bessel_ratio, r[1:])
    (gradient,) = torch.autograd.grad(inverse_bessel_ratio(r).sum(), r)
    assert gradient[0].item() == 2.0


def test_the_ratio_rises_and_the_entropy_falls():
    kappa: Tensor = torch.logspace(-6, 6, 4001, dtype=torch.float64)
    assert (bessel_ratio_complement(kappa).diff() < 0).all()
    assert (von_mises_entropy(kappa).diff() <= 0).all()
