"""One set of weights under several samplers and numbers of steps, on one test set."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pymatgen.core import Structure

from epitaxy.apps.crystals.data import compositions
from epitaxy.apps.crystals.generator import CrystalGenerator
from epitaxy.apps.crystals.requests import CrystalRequest, for_compositions
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.sampling.generate import with_sampler
from epitaxy.data import CrystalDataset
from epitaxy.eval import CSPResult, match_csp

RECIPES = "recipe"
"""The word for the sampler that the recipe names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What one sampler does in one number of steps.

    Attributes:
        sampler: its name, or ``recipe``.
        steps: steps of the sampler.
        evaluations: network evaluations a structure, corrections included.
        result: the predictions against the true structures.
        seconds: wall-clock seconds a structure, sampling alone.
    """

    sampler: str
    steps: int
    evaluations: int
    result: CSPResult
    seconds: float


def compare(
    generator: CrystalGenerator,
    dataset: CrystalDataset,
    *,
    samplers: Sequence[str] = (RECIPES,),
    steps: Sequence[int] = (10, 50, 100),
    protocol: str = "crysbfn",
    seed: int = 0,
    workers: int = 1,
) -> Iterator[Compared]:
    """Predict a structure for each composition of a dataset, in every way that is named, and match it.

    Each request is drawn once, as in papers: none is drawn anew for atoms too close. The same seed gives
    every sampler the same start.

    Raises:
        UsageError: a model that chooses its own compositions, or a sampler that none of its flows has.
    """
    model = generator.model
    if model.recipe.task != "csp":
        raise UsageError("comparing needs a model of --task csp: this one chooses its own compositions")
    flows = {name: with_sampler(model.flow, None if name == RECIPES else name) for name in samplers}
    truths = dict(zip(dataset.ids, dataset.structures(), strict=True))
    requests = for_compositions(compositions(dataset), model.statistics, num=1, seed=seed)
    for name, flow in flows.items():
        for count in steps:
            started = time.perf_counter()
            predictions = _predictions(generator, requests, truths, name, count)
            seconds = (time.perf_counter() - started) / len(requests)
            yield Compared(
                sampler=name,
                steps=count,
                evaluations=(1 + flow.corrections) * count,
                result=match_csp(predictions, truths, protocol=protocol, workers=workers),
                seconds=seconds,
            )


def _predictions(
    generator: CrystalGenerator,
    requests: Sequence[CrystalRequest],
    truths: Mapping[str, Structure],
    sampler: str,
    steps: int,
) -> dict[str, list[Structure | None]]:
    samples = generator.samples(
        requests, steps=steps, sampler=None if sampler == RECIPES else sampler, redraws=0
    )
    predictions: dict[str, list[Structure | None]] = {name: [] for name in truths}
    for sample in samples:
        predictions[sample.request.id].append(sample.crystal)
    return predictions
