"""Ratios and logarithms of modified Bessel functions, accurate and differentiable from 0 to 1e6 and beyond.

The von Mises family needs I0 and A = I1 / I0 in combinations that cancel at large concentration: 1 - A is about
1 / (2 kappa). Everything here is computed in float64, with the complement 1 - A from its asymptotic series above
kappa = 30, and returned in the dtype of the argument. The derivatives are closed forms of the same functions, so
they are as accurate and can be differentiated again.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

# From here on the asymptotic series of 1 - A is used: its first 20 terms reach float64's precision, while
# 1 - i1e / i0e has lost two digits.
_ASYMPTOTIC = 30.0


def _complement_series(terms: int) -> tuple[float, ...]:
    """Coefficients c_1, c_2, ... of 1 - A(k) = sum c_n k^-n, from the Riccati equation A' = 1 - A/k - A^2."""
    c = [0.0, 0.5]
    for m in range(2, terms + 1):
        c.append(((m - 2) * c[m - 1] + sum(c[i] * c[m - i] for i in range(1, m))) / 2)
    return tuple(c[1:])


_SERIES = _complement_series(20)
_SLOPES = tuple(n * c for n, c in enumerate(_SERIES, start=1))


def _power_series(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    """Sum c_n x^n for n = 1, 2, ..., by Horner's rule."""
    total: Tensor = torch.full_like(x, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        total = total * x + c
    return total * x


def _by_size(kappa: Tensor, small: Tensor, series: Tensor) -> Tensor:
    return torch.where(kappa < _ASYMPTOTIC, small, series)


def _raw_ratio(kappa: Tensor) -> Tensor:
    return torch.special.i1e(kappa) / torch.special.i0e(kappa)


def _raw_complement(kappa: Tensor) -> Tensor:
    series = _power_series(1.0 / kappa.clamp(min=_ASYMPTOTIC), _SERIES)
    return _by_size(kappa, 1.0 - _raw_ratio(kappa), series)


def bessel_ratio_slope(kappa: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """A'(kappa) = 1 - A/kappa - A^2, from 1/2 at 0 to 1 / (2 kappa^2)."""
    k = kappa.double()
    ratio = bessel_ratio(k)
    at_zero = k == 0
    over_k = torch.where(at_zero, 0.5, ratio / torch.where(at_zero, 1.0, k))
    x = 1.0 / k.clamp(min=_ASYMPTOTIC)
    slope = _by_size(k, 1.0 - over_k - ratio.square(), _power_series(x, _SLOPES) * x)
    return slope.to(kappa.dtype)


def apply(function: type[torch.autograd.Function], x: Tensor) -> Tensor:
    """Call a function with its own derivative (torch leaves `apply` untyped)."""
    out: Tensor = function.apply(x)  # type: ignore[no-untyped-call]
    return out


class _Ratio(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kappa: Tensor) -> Tensor:
        ctx.save_for_backward(kappa)
        k = kappa.double()
        return _by_size(k, _raw_ratio(k), 1.0 - _raw_complement(k)).to(kappa.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (kappa,) = ctx.saved_tensors
        return bessel_ratio_slope(kappa) * grads[0]


class _Complement(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kappa: Tensor) -> Tensor:
        ctx.save_for_backward(kappa)
        return _raw_complement(kappa.double()).to(kappa.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (kappa,) = ctx.saved_tensors
        return -bessel_ratio_slope(kappa) * grads[0]


class _LogI0e(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kappa: Tensor) -> Tensor:
        ctx.save_for_backward(kappa)
        return torch.special.i0e(kappa.double()).log().to(kappa.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (kappa,) = ctx.saved_tensors
        return -grads[0] * bessel_ratio_complement(kappa)


class _InverseRatio(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, r: Tensor) -> Tensor:
        kappa = _solve_ratio(r.double())
        ctx.save_for_backward(kappa)
        return kappa.to(r.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (kappa,) = ctx.saved_tensors
        return grads[0] / bessel_ratio_slope(kappa).to(grads[0].dtype)


def bessel_ratio(kappa: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """A(kappa) = I1(kappa) / I0(kappa), the mean resultant length of a von Mises law. For kappa >= 0."""
    return apply(_Ratio, kappa)


def bessel_ratio_complement(kappa: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """1 - A(kappa), to full relative accuracy where A itself rounds to 1. For kappa >= 0."""
    return apply(_Complement, kappa)


def log_i0e(kappa: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Log I0(kappa) - kappa, which stays of the order of log kappa. For kappa >= 0."""
    return apply(_LogI0e, kappa)


def log_i0(kappa: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Log I0(kappa); never overflows. For kappa >= 0."""
    k = kappa.double()
    return (k + log_i0e(k)).to(kappa.dtype)


def inverse_bessel_ratio(r: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The concentration kappa with A(kappa) = r.

    0 for r = 0, infinity for r = 1, NaN outside [0, 1]. The derivative is 1 / A'(kappa). Near r = 1 the result
    is only as good as 1 - r is: half an ulp of r is a relative error of about 2 kappa ulp.
    """
    return apply(_InverseRatio, r)


def _solve_ratio(r: Tensor) -> Tensor:
    """Newton's method on 1 - A from the piecewise start of Best & Fisher (1981)."""
    inside = r.clamp(0.0, 1.0 - 2.0**-53)
    middle = -0.4 + 1.39 * inside + 0.43 / (1.0 - inside)
    high = 1.0 / (inside * (1.0 - inside) * (3.0 - inside)).clamp(min=1e-300)
    kappa = torch.where(inside < 0.53, inside * (2.0 + inside**2 + 5.0 * inside**4 / 6.0), middle)
    kappa = torch.where(inside < 0.85, kappa, high)
    for _ in range(4):
        kappa = kappa + (_raw_complement(kappa) - (1.0 - inside)) / bessel_ratio_slope(kappa)
        kappa = kappa.clamp(min=0.0)
    kappa = torch.where(r == 1.0, torch.inf, kappa)
    return torch.where((r >= 0.0) & (r <= 1.0), kappa, torch.nan)
