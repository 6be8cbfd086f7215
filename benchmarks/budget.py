"""Quality per processor minute: recipes trained side by side for equal processor time on one thread.

python benchmarks/budget.py RECIPE... [--data mp_20] [--minutes 20] [--precision bf16-mixed] [--limit 500]

A recipe is a model, a preset, and changes to it: ``crysbfn:small,network.kind=rotary,network.hidden=192``.
Each is trained with its own learning rate, which falls linearly to nothing over the last fifth of the budget
whatever the recipe's schedule says, so that budgets of any length end alike. Processor seconds are those of
the training process while it trains: neither preparing data nor validation nor matching counts, and what
other processes do does not either, but for the caches and the clock that they share.

Prints, as Markdown, the validation losses of the averaged weights and how good ``--limit`` samples are, as
drawn, ``--steps`` network evaluations each: of predicted structures the match rates, one structure for each
of as many fixed validation crystals; of molecules the shares that are stable and valid; of de novo crystals
the shares of valid structures and compositions, and how far the numbers of elements are from validation's.
"""

import argparse
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from pymatgen.core import Structure
from scipy.stats import wasserstein_distance

from epitaxy.apps.asymmetric_units.generator import SymmBFN
from epitaxy.apps.asymmetric_units.model import WyckoffModel
from epitaxy.apps.config import Recipe, apply_overrides
from epitaxy.apps.crystals.data import compositions, load_crystals
from epitaxy.apps.crystals.generator import CrystalGenerator
from epitaxy.apps.crystals.requests import for_compositions
from epitaxy.apps.generative.dataset import Dataset, draw
from epitaxy.apps.generative.kind import AnyModel, kind_of
from epitaxy.apps.generative.model_dir import save_model
from epitaxy.apps.generative.recipes import preset
from epitaxy.apps.molecules.generator import GeoBFN
from epitaxy.apps.molecules.model import MoleculeModel
from epitaxy.apps.sampling.generate import generate
from epitaxy.apps.training.run import Hardware, open_run, train
from epitaxy.apps.training.times import stratified_times
from epitaxy.apps.training.validation import validation_batches, within_vocabulary
from epitaxy.eval import evaluate_validity, match_csp
from epitaxy.eval.molecules import Molecules, evaluate_molecules
from epitaxy.geometry import SharedRng

COOLDOWN = 0.2
"""The last part of a budget, over which the learning rate falls to nothing."""


class ProcessorBudget(Callback):
    """Ends training after so many processor seconds of this process, validation not counted."""

    def __init__(self, seconds: float, *, learning_rate: float, warmup_steps: int = 200) -> None:
        self.seconds = seconds
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.spent = 0.0
        self.steps = 0
        self._since: float | None = None

    def on_train_batch_start(self, trainer: L.Trainer, *_: Any) -> None:
        """Set the rate for what has been spent."""
        self._since = time.process_time()
        left = (1 - self.spent / self.seconds) / COOLDOWN
        factor = min(1.0, left, (trainer.global_step + 1) / self.warmup_steps)
        for group in trainer.optimizers[0].param_groups:
            group["lr"] = self.learning_rate * max(factor, 0.0)

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        """Count, and stop when it is spent."""
        self.spent += time.process_time() - (self._since or time.process_time())
        self.steps = trainer.global_step
        if self.spent >= self.seconds:
            trainer.should_stop = True


def read(words: str, *, task: str, dataset: str) -> Recipe:
    """Read ``model:preset,key=value,...`` as a recipe with passes enough for any budget."""
    head, *changes = words.split(",")
    model, _, name = head.partition(":")
    recipe = preset(name or "small", task=task, dataset=dataset, model=model)  # type: ignore[arg-type]
    endless = [
        "training.passes=100000",
        "training.validate_every=100000",
        "training.validation_crystals=2048",
    ]
    endless += ['training.schedule={"kind":"plateau","patience":100000}']
    return apply_overrides(recipe, [*endless, *changes])


@torch.no_grad()
def losses(model: AnyModel, recipe: Recipe, val_data: Dataset) -> Mapping[str, float]:
    """Return the validation losses by field, with the same noise for every model."""
    model.flow.refresh(0)
    known = within_vocabulary(val_data, model.statistics.vocabulary)
    generator = torch.Generator().manual_seed(0)
    total: dict[str, float] = defaultdict(float)
    batches = list(validation_batches(known, recipe, rank=0, world=1))
    for batch in batches:
        time = stratified_times(batch.segments.num_graphs, model.flow.grid, generator)
        for name, loss in model.losses(batch, time, source=SharedRng(generator)).items():
            total[name] += float(loss) / len(batches)
    return total


