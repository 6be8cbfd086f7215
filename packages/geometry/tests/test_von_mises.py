import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.geometry import VonMises, bessel_ratio

KAPPA = st.one_of(st.sampled_from([0.0, 1e-3, 1.0, 30.0, 1e3, 1e6]), st.floats(0.0, 1e6))
ANGLE = st.floats(-10.0, 10.0)
DTYPES = [torch.float32, torch.float64]


def law(loc: float, kappa: float, dtype: torch.dtype = torch.float64) -> VonMises:
    return VonMises(torch.tensor(loc, dtype=dtype), torch.tensor(kappa, dtype=dtype))


def around(p: VonMises, nodes: int = 1 << 15) -> tuple[torch.Tensor, float]:
    """Angles over all that float64 sees of a law, and their spacing."""
    reach = min(math.pi, 40.0 / math.sqrt(max(p.concentration.item(), 1e-300)))
    return p.loc + torch.arange(-nodes, nodes, dtype=torch.float64) * (reach / nodes), reach / nodes


@given(ANGLE, KAPPA)
def test_the_density_integrates_to_one_and_to_its_entropy(loc: float, kappa: float):
    p = law(loc, kappa)
    angle, spacing = around(p)
    log_prob = p.log_prob(angle)
    mass = log_prob.exp() * spacing
    assert mass.sum().item() == pytest.approx(1.0, abs=1e-9)
    assert -(mass * log_prob).sum().item() == pytest.approx(p.entropy().item(), abs=1e-8)
    assert (mass * torch.cos(angle - p.loc)).sum().item() == pytest.approx(
        p.mean_resultant_length().item(), abs=1e-9
    )


@given(ANGLE, KAPPA, ANGLE, KAPPA)
def test_divergence_is_the_integral_it_stands_for(loc1: float, kappa1: float, loc2: float, kappa2: float):
    p, q = law(loc1, kappa1), law(loc2, kappa2)
    angle, spacing = around(p)
    mass = p.log_prob(angle).exp() * spacing
    expected = (mass * (p.log_prob(angle) - q.log_prob(angle))).sum().item()
    assert p.kl(q).item() == pytest.approx(expected, rel=1e-7, abs=1e-8)
    assert p.kl(q).item() >= -1e-14


@pytest.mark.parametrize("dtype", DTYPES)
def test_published_divergence(dtype: torch.dtype):
    divergence = law(0.0, 10.0, dtype).kl(law(0.5, 10.0, dtype))
    assert divergence.dtype == dtype
    assert divergence.item() == pytest.approx(1.1612516, abs=3e-7)


@given(ANGLE, KAPPA)
def test_nothing_diverges_from_itself(loc: float, kappa: float):
    assert law(loc, kappa).kl(law(loc, kappa)).item() == 0.0


def test_divergence_keeps_its_digits_between_close_narrow_laws():
    # To second order KL is A'(k) (dk)^2 / 2 = (dk / k)^2 / 4 for a large k.
    divergence = law(0.0, 1e6, torch.float32).kl(law(0.0, 1.001e6, torch.float32))
    assert divergence.item() == pytest.approx(2.5e-7, rel=2e-3)


@pytest.mark.parametrize("dtype", DTYPES)
def test_narrow_densities_match_the_normal_law(dtype: torch.dtype):
    kappa, loc = 1e6, 0.5
    x = torch.tensor([0.5, 0.501, 0.499, 0.504], dtype=dtype)
    p = law(loc, kappa, dtype)
    normal = torch.distributions.Normal(loc, kappa**-0.5)
    torch.testing.assert_close(p.log_prob(x).double(), normal.log_prob(x.double()), rtol=1e-4, atol=1e-4)


def test_parameters_broadcast():
    p = VonMises(torch.zeros(4, 3), torch.ones(3))
    assert p.shape == (4, 3)
    assert p.entropy().shape == p.mean_resultant_length().shape == (4, 3)
    assert p.log_prob(torch.zeros(2, 4, 3)).shape == (2, 4, 3)
    assert p.kl(VonMises(torch.zeros(4, 1), torch.ones(1, 1))).shape == (4, 3)
    rng = torch.Generator().manual_seed(0)
    assert p.sample(rng).shape == (4, 3)
    assert p.sample(rng, shape=(5, 4, 3)).shape == (5, 4, 3)


@pytest.mark.parametrize("kappa", [0.0, 1e-6, 1.0, 1e6])
@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_are_finite(kappa: float, dtype: torch.dtype):
    loc = torch.tensor(0.3, dtype=dtype, requires_grad=True)
    concentration = torch.tensor(kappa, dtype=dtype, requires_grad=True)
    p = VonMises(loc, concentration)
    total = p.log_prob(torch.tensor(0.3, dtype=dtype)) + p.entropy() + p.kl(law(0.2, 2.0, dtype))
    total = total + law(0.2, 2.0, dtype).kl(p)
    assert all(g.isfinite() for g in torch.autograd.grad(total, (loc, concentration)))


def test_divergence_gradients_by_differences():
    def divergence(m1, k1, m2, k2):
        return VonMises(m1, k1).kl(VonMises(m2, k2))

    values = [0.3, 5.0, -1.0, 40.0]
    inputs = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in values]
    assert torch.autograd.gradcheck(divergence, inputs)
    assert torch.autograd.gradgradcheck(divergence, inputs)


def test_log_prob_gradient_is_the_score():
    kappa = torch.tensor([0.5, 1e6], requires_grad=True)
    (gradient,) = torch.autograd.grad(
        VonMises(torch.zeros(2), kappa).log_prob(torch.tensor([1.0, 1e-3])).sum(), kappa
    )
    # d/dk log p = cos(x) - A(k), which at k = 1e6 is the difference of two numbers equal to six digits.
    exact = torch.tensor([1.0, 1e-3], dtype=torch.float64).cos() - bessel_ratio(kappa.double())
    torch.testing.assert_close(gradient.double(), exact.detach(), rtol=1e-4, atol=1e-12)
