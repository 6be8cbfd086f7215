"""What evaluations are told besides their structures, made of the words that all of them have."""

from typing import TypedDict

from epitaxy.apps.cli.option_groups import Scoring
from epitaxy.apps.evaluation.settings import Compute, Outputs


class Settings(TypedDict):
    """Where to work, and what to write."""

    compute: Compute
    outputs: Outputs


def settings_of(words: Scoring) -> Settings:
    """Return both."""
    return {
        "compute": Compute(
            workers=words.workers, timeout=words.timeout, cache=words.cache, keep=not words.no_cache
        ),
        "outputs": Outputs(json=words.json, html=words.html, card=words.card),
    }
