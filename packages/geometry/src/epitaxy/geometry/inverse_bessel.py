"""The inverse of A = I1 / I0: from a mean resultant length to a concentration."""

from typing import Any

import torch
from jaxtyping import Float, Real
from torch import Tensor

from epitaxy.geometry.bessel import apply, bessel_ratio_complement, bessel_ratio_slope

# Newton's steps from a start within a few percent: the error is squared each time.
_STEPS = 5


class _InverseRatio(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, r: Tensor) -> Tensor:
        kappa = _solve(r.double())
        ctx.save_for_backward(r, kappa)
        return kappa.to(r.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        r, kappa = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative is wanted: let it see how kappa depends on r
            kappa = inverse_bessel_ratio(r)
        return bessel_ratio_slope(kappa).to(r.dtype).reciprocal() * grads[0]


def inverse_bessel_ratio(r: Real[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Find the concentration kappa with A(kappa) = r.

    It is 0 for r = 0, infinity for r = 1 and NaN outside [0, 1]. Its derivative is 1 / A'(kappa). Near r = 1
    the result can only be as good as 1 - r is: half an ulp of r is a relative error of about 2 kappa ulp.
    """
    return apply(_InverseRatio, r)


def _solve(r: Tensor) -> Tensor:
    """Solve 1 - A(kappa) = 1 - r by Newton's method on the reciprocals, which are nearly linear in kappa."""
    rest = (1.0 - r).clamp(2.0**-53, 1.0)
    kappa = _start(1.0 - rest)
    for _ in range(_STEPS):
        complement = bessel_ratio_complement(kappa)
        kappa = kappa + complement * (complement - rest) / (rest * bessel_ratio_slope(kappa))
    kappa = torch.where(r == 0.0, 0.0, torch.where(r == 1.0, torch.inf, kappa))
    return torch.where((r >= 0.0) & (r <= 1.0), kappa, torch.nan)


def _start(r: Tensor) -> Tensor:
    """Approximate the inverse: Fisher, "Statistical Analysis of Circular Data" (1993), page 88."""
    low = r * (2.0 + r.square() + 5.0 * r.square().square() / 6.0)
    middle = -0.4 + 1.39 * r + 0.43 * (1.0 - r).reciprocal()
    high = (r * (1.0 - r) * (3.0 - r)).clamp(min=2.0**-60).reciprocal()
    return torch.where(r < 0.53, low, torch.where(r < 0.85, middle, high))
