"""Words with an equals sign, of properties and of recipes; cheap to import."""

import math
from collections.abc import Sequence

from epitaxy.apps.foundation.errors import UsageError


def split_override(word: str) -> tuple[str, str]:
    """Return key and value of ``training.batch_size=64``.

    Raises:
        UsageError: a word without ``=``.
    """
    key, equals, text = word.partition("=")
    if not equals:
        raise UsageError(f"--set {word}: write key=value, for example --set training.batch_size=64")
    return key, text


def parse_targets(words: Sequence[str]) -> dict[str, float]:
    """Return the targets meant by words like ``band_gap=1.5``.

    Raises:
        UsageError: a word without a number, or a property twice.
    """
    targets: dict[str, float] = {}
    for word in words:
        name, equals, text = word.partition("=")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not equals or not math.isfinite(value):
            raise UsageError(f"--property {word}: write NAME=NUMBER, as in --property {name or 'gap'}=1.5")
        if name in targets:
            raise UsageError(f"--property {name} is given twice: give it once")
        targets[name] = value
    return targets
