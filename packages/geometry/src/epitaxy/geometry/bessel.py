"""Ratios and logarithms of modified Bessel functions, accurate and differentiable from 0 to 1e6 and beyond.

The von Mises family needs I0 and A = I1 / I0 in combinations that cancel at large concentration: 1 - A is
about 1 / (2 kappa). Everything here is computed in float64, with the complement 1 - A from its asymptotic
series above kappa = 30, and returned in the dtype of the argument. The derivatives are closed forms of the
same functions, hence as accurate, and can be differentiated again. Every kappa must be >= 0.
"""

from typing import Any

import torch
from jaxtyping import Float, Real
from torch import Tensor

from epitaxy.geometry._parameters import checked, floating

# From here on the asymptotic series of 1 - A is used: its first 20 terms reach float64's precision, where
# 1 - i1e / i0e has lost two digits.
_ASYMPTOTIC = 30.0

# Below it A(k) / k is 1/2 to all digits, also where the quotient would be of denormal numbers.
_TINY = 1e-150


def _complement_series(terms: int) -> tuple[float, ...]:
    """Solve for c_1, c_2, ... of 1 - A(k) = sum c_n k^-n in the Riccati equation A' = 1 - A/k - A^2."""
    c = [0.0, 0.5]
    for m in range(2, terms + 1):
        c.append(((m - 2) * c[m - 1] + sum(c[i] * c[m - i] for i in range(1, m))) / 2)
    return tuple(c[1:])


_SERIES = _complement_series(20)
_SLOPE_SERIES = tuple(n * c for n, c in enumerate(_SERIES, start=1))


def _power_series(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    """Evaluate c_1 x + c_2 x^2 + ... by Horner's rule."""
    total = torch.full_like(x, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        total = torch.mul(total, x).add_(c)
    return total * x


def _quotient_and_series(k: Tensor) -> tuple[Tensor, Tensor]:
    """Compute A as a quotient, for small k, and 1 - A as a series, for large k."""
    quotient = torch.special.i1e(k) / torch.special.i0e(k)
    return quotient, _power_series(k.clamp(min=_ASYMPTOTIC).reciprocal(), _SERIES)


def _ratio(k: Tensor) -> Tensor:
    quotient, series = _quotient_and_series(k)
    return torch.where(k < _ASYMPTOTIC, quotient, 1.0 - series)


def _complement(k: Tensor) -> Tensor:
    quotient, series = _quotient_and_series(k)
    return torch.where(k < _ASYMPTOTIC, 1.0 - quotient, series)


def apply(function: type[torch.autograd.Function], x: Tensor) -> Tensor:
    """Call a function that has its own derivative; whole numbers are taken for real ones."""
    out: Tensor = function.apply(floating(x))  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return out


class _Ratio(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kappa: Tensor) -> Tensor:
        ctx.save_for_backward(kappa)
        return _ratio(kappa.double()).to(kappa.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (kappa,) = ctx.saved_tensors
        return bessel_ratio_slope(kappa) * grads[0]


class _Complement(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kappa: Tensor) -> Tensor:
        ctx.save_for_backward(kappa)
        return _complement(kappa.double()).to(kappa.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (kappa,) = ctx.saved_tensors
        return torch.mul(bessel_ratio_slope(kappa), grads[0]).neg()


class _LogI0e(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kappa: Tensor) -> Tensor:
        ctx.save_for_backward(kappa)
        return torch.log(torch.special.i0e(kappa.double())).to(kappa.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (kappa,) = ctx.saved_tensors
        return torch.mul(bessel_ratio_complement(kappa), grads[0]).neg()


def bessel_ratio(kappa: Real[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Compute A(kappa) = I1(kappa) / I0(kappa), the mean resultant length of a von Mises law."""
    return apply(_Ratio, kappa)


def bessel_ratio_complement(kappa: Real[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Compute 1 - A(kappa), to full relative accuracy where A itself rounds to 1."""
    return apply(_Complement, kappa)


def bessel_ratio_slope(kappa: Real[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Compute A'(kappa) = 1 - A/kappa - A^2: 1/2 at 0, about 1 / (2 kappa^2) far out."""
    kappa = floating(kappa)
    k = kappa.double()
    ratio = bessel_ratio(k)
    at_zero = k < _TINY
    ratio_over_k = torch.where(at_zero, 0.5, ratio / torch.where(at_zero, 1.0, k))
    x = k.clamp(min=_ASYMPTOTIC).reciprocal()
    slope: Tensor = torch.where(
        k < _ASYMPTOTIC, 1.0 - ratio_over_k - ratio.square(), _power_series(x, _SLOPE_SERIES) * x
    )
    return slope.to(kappa.dtype)


def log_i0e(kappa: Real[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Compute log I0(kappa) - kappa, which stays of the order of log kappa."""
    return apply(_LogI0e, kappa)


def log_i0(kappa: Real[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Compute log I0(kappa); it never overflows. Its derivative is A(kappa).

    Raises:
        ValueError: if a kappa on the CPU is negative or not finite.

    """
    kappa = checked(floating(kappa), lambda k: k >= 0, "every kappa must be finite and not negative")
    k = kappa.double()
    return (k + log_i0e(k)).to(kappa.dtype)
