"""``--set key=value``: change single values of a recipe, refusing keys that do not exist."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from epitaxy.apps.config.base import suggest
from epitaxy.apps.config.recipe import Recipe
from epitaxy.apps.foundation.assignments import split_override
from epitaxy.apps.foundation.errors import UsageError

R = TypeVar("R", bound=Recipe)


def apply_overrides(recipe: R, words: Sequence[str]) -> R:
    """Return ``recipe`` with each ``dotted.key=value`` applied; values are JSON, else plain text.

    ``positions.kind=kinetic`` puts another flow in the place of the old one, with its defaults, which the
    words after it may change.

    Raises:
        UsageError: a word without ``=``, an unknown key, or a value of the wrong kind.
    """
    values = recipe.model_dump(mode="json")
    for word in words:
        key, text = split_override(word)
        _assign(values, key, _value(text))
        if key.endswith(".kind"):
            values = type(recipe).parse(values, source=f"--set {word[:80]}").model_dump(mode="json")
    return type(recipe).parse(values, source="--set")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # no JSON, or numbers and nestings beyond what Python reads
        return text


def _assign(values: dict[str, Any], key: str, value: Any) -> None:
    *parents, leaf = key.split(".")
    node: Any = values
    for part in [*parents, leaf]:
        if not isinstance(node, dict) or part not in node:
            known = _dotted_keys(values)
            raise UsageError(f"--set {key}: the recipe has no key '{key}'{suggest(key, known)}")
        if part is not leaf:
            node = node[part]
    if leaf == "kind":  # what is of another kind has other keys
        node.clear()
    node[leaf] = value


def _dotted_keys(values: dict[str, Any], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for name, value in values.items():
        keys += _dotted_keys(value, f"{prefix}{name}.") if isinstance(value, dict) else [f"{prefix}{name}"]
    return keys
