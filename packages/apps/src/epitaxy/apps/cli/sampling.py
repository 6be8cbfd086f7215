"""``sample``: requests into structures in a folder, over one or many processes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from epitaxy.apps.foundation.devices import chosen_device, compile_network
from epitaxy.apps.foundation.errors import WorkError
from epitaxy.apps.foundation.messages import say
from epitaxy.apps.foundation.names import ModelName
from epitaxy.apps.foundation.progress import reporting
from epitaxy.apps.generative.model_dir import LoadedModel, load_model
from epitaxy.apps.requests.request import Request
from epitaxy.apps.requests.sample import Sample
from epitaxy.apps.sampling.folder import Circumstances, claimed_folder, write_folder
from epitaxy.apps.sampling.generate import REDRAWS, generate
from epitaxy.apps.sampling.shards import Shards


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """What the user typed after ``sample``, of any model."""

    model: str
    out: Path
    steps: int | None
    sampler: str | None
    temperature: float | None
    seed: int
    batch_size: int | None
    device: str
    redraws: int | None = None
    compile: bool = False


def run_sampling(
    kind: ModelName, words: Sampling, requests_of: Callable[[LoadedModel], Sequence[Request]]
) -> None:
    """Sample into a folder. Started by torchrun, each process takes its share and the first writes."""
    device = chosen_device(words.device)
    loaded = load_model(words.model, kinds=(kind,))
    if words.compile:
        compile_network(loaded.model.network)
    requests = requests_of(loaded)
    with claimed_folder(words.out):
        _sample_into(words, loaded, requests, device)


def _sample_into(words: Sampling, loaded: LoadedModel, requests: Sequence[Request], device: str) -> None:
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
                temperature=words.temperature,
                batch_size=words.batch_size or defaults.batch_size,
                device=device,
                redraws=REDRAWS if words.redraws is None else words.redraws,
                progress=progress,
            ):
                samples += batch
        except KeyboardInterrupt:
            interrupted = True
        gathered = shards.gather(samples, len(requests)) if not interrupted else samples
    if gathered is None:
        return
    circumstances = Circumstances(
        model=loaded, steps=steps, sampler=words.sampler, temperature=words.temperature, seed=words.seed,
        requested=len(requests), seconds=time.monotonic() - started, interrupted=interrupted,
    )  # fmt: skip
    write_folder(words.out, gathered, circumstances)
    _tell(words.out, gathered)
    if interrupted:
        raise KeyboardInterrupt
    if gathered and all(sample.structure is None for sample in gathered):
        raise WorkError(
            f"none of the {len(gathered)} samples is a structure (the first: {gathered[0].reason}); "
            f"{words.out / 'samples.json'} has all reasons. Take more steps than {steps}, or another request"
        )


def _tell(out: Path, samples: Sequence[Sample]) -> None:
    """Say how many structures there are, and how many were drawn anew or given up."""
    rejected = sum(sample.structure is None for sample in samples)
    anew = sum(sample.draws > 1 for sample in samples)
    say(
        f"{len(samples) - rejected} structures in {out}"
        + (f", {anew} drawn anew for atoms too close or an impossible cell" if anew else "")
        + (f", {rejected} rejected: samples.json says why" if rejected else "")
    )
