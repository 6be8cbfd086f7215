"""The model card: what a model is, on what and how long it was trained, and what was measured."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from epitaxy.apps.config import Recipe
from epitaxy.apps.foundation.files import write_text
from epitaxy.apps.generative.kind import kind_of
from epitaxy.data import DATASETS

_TASKS = {"csp": "crystal structure prediction: composition in, structures out", "dng": "de novo generation"}
_ADVICE = {"csp": ": a formula needs a number of units that gives such a cell", "dng": " and makes such"}
MEASURED = "## Measured"
_USE = "## Use"
_UNMEASURED = "Nothing yet: `epitaxy eval` with `--card` adds a line."


def training_card(
    recipe: Recipe,
    statistics: Any,
    *,
    structures: int,
    steps: int,
    passes: float,
    seconds: float,
    machine: str,
    notes: str = "",
) -> str:
    """Return the card of a freshly trained model, in Markdown."""
    known = DATASETS.get(recipe.dataset)
    source = (
        ""
        if known is None
        else f"\nData: {known.description}. {known.source}. Licence of the data: {known.licence}."
    )
    elements = len(statistics.vocabulary)
    kind = kind_of(recipe.model)
    sizes = kind.describe(statistics)
    return f"""# {recipe.model} on {recipe.dataset}: {_TASKS[recipe.task]}

{kind.title}, {recipe.network.hidden} wide, {recipe.network.layers} layers.

## Trained

{structures} {kind.noun} of {recipe.dataset}: {sizes}, {elements} elements.{source}
{steps} steps ({passes:.1f} passes) in {seconds / 60:.1f} minutes on {machine}.
{notes}
{_USE}

`{recipe.model} sample` knows these elements and no others: {", ".join(statistics.vocabulary.symbols)}.
It has seen {sizes}{_ADVICE[recipe.task]}.

{MEASURED}

{_UNMEASURED}
"""


def card_of_mean(card: str, names: Sequence[str]) -> str:
    """Return the first model's ``card`` for the mean of several, of which nothing is measured yet."""
    head, _, _ = card.partition(MEASURED)
    trained, use, rest = head.partition(_USE)
    note = f"The weights are the mean of those of {', '.join(names)}.\n\n" if len(names) > 1 else ""
    return f"{trained}{note}{use}{rest}{MEASURED}\n\n{_UNMEASURED}\n"


def add_measurement(card: Path, line: str) -> None:
    """Append ``line`` to the card's measurements, in place of the note that there are none."""
    head, _, tail = card.read_text().partition(MEASURED)
    kept = [old for old in tail.strip().splitlines() if old.startswith("- ")]
    write_text(card, f"{head}{MEASURED}\n\n" + "\n".join([*kept, f"- {line}"]) + "\n")
