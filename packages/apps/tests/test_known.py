"""What does not go with ``--compositions`` is refused, whatever the model."""

import inspect

import pytest

from epitaxy.apps import UsageError
from epitaxy.apps.asymmetric_units.generator import SymmBFN
from epitaxy.apps.crystals.generator import CrystalGenerator
from epitaxy.apps.requests.known import refuse_beside_compositions

BESIDE = {"self", "num", "seed", "spacegroup", "crystal_system", "composition_guidance"}
"""What compositions leave open."""
WORDS = sorted(
    {name for of in (SymmBFN, CrystalGenerator) for name in inspect.signature(of.requests).parameters}
    - BESIDE
)


@pytest.mark.parametrize("word", WORDS)
def test_every_word_that_compositions_answer_is_refused(word: str) -> None:
    value = 0.0 if word == "strength" else 1.5  # a strength of nothing is a strength
    with pytest.raises(UsageError, match="--compositions"):
        refuse_beside_compositions({word: value})


def test_words_that_were_not_said_are_none() -> None:
    refuse_beside_compositions(dict.fromkeys(WORDS) | {"guidance": 0.0, "properties": {}})
