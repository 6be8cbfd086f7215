"""The accuracy schedule of the circular Bayesian flow (CrysBFN, Sec. 4.1 and App. A.5)."""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from epitaxy.flows._checks import check_count, check_number
from epitaxy.flows._quadrature import expected_length
from epitaxy.flows._roots import solve_increasing
from epitaxy.geometry import bessel_ratio, von_mises_entropy
from epitaxy.geometry.bessel import bessel_ratio_slope

_LOG_2PI = math.log(2 * math.pi)
_SERIES_BELOW = 0.03
_KNOWN_SERIES = (1.0, -3 / 4, 5 / 9, -77 / 192, 57 / 200)
"""Of H(0) - H(c) in powers of c^2 / 4."""


@dataclass(frozen=True, slots=True)
class EntropySchedule:
    """Accuracies alpha_1, ..., alpha_n under which the entropy of the belief falls linearly in time (Eq. 56).

    The target concentration c_i solves H(c_i) = H(0) + (i / n) (H(c_n) - H(0)), with H the entropy of a von
    Mises law. Then alpha_1 = c_1 and alpha_i is the accuracy that takes a belief of concentration c_{i-1},
    centred on the truth, to concentration c_i on average. As in the paper, the belief before step i is taken
    to be at its target and centred; both are approximations, so the realised mean entropy is linear only
    nearly (off by 0.17 nats of 3.87 at its worst for n = 1000) and the mean of the realised c_n is 996.6
    rather than 1000.

    The n equations are independent and are solved together in float64, by quadrature: no Monte Carlo (the
    published values carry its noise), no cache file. Computed when first used and kept for the process.

    Args:
        final_concentration: c_n, the concentration that the belief reaches, at least 1e-9 and less than 1e12.
        steps: n, at least 1.

    Raises:
        ValueError: if one of them is out of its range.

    """

    final_concentration: float = 1000.0
    steps: int = 1000

    def __post_init__(self) -> None:
        check_number("final_concentration", self.final_concentration)
        check_number("final_concentration", self.final_concentration, least=1e-9, below=1e12)
        check_count("steps", self.steps)

    def concentrations(
        self, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu"
    ) -> Float[Tensor, " n"]:
        """Return the targets c_1, ..., c_n. Shared between callers: not to be written to."""
        return _solved(self, dtype, torch.device(device))[0]

    def accuracies(
        self, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu"
    ) -> Float[Tensor, " n"]:
        """Return the accuracies alpha_1, ..., alpha_n; not monotone. Shared: not to be written to."""
        return _solved(self, dtype, torch.device(device))[1]

    def weights(
        self, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu"
    ) -> Float[Tensor, " n"]:
        """Return the weights n alpha_i A(alpha_i) of the loss (Eq. 18). Shared: not to be written to."""
        return _solved(self, dtype, torch.device(device))[2]


@lru_cache(maxsize=64)
def _solved(schedule: EntropySchedule, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, ...]:
    if (dtype, device.type) != (torch.float64, "cpu"):
        exact = _solved(schedule, torch.float64, torch.device("cpu"))
        return tuple(values.to(dtype).to(device) for values in exact)
    targets = _targets(schedule)
    accuracies = _accuracies(targets)
    return targets, accuracies, schedule.steps * accuracies * bessel_ratio(accuracies)


def _targets(schedule: EntropySchedule) -> Float64[Tensor, " n"]:
    """Return the concentrations whose entropies lie on a line."""
    last = torch.tensor([schedule.final_concentration], dtype=torch.float64)
    fraction = torch.arange(1, schedule.steps, dtype=torch.float64) / schedule.steps
    wanted = fraction * _known(last)

    def excess(concentration: Tensor) -> tuple[Tensor, Tensor]:
        return _known(concentration) - wanted, concentration * bessel_ratio_slope(concentration)

    inner = solve_increasing(excess, torch.zeros_like(wanted), last.expand_as(wanted))
    return torch.cat([inner, last])


def _known(concentration: Float64[Tensor, " n"]) -> Float64[Tensor, " n"]:
    """Return H(0) - H(c) = c A(c) - ln I0(c), of derivative c A'(c), without cancellation at small c."""
    square, series = (concentration / 2).square(), torch.zeros_like(concentration)
    for coefficient in reversed(_KNOWN_SERIES):
        series = (series + coefficient) * square
    difference = _LOG_2PI - von_mises_entropy(concentration)
    return torch.where(concentration < _SERIES_BELOW, series, difference)


def _accuracies(targets: Float64[Tensor, " n"]) -> Float64[Tensor, " n"]:
    """Return the accuracy of each step from one target to the next."""
    before = torch.cat([targets.new_zeros(1), targets[:-1]])
    gain = targets - before

    def excess(accuracy: Tensor) -> tuple[Tensor, Tensor]:
        mean, slope = expected_length(accuracy, before)
        return mean - targets, slope

    # c + a A(a) <= E |c + a exp(iu)| <= c + a, and A(a) >= a / (2 + a), bracket the root.
    return solve_increasing(excess, gain, (gain + torch.sqrt(gain**2 + 8 * gain)) / 2)
