"""Properties that a model is told: in training from the data, in sampling by the user."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epitaxy.apps.config.base import suggest
from epitaxy.apps.config.conditioning import ConditioningConfig
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.requests.request import TargetedRequest
from epitaxy.data import PropertyStatistics
from epitaxy.flows import Level
from epitaxy.geometry import Rng, RngSource, Segments

Known = Mapping[str, PropertyStatistics]
"""What the training split says of its properties."""


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
    """Return the values, the hidden ones missing: see ``which_hidden``."""
    structures, properties = values.shape
    hidden = which_hidden((structures, properties), share, source.rows("conditioning", "graph"), values)
    return values.masked_fill(hidden, torch.nan)


def which_hidden(shape: tuple[int, int], share: float, rng: Rng, like: Tensor) -> Bool[Tensor, "graphs each"]:
    """Draw what training hides: all of a structure's with probability ``share``, and then each one.

    Args:
        shape: structures, and what each has.
        share: the probability.
        rng: of the structures.
        like: on whose device.
    """
    graphs, each = shape
    hidden = rng.uniform((graphs, 1 + each), dtype=torch.float32, device=like.device) < share
    return hidden[:, :1] | hidden[:, 1:]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conditioned:
    """What a model of conditioned structures is given.

    Attributes:
        segments: which row belongs to which structure.
        properties: standardised targets, NaN where there is none; None if the model is told none.
        guidance: how far each structure goes beyond what its targets ask, see ``guide``; None: not at all.
    """

    segments: Segments
    properties: Float[Tensor, "graphs properties"] | None = None
    guidance: Float[Tensor, " graphs"] | None = None


@dataclass(frozen=True, slots=True)
class PropertyConditions:
    """The properties that a model is told, and in what form.

    Args:
        config: which they are, and how often training hides them.
        known: what the training split says of its properties.
        structures: of how many structures.

    Raises:
        UsageError: a property that the training data has not.
    """

    config: ConditioningConfig
    known: Known
    structures: int

    def __post_init__(self) -> None:
        for name in self.names:
            if name not in self.known:
                have = suggest(name, list(self.known)) if self.known else "; it has none"
                raise UsageError(f"conditioning.properties: the training data has no property '{name}'{have}")

    @property
    def names(self) -> tuple[str, ...]:
        """What they are called."""
        return self.config.properties

    @property
    def never_missing(self) -> tuple[str, ...]:
        """Those that every training structure came with: the network has not learnt to do without them."""
        if self.config.hide > 0:
            return ()
        return tuple(name for name in self.names if self.known[name].known == self.structures)

    def check(self, targets: Mapping[str, float], guidance: float) -> None:
        """Refuse what cannot be asked of the model, and say what lies outside its training data.

        Raises:
            UsageError: a property that the model does not know, guidance towards nothing, or less than a
                model needs that always had it.
        """
        for name in targets:
            if not self.names:
                raise UsageError(
                    f"--property {name}: this model was trained without properties; train one with "
                    f"--set 'conditioning.properties=[\"{name}\"]'"
                )
            if name not in self.names:
                raise UsageError(f"--property {name}: the model does not know it{suggest(name, self.names)}")
        if guidance and not targets:
            raise UsageError("--guidance steers towards properties: name one with --property")
        self._check_missing(targets, guidance)
        for name, value in targets.items():
            seen = self.known[name]
            if not seen.min <= value <= seen.max:
                notify(
                    f"--property {name}={value:g}: training had {seen.min:.4g} to {seen.max:.4g}; this is a "
                    "guess beyond them, or another unit"
                )

    def _check_missing(self, targets: Mapping[str, float], guidance: float) -> None:
        unsaid = [name for name in self.never_missing if name not in targets]
        if unsaid:
            raise UsageError(
                f"name {', '.join(unsaid)} with --property: this model never had to do without "
                "(conditioning.hide=0)"
            )
        if guidance and self.never_missing:
            raise UsageError(
                "--guidance compares with no target, and this model never had to do without "
                "(conditioning.hide=0): leave it out"
            )

    def in_training(
        self, values: Mapping[str, Float[Tensor, " graphs"]], like: Tensor, *, source: RngSource
    ) -> Float[Tensor, "graphs properties"] | None:
        """Return training structures' properties, one row each of ``like``, less those that are hidden."""
        if not self.names:
            return None
        return hide(standardise(values, self.names, self.known, like), self.config.hide, source)

    def given_for(
        self, requests: Sequence[TargetedRequest], like: Tensor
    ) -> tuple[Float[Tensor, "graphs properties"] | None, Float[Tensor, " graphs"] | None]:
        """Return the targets that requests have, and their guidance if any has one."""
        if not self.names:
            return None, None
        targets = {
            name: torch.tensor([request.targets.get(name, torch.nan) for request in requests])
            for name in self.names
        }
        strengths = [request.guidance for request in requests]
        guidance = torch.tensor(strengths, device=like.device) if any(strengths) else None
        return standardise(targets, self.names, self.known, like), guidance


C = TypeVar("C", bound=Conditioned)


def guided(
    predict: Callable[[C], dict[str, Tensor]], given: C, levels: Mapping[str, Level]
) -> dict[str, Tensor]:
    """Return what is predicted of ``given``, steered by its targets where guidance is asked for."""
    outputs = predict(given)
    if given.guidance is None or given.properties is None:
        return outputs
    nothing = replace(given, properties=torch.full_like(given.properties, torch.nan))
    return guide(outputs, predict(nothing), given.segments, given.guidance, levels)


def guide(
    targeted: Mapping[str, Tensor],
    without: Mapping[str, Tensor],
    segments: Segments,
    guidance: Float[Tensor, " graphs"],
    levels: Mapping[str, Level],
) -> dict[str, Tensor]:
    """Return outputs as far beyond those with targets as these are from those without.

    ``targeted + w (targeted - without)`` with each structure's w, for logits and for predicted noise alike
    (classifier-free guidance; Ho and Salimans, 2022).
    """
    result = {}
    for name, value in targeted.items():
        weight = guidance if levels[name] == "graph" else segments.expand(guidance)
        weight = weight.view(-1, *[1] * (value.ndim - 1)).to(value.dtype)
        result[name] = value + weight * (value - without[name])
    return result
