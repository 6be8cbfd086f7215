"""Whether beginning with a trained model's weights beats beginning with nothing, on few crystals.

python benchmarks/fine_tune.py [MODEL] [--data perov_5] [--split val] [--validate test] [--property heat_all]
                                       [--num 200] [--minutes 3] [--out FOLDER]

``--num`` crystals of a split, drawn with a fixed seed, train the model's recipe twice, each time told a
property that the model never was: from its weights (``train --from``) and from random ones. Both have the
same data, order, noise, schedule, steps and standardisation (that of the model, so that their losses are in
one unit); hence the same processor time, ``--minutes`` each, which is measured all the same. Validation
crystals, 512 at most, have no element that the few have not. perov_5's ``heat_all`` is one quantity in val
and test and another one's variant in train (see the data's README), hence the default splits.

Prints the validation losses side by side as processor time goes on; both average their weights over some 20
steps. Needs EPITAXY_DATA.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch

from epitaxy.apps.config import Recipe, apply_overrides
from epitaxy.apps.foundation.folders import METRICS
from epitaxy.apps.generative.dataset import draw
from epitaxy.apps.generative.kind import AnyModel, build_model, kind_of
from epitaxy.apps.generative.model_dir import LoadedModel, load_model
from epitaxy.apps.training.fine_tuning import inherited, initialised_from
from epitaxy.apps.training.metrics import read_metrics
from epitaxy.apps.training.run import Hardware, open_run, train
from epitaxy.apps.training.validation import within_vocabulary

BATCH, VALIDATIONS, TRIED = 50, 10, 5
"""Crystals a step, validations a run, and passes by which the time of one is measured."""


class Clock(L.Callback):
    """Notes the processor time before every validation."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._begun = time.process_time()

    def on_validation_start(self, *_: Any) -> None:
        """Note it."""
        self.seconds.append(time.process_time() - self._begun)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What both runs have alike."""

    source: LoadedModel
    recipe: Recipe
    train_data: Any
    val_data: Any

    def start(self, *, carried: bool) -> AnyModel:
        """Return the model to begin with: the source's weights, or random ones, in the same units."""
        statistics = kind_of(self.recipe.model).summarise(self.train_data)
        if carried:
            return initialised_from(self.source, self.recipe, statistics)
        torch.manual_seed(self.recipe.training.seed)
        return build_model(self.recipe, inherited(statistics, self.source.model.statistics))

    def run(self, out: Path, passes: int, *, carried: bool) -> dict[float, float]:
        """Train; return the validation losses by processor seconds."""
        words = [f"training.passes={passes}", f"training.validate_every={max(1, passes // VALIDATIONS)}"]
        recipe, clock = apply_overrides(self.recipe, words), Clock()
        open_run(out, recipe, resume=False)
        train(
            recipe,
            out,
            train_data=self.train_data,
            val_data=self.val_data,
            start=self.start(carried=carried),
            hardware=Hardware(accelerator="cpu"),
            callbacks=[clock],
        )
        losses = [float(row["loss"]) for row in read_metrics(out / METRICS) if row["split"] == "val"]
        return dict(zip(clock.seconds, losses, strict=True))


def trial(words: argparse.Namespace) -> Trial:
    """Load the model and the crystals."""
    source = load_model(words.model)
    changed = source.model.recipe.model_copy(update={"dataset": words.data})
    recipe = apply_overrides(
        changed,
        [
            f'conditioning.properties=["{words.property}"]',
            f"training.batch_size={BATCH}",
            "training.averaging=0.95",
            "training.schedule.warmup_steps=50",
            "training.validation_crystals=512",
        ],
    )
    family = kind_of(recipe.model)
    crystals = draw(family.load(recipe, words.split, words.root), words.num)
    val_data = within_vocabulary(
        family.load(recipe, words.validate, words.root), family.summarise(crystals).vocabulary
    )
    return Trial(source=source, recipe=recipe, train_data=crystals, val_data=val_data)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", nargs="?", default="kldm-mp20")
    parser.add_argument("--data", default="perov_5")
    parser.add_argument("--split", default="val")
    parser.add_argument("--validate", default="test")
    parser.add_argument("--property", default="heat_all")
    parser.add_argument("--num", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--out", type=Path)
    words = parser.parse_args()
    out = words.out or Path(tempfile.mkdtemp())
    asked = trial(words)
    tried = asked.run(out / "tried", TRIED, carried=True)
    passes = max(VALIDATIONS, round(60 * words.minutes * TRIED / max(tried)))
    print(f"{words.num} crystals of {words.data}, told {words.property}: {passes} passes from {words.model}")
    found = [asked.run(out / name, passes, carried=name == "from") for name in ("from", "nothing")]
    print("processor seconds   from the model   from nothing")
    for (seconds, carried), (others, fresh) in zip(found[0].items(), found[1].items(), strict=True):
        print(f"{seconds:8.0f} {others:8.0f} {carried:16.4f} {fresh:14.4f}")
    best = [min(curve.values()) for curve in found]
    print(f"lowest            {best[0]:16.4f} {best[1]:14.4f}")


if __name__ == "__main__":
    main()
