"""``train --from``: a run that begins with another model's weights."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import torch

from epitaxy.apps.config import Recipe
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.generative.kind import AnyModel, build_model
from epitaxy.apps.generative.model_dir import LoadedModel
from epitaxy.apps.training.weight_transfer import UnfitError, carried
from epitaxy.data import Vocabulary

_KEPT = ("lattice_scale", "lengths", "k_mean", "k_std")
_FREE = ("format", "dataset", "training", "sampling", "weights", "conditioning")


def initialised_from(source: LoadedModel, recipe: Recipe, statistics: Any) -> AnyModel:
    """Return ``recipe``'s model with the weights of ``source`` (its averaged ones, if it has any).

    What is the same is copied, what is new begins without effect: see :func:`carried`. So are the numbers
    that weights depend on: see :func:`inherited`. On the elements and properties that ``source`` knows, the
    model begins as ``source`` is: begun from itself it is the same to the bit.

    Args:
        source: what to begin with.
        recipe: the run's.
        statistics: what its training data say.

    Raises:
        UsageError: another kind of network, another width, fewer layers, or elements that change what all
            others are told by (analog bits).
    """
    old = source.model
    known = inherited(statistics, old.statistics)
    _check_codes(recipe, source, known)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.training.seed)
        new = build_model(recipe, known)
    differing = list(differences(old.recipe.model_dump(), recipe.model_dump()))
    try:
        new.network.load_state_dict(carried(old, new))
    except UnfitError as error:
        reason = differing[0] if differing else f"their {error} differs"
        raise UsageError(
            f"--from {source.path}: its weights do not fit this run's network ({reason}); leave --preset and "
            "such --set words out to keep its recipe"
        ) from None
    if differing:
        notify(f"{source.path} was trained with other words, its weights are a start only: {differing[0]}")
    return new


def inherited(statistics: Any, old: Any) -> Any:
    """Return the statistics of a run's data as a model sees them that begins with weights made for ``old``.

    The vocabulary is that of both. What the weights were trained in stays: the lattice scale, the edges by
    which log lengths are standardised, the moments of k, and the mean and deviation of each property that
    both have (one that the old model had and these data have not is left out). What only tells of the data
    is theirs: numbers of structures, sizes, groups, ranges of properties.

    GeoBFN's charges are numbers over the largest charge of the vocabulary. A heavier element than all that
    the old model knows changes that scale, and elements (not positions) must be learnt anew.
    """
    both = sorted({*statistics.vocabulary.numbers, *old.vocabulary.numbers})
    own = {field.name for field in fields(statistics)}
    kept = {name: getattr(old, name) for name in _KEPT if name in own and getattr(old, name) is not None}
    properties = {
        name: replace(seen, mean=old.properties[name].mean, std=old.properties[name].std)
        if name in old.properties
        else seen
        for name, seen in statistics.properties.items()
    }
    return replace(statistics, vocabulary=Vocabulary(tuple(both)), properties=properties, **kept)


def _check_codes(recipe: Recipe, source: LoadedModel, statistics: Any) -> None:
    """Refuse further elements where each is told by a code that depends on how many there are."""
    old, new = source.model.statistics.vocabulary, statistics.vocabulary
    if old != new and recipe.numbers_elements(len(new)):
        further = [s for s in new.symbols if s not in old.symbols]
        raise UsageError(
            f"--from {source.path}: its elements are told by bits that number them, and {', '.join(further)} "
            "would renumber them; begin without --from, or with a model of another species.kind"
        )


def differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield what differs between recipes in words on which the meaning of weights depends."""
    for key in [*old, *(key for key in new if key not in old)]:
        if not prefix and key in _FREE:
            continue
        a, b = old.get(key), new.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            yield from differences(a, b, f"{prefix}{key}.")
        elif a != b:
            yield f"{prefix}{key} is {a} there and {b} here"
