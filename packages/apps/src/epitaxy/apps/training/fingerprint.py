"""What a run began with, its data by their content and its recipe: it goes on only with these."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from epitaxy.apps.config import Recipe
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.files import write_text
from epitaxy.apps.foundation.folders import RECIPE
from epitaxy.apps.foundation.messages import is_main_process, notify
from epitaxy.apps.generative.dataset import Dataset

DATA = "data.json"
MAY_CHANGE = ("dataset", "sampling.", "training.passes", "training.recover")
"""What a run's recipe may have otherwise on resuming: where its data lie, how long it goes on."""

_ORDER = ("segments", "space_groups", "sites", "positions", "lattice", "numbers", "ids", "properties")
"""A batch's fields in the order that fingerprints were always made in, whatever order its class has."""
_PORTION = 10_000  # structures looked at at once: a collection may be larger than memory


def fingerprint(dataset: Dataset) -> str:
    """Return the SHA-256 of everything that batches of a dataset hold, in order."""
    digest = hashlib.sha256()
    for first in range(0, len(dataset), _PORTION):
        _feed(digest, dataset.batch(range(first, min(first + _PORTION, len(dataset)))))
    return digest.hexdigest()


def check_begun(out: Path, recipe: Recipe, *, train: Dataset, val: Dataset) -> None:
    """Write what a run's data and recipe are into its folder, or compare if it is there.

    Raises:
        UsageError: the data have changed since the run began, or the recipe has in more than `MAY_CHANGE`.
    """
    splits = {
        split: {"structures": len(data), "sha256": fingerprint(data)}
        for split, data in (("train", train), ("val", val))
    }
    now: dict[str, Any] = {**splits, "recipe": recipe.model_dump(mode="json")}
    file = out / DATA
    if not file.is_file():
        if is_main_process():
            write_text(file, json.dumps(now, indent=2) + "\n")
        return
    try:
        then = json.loads(file.read_text())
        changed = [split for split in splits if then[split]["sha256"] != now[split]["sha256"]]
        counts = [
            f"{then[split]['structures']} structures then, {now[split]['structures']} now"
            for split in changed
        ]
        _compare_recipes(out, _leaves(then.get("recipe", {})), _leaves(now["recipe"]))
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{file} is damaged: restore it, or begin again in another folder") from None
    if changed:
        raise UsageError(
            f"--resume: the {changed[0]} split of {recipe.dataset} is not what the run in {out} was begun on "
            f"({counts[0]}): give it back its data, or begin another run"
        )


def _compare_recipes(out: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse a recipe that was changed by hand; what only one of them has, versions of epitaxy differ in.

    Raises:
        UsageError: naming the first of what was changed.
    """
    changed = [name for name in then if name in now and then[name] != now[name]]
    for name in changed:
        if not name.startswith(MAY_CHANGE):
            raise UsageError(
                f"--resume: {name} is {now[name]!r} in {out / RECIPE} and was {then[name]!r} when the run "
                "began: put it back, or begin another run with --from"
            )
    for name in changed:
        if name != "dataset":
            notify(f"--resume: {name} is {now[name]!r} from here on, and was {then[name]!r}")


def _leaves(value: Any, name: str = "") -> dict[str, Any]:
    """Return the values of nested mappings by their dotted names."""
    if not isinstance(value, dict):
        return {name: value}
    parts = [_leaves(inner, f"{name}.{key}" if name else key) for key, inner in value.items()]
    return {key: inner for part in parts for key, inner in part.items()}


def _feed(digest: Any, value: Any) -> None:
    """Add a value to a digest, field by field."""
    if isinstance(value, Tensor):
        digest.update(f"{value.dtype}{tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    elif is_dataclass(value):
        names = [field.name for field in fields(value)]
        for name in sorted(names, key=lambda n: _ORDER.index(n) if n in _ORDER else len(_ORDER)):
            _feed(digest, getattr(value, name))
    elif isinstance(value, Mapping):
        for name in sorted(value):
            _feed(digest, name)
            _feed(digest, value[name])
    elif isinstance(value, tuple | list):
        digest.update(f"{len(value)}:".encode())
        for part in value:
            _feed(digest, part)
    else:
        digest.update(f"{value!r};".encode())
