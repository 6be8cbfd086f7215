"""Distances between distributions of samples and reference, and how sure they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from epitaxy.eval.intervals import Interval

RESAMPLES = 1000
"""Bootstrap resamples behind an interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A distance over random draws of a fixed number of samples.

    Attributes:
        size: How many samples a draw has.
        draws: How many draws.
        mean: The mean of the distance over them.
        sd: Its standard deviation over them.
        interval: Its 2.5 % and 97.5 % quantiles over them.

    """

    size: int
    draws: int
    mean: float
    sd: float
    interval: Interval


class Transport:
    """The Wasserstein distance of samples' values to a reference's, for any weights of the samples.

    W1 is the area between the two cumulative distributions (Vallender, Theory Probab. Appl. 18, 784 (1974));
    its unit is that of the values. Sorting once makes each resample one pass.

    Args:
        samples: The samples' values, finite.
        reference: The reference's, finite.

    Raises:
        ValueError: If either is empty or has a value that is not finite.

    """

    def __init__(self, samples: Sequence[float], reference: Sequence[float]) -> None:
        mine, theirs = np.asarray(samples, dtype=float), np.asarray(reference, dtype=float)
        if not (mine.size and theirs.size):
            raise ValueError("a Wasserstein distance needs values on both sides")
        if not (np.isfinite(mine).all() and np.isfinite(theirs).all()):
            raise ValueError("a value is not finite; leave it out, or correct it")
        joined = np.concatenate([mine, theirs])
        order = np.argsort(joined, kind="stable")
        self.size = len(mine)
        self._place = np.argsort(order, kind="stable")[: len(mine)]  # of each sample among all values
        self._gaps = np.diff(joined[order])
        self._reference = np.cumsum(order >= len(mine))[:-1] / len(theirs)

    def distance(self, weights: Float[np.ndarray, " n"] | None = None) -> float:
        """Measure the distance with every sample counted once, or as often as its weight says."""
        weights = np.ones(self.size) if weights is None else weights
        mass = np.zeros(len(self._gaps) + 1)
        mass[self._place] = weights
        cumulative = np.cumsum(mass)[:-1] / weights.sum()
        return float(np.abs(cumulative - self._reference) @ self._gaps)

    def interval(self, *, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
        """Bootstrap the 95 % interval over the samples, the reference taken as it is.

        A distance of few samples is too large, and one of a resample larger still; see :func:`centred`.
        """
        rng = np.random.default_rng(seed)
        found = [
            self.distance(np.bincount(rng.integers(self.size, size=self.size), minlength=self.size) * 1.0)
            for _ in range(resamples)
        ]
        return centred(found, self.distance())

    def spread(self, size: int, *, draws: int = RESAMPLES, seed: int = 0) -> Spread | None:
        """Draw ``size`` different samples at random, ``draws`` times; None if there are fewer samples."""
        if self.size < size:
            return None
        rng = np.random.default_rng(seed)
        found = []
        for _ in range(draws):
            weights = np.zeros(self.size)
            weights[rng.choice(self.size, size, replace=False)] = 1.0
            found.append(self.distance(weights))
        low, high = np.quantile(found, [0.025, 0.975])
        return Spread(
            size=size,
            draws=draws,
            mean=float(np.mean(found)),
            sd=float(np.std(found)),
            interval=(float(low), float(high)),
        )


def jensen_shannon(first: Float[np.ndarray, " k"], second: Float[np.ndarray, " k"]) -> float:
    """Compute the Jensen-Shannon distance of two histograms: the square root, with the natural logarithm.

    Between 0 for equal frequencies and sqrt(ln 2) = 0.8326 for disjoint ones (Endres and Schindelin, IEEE
    Trans. Inf. Theory 49, 1858 (2003)).

    Raises:
        ValueError: If a histogram is empty or has a negative count.

    """
    for histogram in (first, second):
        if histogram.min(initial=0) < 0 or histogram.sum() <= 0:
            raise ValueError("a Jensen-Shannon distance needs counts on both sides")
    p, q = first / first.sum(), second / second.sum()
    middle = (p + q) / 2
    divergence = (_divergence(p, middle) + _divergence(q, middle)) / 2
    return float(np.sqrt(max(0.0, divergence)))


def _divergence(p: np.ndarray, q: np.ndarray) -> float:
    there = p > 0
    return float(np.sum(p[there] * np.log(p[there] / q[there])))


def jensen_shannon_interval(
    samples: Float[np.ndarray, " k"],
    reference: Float[np.ndarray, " k"],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Bootstrap the 95 % interval over the samples, the reference fixed; see `Transport.interval`."""
    rng, total = np.random.default_rng(seed), int(samples.sum())
    draws = rng.multinomial(total, samples / samples.sum(), size=resamples).astype(float)
    found = [jensen_shannon(draw, reference) for draw in draws]
    return centred(found, jensen_shannon(samples, reference))


def centred(found: Sequence[float], value: float) -> Interval:
    """Give the spread of bootstrapped distances about the distance itself: 95 %, not below 0.

    Noise adds to a distance, once in the samples and again in each resample, so the plain percentiles lie
    above the distance and may leave it out. Shifted down by the mean surplus they say how far another set of
    equally many samples would scatter. The first surplus, that of a finite sample, remains in the distance:
    compare sets of one size.
    """
    low, high = np.quantile(found, [0.025, 0.975]) - (np.mean(found) - value)
    return max(0.0, min(float(low), value)), max(float(high), value)
