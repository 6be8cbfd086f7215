"""The expected accuracy after one more von Mises message, by quadrature."""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

_NODES = 80
# Beyond the angle where the density is exp(-40) of its peak, nothing is left in float64.
_LOG_CUT = 40.0


@lru_cache(maxsize=1)
def _unit_rule() -> tuple[Tensor, Tensor]:
    """Return nodes and weights for the integral over [0, 1] with the substitution u = 1 - v^3.

    The Gauss-Legendre nodes in v crowd at both ends of u: at 0, where a concentrated density lives, and
    cubically at 1. There (u = pi) the length |a + c exp(iu)| has a kink when a = c and a near-kink when a is
    close to c, which it is in the first steps of a schedule, where the density is not small either.
    """
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    v = torch.from_numpy((nodes + 1) / 2)
    return 1 - v**3, torch.from_numpy(weights / 2) * 3 * v**2


def expected_length(
    accuracy: Float64[Tensor, " n"], concentration: Float64[Tensor, " n"]
) -> tuple[Float64[Tensor, " n"], Float64[Tensor, " n"]]:
    """Return E |c + a exp(iu)| over u ~ vM(0, a), and its derivative with respect to a.

    That is the mean of the concentration after a Bayesian update (Eq. 9) of a belief of concentration c that
    is centred on the truth, by a message of accuracy a. Relative error below 1e-12.
    """
    nodes, weights = _unit_rule()
    a, c = accuracy[:, None], concentration[:, None]
    end = torch.acos((1 - _LOG_CUT / a).clamp(min=-1.0))
    # cos u - 1 = -2 sin^2(u / 2), and |c + a exp(iu)|^2 = (c + a)^2 - 4 a c sin^2(u / 2): no cancellation at
    # 0.
    half = torch.sin(nodes * end / 2)
    drop = 2 * half**2
    weight = weights * torch.exp(-a * drop)
    weight = weight / weight.sum(1, keepdim=True)
    length = torch.sqrt(((c - a) ** 2 + 2 * a * c * (2 - drop)).clamp(min=1e-300))
    mean = (weight * length).sum(1)
    pull = (weight * (a + c * (1 - drop)) / length).sum(1)
    covariance = (weight * (length - mean[:, None]) * -drop).sum(1)
    return mean, pull + covariance
