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


def classes_interval(classes: int, alone: int, trials: int) -> Interval:
    """Compute a 95 % interval of a number of classes over the number of trials that fell into them.

    By the inequality of Efron and Stein (Ann. Stat. 9, 586 (1981)) the number of classes varies no more than
    trials m (1 - m), where m, the chance that one more trial opens a class, is about the share of trials that
    are alone in theirs (Good, Biometrika 40, 237 (1953)). So half of this interval is the longer arm of
    Wilson's of that share: rather too wide. A plain bootstrap would not do: drawing with replacement makes
    copies.

    Raises:
        ValueError: Unless ``0 <= alone <= classes <= trials`` and there is a trial.

    """
    if not 0 <= alone <= classes <= trials or trials == 0:
        raise ValueError(f"{classes} classes, {alone} of them of one, in {trials} trials")
    low, high = wilson_interval(alone, trials) or (0.0, 1.0)
    rate, share = classes / trials, alone / trials
    half = max(share - low, high - share)
    return max(0.0, rate - half), min(1.0, rate + half)
