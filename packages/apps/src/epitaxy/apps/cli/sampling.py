"""``sample``: requests into structures in a folder, over one or many processes."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from epitaxy.apps.cli.option_groups import Sampling
from epitaxy.apps.foundation.devices import chosen_device, compile_network
from epitaxy.apps.foundation.errors import WorkError
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.foundation.names import ModelName
from epitaxy.apps.foundation.progress import reporting
from epitaxy.apps.generative.model_dir import LoadedModel, load_model
from epitaxy.apps.requests.request import Request
from epitaxy.apps.requests.sample import Sample
from epitaxy.apps.sampling.consensus import generate_agreed
from epitaxy.apps.sampling.generate import REDRAWS
from epitaxy.apps.sampling.output_folder import SamplingRecord, claimed_folder, write_folder
from epitaxy.apps.sampling.shards import Shards


def run_sampling(
    kind: ModelName,
    words: Sampling,
    requests_of: Callable[[Any], Sequence[Request]],
    *,
    consensus: int = 1,
) -> None:
    """Sample into a folder. Started by torchrun, each process takes its share and the first writes.

    Args:
        kind: whose command it is.
        words: what was typed.
        requests_of: makes the requests, of the model.
        consensus: candidates for each, of which one is written.
    """
    device = chosen_device(words.device)
    loaded = load_model(words.model, kinds=(kind,))
    if words.compile:
        compile_network(loaded.model.network)
    requests = requests_of(loaded.model)
    with claimed_folder(words.out):
        _sample_into(words, loaded, requests, device, consensus)


def _sample_into(
    words: Sampling, loaded: LoadedModel, requests: Sequence[Request], device: str, consensus: int
) -> None:
    defaults = loaded.model.recipe.sampling
    steps = words.steps or defaults.steps
    samples: list[Sample] = []
    interrupted = False
    started = time.monotonic()
    with Shards() as shards, reporting("sampling") as progress:
        try:
            for batch in generate_agreed(
                loaded.model,
                shards.share(requests),
                steps=steps,
                sampler=words.sampler,
                temperature=words.temperature,
                batch_size=words.batch_size or defaults.batch_size,
                device=device,
                redraws=REDRAWS if words.redraws is None else words.redraws,
                consensus=consensus,
                progress=progress,
            ):
                samples += batch
        except KeyboardInterrupt:
            interrupted = True
        gathered = shards.gather(samples, len(requests)) if not interrupted else samples
    if gathered is None:
        return
    record = SamplingRecord(
        model=loaded, steps=steps, sampler=words.sampler, temperature=words.temperature,
        consensus=consensus, seed=words.seed, requested=len(requests),
        seconds=time.monotonic() - started, interrupted=interrupted,
    )  # fmt: skip
    write_folder(words.out, gathered, record)
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
    notify(
        f"{len(samples) - rejected} structures in {out}"
        + (f", {anew} drawn anew for atoms too close or an impossible cell" if anew else "")
        + (f", {rejected} rejected: samples.json says why" if rejected else "")
    )
