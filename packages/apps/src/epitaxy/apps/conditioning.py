"""Properties that a model is told: in training from the data, in sampling by the user."""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.apps.config.base import suggest
from epitaxy.apps.config.conditioning import ConditioningConfig
from epitaxy.apps.errors import UsageError
from epitaxy.data import PropertyStatistics
from epitaxy.flows import Level
from epitaxy.geometry import RngSource, Segments

Known = Mapping[str, PropertyStatistics]
"""What the training split says of its properties."""


def check_columns(config: ConditioningConfig, known: Known) -> None:
    """Refuse properties that the training data has not.

    Raises:
        UsageError: naming the property and those that there are.
    """
    for name in config.properties:
        if name not in known:
            have = suggest(name, list(known)) if known else "; it has none"
            raise UsageError(f"conditioning.properties: the training data has no property '{name}'{have}")


def parse_targets(words: Sequence[str], known: Sequence[str]) -> dict[str, float]:
    """Return the targets meant by words like ``band_gap=1.5``, for a model that knows some properties.

    Raises:
        UsageError: a word without a number, a property twice, or one that the model does not know.
    """
    targets: dict[str, float] = {}
    for word in words:
        name, equals, text = word.partition("=")
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not equals or not value == value or abs(value) == float("inf"):
            raise UsageError(f"--property {word}: write NAME=NUMBER, as in --property band_gap=1.5")
        if name in targets:
            raise UsageError(f"--property {name} is given twice: give it once")
        targets[name] = value
    check_targets(targets, known)
    return targets


def check_targets(targets: Mapping[str, float], known: Sequence[str]) -> None:
    """Refuse properties that the model was not trained with.

    Raises:
        UsageError: naming the property and those that the model knows.
    """
    for name in targets:
        if not known:
            raise UsageError(
                f"--property {name}: this model was trained without properties; train one with "
                f"--set 'conditioning.properties=[\"{name}\"]'"
            )
        if name not in known:
            raise UsageError(f"--property {name}: the model does not know it{suggest(name, known)}")


def check_guidance(guidance: float, targets: Mapping[str, float]) -> None:
    """Refuse guidance towards nothing.

    Raises:
        UsageError: there is guidance and no target.
    """
    if guidance and not targets:
        raise UsageError("--guidance steers towards properties: name one with --property")


def standardise(
    values: Mapping[str, Float[Tensor, " graphs"]], names: Sequence[str], known: Known, like: Tensor
) -> Float[Tensor, "graphs properties"]:
    """Return the named columns in standard deviations about the training mean; NaN where one is missing."""
    columns = []
    for name in names:
        scale = known[name].std or 1.0
        column = values.get(name)
        if column is None:
            column = torch.full((len(like),), torch.nan, dtype=torch.float64)
        columns.append(((column.double() - known[name].mean) / scale).to(like.device, torch.float32))
    return torch.stack(columns, dim=1)


def hide(
    values: Float[Tensor, "graphs properties"], share: float, source: RngSource
) -> Float[Tensor, "graphs properties"]:
    """Return the values with all of a structure's missing with probability ``share``, and then each one."""
    rng = source.rows("conditioning", "graph")
    shape = (values.shape[0], 1 + values.shape[1])
    hidden = rng.uniform(shape, dtype=values.dtype, device=values.device) < share
    return values.masked_fill(hidden[:, :1] | hidden[:, 1:], torch.nan)


@runtime_checkable
class Conditioned(Protocol):
    """What is given where properties are among it."""

    @property
    def segments(self) -> Segments:
        """Which row belongs to which structure."""
        ...

    @property
    def properties(self) -> Float[Tensor, "graphs properties"] | None:
        """Standardised targets; NaN where there is none."""
        ...

    @property
    def guidance(self) -> Float[Tensor, " graphs"] | None:
        """How far each structure goes beyond what its targets ask; None: not at all."""
        ...


C = TypeVar("C", bound=Conditioned)


def steer(
    told: Mapping[str, Tensor],
    untold: Mapping[str, Tensor],
    given: Conditioned,
    levels: Mapping[str, Level],
) -> dict[str, Tensor]:
    """Return outputs as far beyond those with targets as these are from those without.

    ``told + w (told - untold)`` with each structure's w, for logits and for predicted noise alike
    (classifier-free guidance; Ho and Salimans, 2022).
    """
    assert given.guidance is not None
    steered = {}
    for name, value in told.items():
        weight = given.guidance if levels[name] == "graph" else given.segments.expand(given.guidance)
        weight = weight.view(-1, *[1] * (value.ndim - 1)).to(value.dtype)
        steered[name] = value + weight * (value - untold[name])
    return steered
