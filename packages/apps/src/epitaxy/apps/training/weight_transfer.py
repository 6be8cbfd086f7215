"""Weights of one network carried over to another: of further elements, other properties, more layers."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from epitaxy.apps.config import ConditioningConfig, Recipe
from epitaxy.apps.generative.kind import AnyModel, kind_of
from epitaxy.data import PropertyStatistics, Vocabulary
from epitaxy.models import Addition

Labels = tuple[Hashable, ...]
"""What each place along an axis of a weight stands for: an element, a property, or just its place."""

_ELEMENT, _PROPERTY = "element", "property"
_PROBE = "another property"


class UnfitError(ValueError):
    """A weight that is in one of the networks only, or of another shape there."""


def told_properties(recipe: Recipe) -> tuple[str, ...]:
    """Return the properties that a recipe's model is told, in order."""
    conditioning: ConditioningConfig = getattr(recipe, "conditioning", ConditioningConfig())
    return conditioning.properties


def carried(old: AnyModel, new: AnyModel) -> dict[str, Tensor]:
    """Return the weights of ``new``'s network that do what ``old``'s do.

    Rows of known elements and properties go where ``new`` has them. A further element's input and output are
    the mean of the known ones' where a label is looked up or predicted, so that it is as likely as an average
    one and never the likeliest; where probabilities come in, its column is zero. A further property's columns
    are zero: it has no effect until it is trained. A property that ``new`` is not told counts as missing. A
    part that only ``new`` has, and whose output is added to the others', such as a further layer, begins
    without effect. With the same elements and properties every weight is the same, to the bit.

    Raises:
        UnfitError: networks of another kind or width, or ``old``'s deeper (EGNN's: of another depth).
    """
    places, wanted = axes(old), axes(new)
    weights = old.network.state_dict()
    added = _added(new, weights)
    fresh = new.network.state_dict()
    unknown = [
        name
        for name in fresh
        if name not in weights and name not in added and not _is_of(wanted[name], _PROPERTY)
    ]
    unused = [name for name in weights if name not in fresh and not _is_of(places[name], _PROPERTY)]
    if unknown or unused:
        raise UnfitError((unknown + unused)[0])
    made = {}
    for name, begun in fresh.items():
        value = weights.get(name, begun)
        for axis, labels in enumerate(wanted[name] if name in weights else ()):
            value = _along(axis, value, places[name][axis], labels, begun, name)
        made[name] = value
    return made | _without(places, wanted, weights, made)


def _added(new: AnyModel, weights: Mapping[str, Tensor]) -> frozenset[str]:
    """Silence the parts that only ``new`` has; return the names of their weights."""
    added: set[str] = set()
    for part, module in new.network.named_modules():
        if not isinstance(module, Addition):
            continue
        names = {f"{part}.{name}" for name in module.state_dict()}
        if names.isdisjoint(weights):
            module.silence()
            added |= names
    return frozenset(added)


def axes(model: AnyModel) -> dict[str, tuple[Labels, ...]]:
    """Return, for each weight of a model's network, what the places along each of its axes stand for.

    Which axes depend on elements and on properties is seen from networks with one more or less. Along each,
    every network of this package has elements first and properties last.
    """
    recipe = model.recipe
    statistics: Any = model.statistics
    numbers, names = statistics.vocabulary.numbers, told_properties(recipe)
    other = numbers[:-1] if len(numbers) > 1 else tuple(sorted({*numbers, 6, 8}))[:2]
    by_element = _strides(
        model, recipe, replace(statistics, vocabulary=Vocabulary(other)), len(numbers) - len(other)
    )
    by_property: Mapping[str, Sequence[int]] = {}
    if names:
        known = PropertyStatistics(known=1, mean=0.0, std=1.0, min=0.0, max=0.0)
        told = ConditioningConfig(properties=(*names, _PROBE))
        by_property = _strides(
            model,
            recipe.model_copy(update={"conditioning": told}),
            replace(statistics, properties={**statistics.properties, _PROBE: known}),
            -1,
        )
    return {
        name: tuple(
            _labels(size, numbers, by_element[name][axis], names, by_property[name][axis] if names else 0)
            for axis, size in enumerate(value.shape)
        )
        for name, value in model.network.state_dict().items()
    }


def _strides(model: AnyModel, recipe: Recipe, statistics: Any, fewer: int) -> dict[str, tuple[int, ...]]:
    """Return how many places along each axis one element, or property, has."""
    with torch.random.fork_rng(devices=[]):
        probe = kind_of(recipe.model).build(recipe, statistics).network.state_dict()
    return {
        name: tuple((a - b) // fewer for a, b in zip(value.shape, probe[name].shape, strict=True))
        for name, value in model.network.state_dict().items()
    }


def _labels(
    size: int, numbers: Sequence[int], of_element: int, names: Sequence[str], of_property: int
) -> Labels:
    first = [(_ELEMENT, z, j) for z in numbers for j in range(of_element)]
    last = [(_PROPERTY, name, j) for name in names for j in range(of_property)]
    return (*first, *range(size - len(first) - len(last)), *last)


def _is_of(labels: tuple[Labels, ...], kind: str) -> bool:
    return any(isinstance(label, tuple) and label[0] == kind for axis in labels for label in axis)


def _along(axis: int, value: Tensor, old: Labels, new: Labels, fresh: Tensor, name: str) -> Tensor:
    """Return ``value`` with the places along one axis as ``new`` has them."""
    where = {label: k for k, label in enumerate(old)}
    if [x for x in old if isinstance(x, int)] != [x for x in new if isinstance(x, int)]:
        raise UnfitError(name)
    index = torch.tensor([where.get(label, 0) for label in new])
    moved = value.index_select(axis, index).movedim(axis, 0)
    for k, label in enumerate(new):
        if label not in where and isinstance(label, tuple):
            moved[k] = _begun(axis, k, label, value, where, fresh)
    return moved.movedim(0, axis).contiguous()


def _begun(
    axis: int, k: int, label: tuple[Any, ...], value: Tensor, where: Mapping[Hashable, int], fresh: Tensor
) -> Tensor:
    """Return what a new place begins with."""
    kind, _, j = label
    if axis > 0:  # an input: without effect
        return torch.zeros(())
    if kind == _PROPERTY:
        return fresh[k]
    same = [w for at, w in where.items() if isinstance(at, tuple) and at[0] == kind and at[2] == j]
    return value[same].mean(0)


def _without(
    places: Mapping[str, tuple[Labels, ...]],
    wanted: Mapping[str, tuple[Labels, ...]],
    weights: Mapping[str, Tensor],
    made: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Return biases to which is added what properties say that are missing, and no longer told.

    The weights of a layer that is told properties by themselves have its bias beside them.
    """
    missing = {
        label: weights[name][k]
        for name, labels in places.items()
        for k, label in enumerate(labels[0] if labels else ())
        if isinstance(label, tuple) and label[0] == _PROPERTY
    }
    biases = {}
    for name, labels in places.items():
        if len(labels) < 2 or not _is_of(labels[1:2], _PROPERTY):
            continue
        still = wanted[name][1] if name in wanted else ()
        dropped = [
            (k, missing[label[0], label[1], 0][label[2]])
            for k, label in enumerate(labels[1])
            if isinstance(label, tuple) and label[0] == _PROPERTY and label not in still
        ]
        if dropped:
            columns, values = zip(*dropped, strict=True)
            bias = f"{name.rpartition('.')[0]}.bias"
            biases[bias] = made[bias] + weights[name][:, list(columns)] @ torch.stack(values)
    return biases
