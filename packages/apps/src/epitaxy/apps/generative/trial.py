"""How good a model's samples are while it trains: what is drawn, and which of it is good."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from epitaxy.apps.requests.sample import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Samples that a model is judged by, always the same ones.

    Attributes:
        metric: what the share of good samples is called, as a column of ``metrics.csv``: ``match_rate``.
        requests: what is drawn, as the model takes it.
        good: says which of some of the samples are good, in order; each is judged alone.
    """

    metric: str
    requests: Sequence[Any]
    good: Callable[[Sequence[Sample]], Sequence[bool]]
