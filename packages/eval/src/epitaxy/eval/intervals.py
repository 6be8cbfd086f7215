"""Confidence intervals of rates and means."""

from collections.abc import Sequence
from math import sqrt

import numpy as np

Interval = tuple[float, float]

_Z95 = 1.959963984540054  # the 97.5 % point of the standard normal


def wilson_interval(successes: int, trials: int) -> Interval | None:
    """Compute the 95 % interval of a rate (Wilson, J. Am. Stat. Assoc. 22, 209 (1927)); None without trials.

    Right also near 0 and 1, where the textbook's normal interval leaves [0, 1].

    Raises:
        ValueError: Unless ``0 <= successes <= trials``.

    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials")
    if trials == 0:
        return None
    rate, z2 = successes / trials, _Z95**2
    centre = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z95 / (1 + z2 / trials) * sqrt(rate * (1 - rate) / trials + z2 / (4 * trials**2))
    # At 0 and 1 the formula gives 0 and 1 exactly; rounding must not leave the rate outside its interval.
    return max(0.0, min(centre - half, rate)), min(1.0, max(centre + half, rate))


def bootstrap_interval(values: Sequence[float], *, resamples: int = 2000, seed: int = 0) -> Interval | None:
    """Compute the 95 % percentile-bootstrap interval of a mean; None below two values.

    After Efron, Ann. Stat. 7, 1 (1979). The seed makes it a function of the values and their order.
    """
    if len(values) < 2:
        return None
    sample, rng = np.asarray(values, dtype=float), np.random.default_rng(seed)
    means = [sample[rng.integers(len(sample), size=len(sample))].mean() for _ in range(resamples)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