def quality(model: AnyModel, task: str, data: str, *, limit: int, steps: int) -> Mapping[str, str]:
    """Sample and measure, by what the model makes."""
    if task == "csp":
        some = draw(load_crystals(data, "val"), limit)
        truths = dict(zip(some.ids, some.structures(), strict=True))
        requests = for_compositions(compositions(some), model.statistics, num=1, seed=0)  # type: ignore[arg-type]
        return {f"match {name}": percent(rate) for name, rate in match_rates(model, truths, requests, steps)}
    if isinstance(model, MoleculeModel):
        asked = GeoBFN(model).requests(num=limit, seed=0)
        made = [s.molecule for s in chain.from_iterable(generate(model, asked, steps=steps, redraws=0))]
        pairs = [(atoms.numbers, atoms.positions) for atoms in made if atoms is not None]
        counts = evaluate_molecules(Molecules.from_pairs(pairs)).counts()
        return {name: percent(counts[name] / limit) for name in ("stable", "valid", "stable_valid_unique")}
    generator: Any = SymmBFN(model) if isinstance(model, WyckoffModel) else CrystalGenerator(model)  # type: ignore[arg-type]
    samples = generator.samples(generator.requests(num=limit, seed=0), steps=steps, redraws=0)
    crystals = [sample.crystal for sample in samples]
    verdicts = evaluate_validity(crystals).samples
    elements = [len(x.composition) for x in crystals if x is not None]
    real = [len(x.composition) for x in draw(load_crystals(data, "val"), 1000).structures()]
    return {
        "structures valid": percent(sum(v.structural.valid for v in verdicts) / limit),
        "compositions valid": percent(sum(v.compositional.valid for v in verdicts) / limit),
        "elements, distance": f"{wasserstein_distance(elements, real):.3f}",
    }


def percent(share: float) -> str:
    """Write a share."""
    return f"{100 * share:.1f} %"


def match_rates(
    model: AnyModel, truths: Mapping[str, Structure], requests: Sequence[Any], steps: int
) -> Iterator[tuple[str, float]]:
    """Predict a structure for each request; yield match rates by protocol."""
    predictions: dict[str, list[Structure | None]] = {name: [] for name in truths}
    for sample in chain.from_iterable(generate(model, requests, steps=steps, redraws=0)):
        predictions[sample.request.id].append(sample.crystal)
    for protocol in ("crysbfn", "strict"):
        result = match_csp(predictions, truths, protocol=protocol, workers=os.cpu_count() or 1)
        yield protocol, result.match_rate(1) or 0.0


def main() -> None:
    """Parse the words; train, measure and print each recipe in turn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--data", default="mp_20")
    parser.add_argument("--task", default="csp")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--precision", default="32-true")
    parser.add_argument("--limit", type=int, default=500)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--keep", type=Path, help="a folder for the trained models")
    words = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{words.data}, {words.task}, {words.minutes:g} processor minutes on one thread, {words.precision}\n"
    )
    print("| recipe | parameters | steps | structures/s | losses | samples |")
    print("|---|---|---|---|---|---|", flush=True)
    for number, text in enumerate(words.recipes):
        recipe = read(text, task=words.task, dataset=words.data)
        family = kind_of(recipe.model)
        train_data, val_data = (family.load(recipe, split, None) for split in ("train", "val"))
        budget = ProcessorBudget(60 * words.minutes, learning_rate=recipe.training.learning_rate)
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            open_run(run, recipe, resume=False)
            model = train(
                recipe,
                run,
                train_data=train_data,
                val_data=val_data,
                hardware=Hardware(accelerator="cpu", precision=words.precision),
                callbacks=[budget],
            )
        found = losses(model, recipe, val_data)
        if words.keep is not None:
            save_model(words.keep / str(number), model, card=f"benchmarks/budget.py {text}\n")
        row = [
            text,
            f"{sum(p.numel() for p in model.network.parameters()) / 1e6:.2f} M",
            str(budget.steps),
            f"{budget.steps * recipe.training.batch_size / budget.spent:.0f}",
            ", ".join(f"{name} {value:.3f}" for name, value in found.items()),
        ]
        of = quality(model, words.task, words.data, limit=words.limit, steps=words.steps)
        row.append(", ".join(f"{name} {value}" for name, value in of.items()))
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
