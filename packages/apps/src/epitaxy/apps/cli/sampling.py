"""``sample``: requests from the command line, structures into a folder, over one or many processes."""

import time
from dataclasses import dataclass
from pathlib import Path

import torch

from epitaxy.apps.cli.training import check_device
from epitaxy.apps.data import compositions, load_split
from epitaxy.apps.errors import UsageError
from epitaxy.apps.generator import CrystalGenerator
from epitaxy.apps.model_dir import LoadedModel, load_model
from epitaxy.apps.progress import reporting
from epitaxy.apps.sampling.folder import Circumstances, claim_folder, write_folder
from epitaxy.apps.sampling.generate import Sample, generate
from epitaxy.apps.sampling.request import Request, for_compositions
from epitaxy.apps.sampling.shards import Shards
from epitaxy.apps.say import say


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """What the user typed after ``sample``."""

    model: str
    out: Path
    num: int
    formulas: list[str]
    formula_units: int | None
    compositions: str | None
    split: str
    limit: int | None
    root: Path | None
    steps: int | None
    sampler: str | None
    seed: int
    batch_size: int | None
    device: str


def run_sampling(kind: str, words: Sampling) -> None:
    """Sample into a folder. Started by torchrun, each process takes its share and the first writes."""
    device = _device(words.device)
    loaded = load_model(words.model, kind=kind)
    requests = _requests(loaded, words)
    claim_folder(words.out)
    defaults = loaded.model.recipe.sampling
    steps = words.steps or defaults.steps
    samples: list[Sample] = []
    interrupted = False
    started = time.monotonic()
    with Shards() as shards, reporting("sampling") as progress:
        try:
            for batch in generate(
                loaded.model,
                shards.share(requests),
                steps=steps,
                sampler=words.sampler,
                batch_size=words.batch_size or defaults.batch_size,
                device=device,
                progress=progress,
            ):
                samples += batch
        except KeyboardInterrupt:
            interrupted = True
        gathered = shards.gather(samples, len(requests)) if not interrupted else samples
    if gathered is None:
        return
    circumstances = Circumstances(
        model=loaded, steps=steps, sampler=words.sampler, seed=words.seed, requested=len(requests),
        seconds=time.monotonic() - started, interrupted=interrupted,
    )  # fmt: skip
    write_folder(words.out, gathered, circumstances)
    rejected = sum(sample.structure is None for sample in gathered)
    say(
        f"{len(gathered) - rejected} structures in {words.out}"
        + (f", {rejected} rejected" if rejected else "")
    )
    if interrupted:
        raise KeyboardInterrupt


def _requests(loaded: LoadedModel, words: Sampling) -> list[Request]:
    if words.compositions is None:
        return CrystalGenerator(loaded.model).requests(
            formula=words.formulas, num=words.num, seed=words.seed, formula_units=words.formula_units
        )
    if words.formulas:
        raise UsageError("--formula and --compositions exclude each other: give one of them")
    if loaded.model.recipe.task != "csp":
        raise UsageError("--compositions needs a model trained with --task csp; this one chooses its own")
    dataset = load_split(words.compositions, words.split, root=words.root, limit=words.limit)
    return for_compositions(compositions(dataset), loaded.model.statistics, num=words.num, seed=words.seed)


def _device(name: str) -> str:
    if check_device(name) != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"
