"""The sampling loop: prior, (network, step) x n, structure. Written once for every model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, TypeVar

import torch
from torch import Tensor

from epitaxy.apps.foundation.devices import usable
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.progress import Progress, silent
from epitaxy.apps.generative.constraints import kept, without_banks
from epitaxy.apps.generative.model import Batch, GenerativeModel, Given
from epitaxy.apps.requests.request import Request
from epitaxy.apps.requests.sample import Sample
from epitaxy.apps.sampling.soundness import checked
from epitaxy.flows import Level, ProductFlow
from epitaxy.geometry import Segments, StructureRng, filled, structure_seed

B = TypeVar("B", bound=Batch)
G = TypeVar("G", bound=Given)

REDRAWS = 2
"""How often a sample that is no structure is drawn anew unless told otherwise."""
_AGAIN = -100
"""What a structure's seed is mixed with, less the number of the draw, for those after the first."""
_NO_ANSWER = "the network's answer is not a number"
Q = TypeVar("Q", bound=Request)


def generate(
    model: GenerativeModel[B, G, Q],
    requests: Sequence[Q],
    *,
    steps: int,
    sampler: str | None = None,
    temperature: float | None = None,
    batch_size: int = 256,
    device: torch.device | str = "cpu",
    redraws: int = REDRAWS,
    progress: Progress = silent,
) -> Iterator[list[Sample]]:
    """Yield the samples of each batch of ``requests``, in order.

    Each is checked (:mod:`epitaxy.apps.sampling.soundness`). One that is no structure is drawn anew, up to
    ``redraws`` times, each time from a seed made of its own and the number of the draw.

    Every structure draws from its own seed, so the noise it meets does not depend on ``batch_size``, on what
    else is in the batch, or on how many processes share the work; what is left is the rounding of the
    network's matrix products.

    Args:
        model: a trained model.
        requests: what to generate.
        steps: network evaluations a structure, but for corrections and a recipe's ``final_call``; any number,
            whatever the training grid was.
        sampler: a named sampler of the flows, such as ``bayes`` or ``end_back``; None keeps the recipe's.
        temperature: of what is drawn, for flows that have one; below 1 samples keep to where the learned law
            is dense, which makes them finer and less various. None keeps the recipe's.
        batch_size: structures a batch.
        device: where to run.
        redraws: how often one that is no structure is drawn anew; 0 shows what the model gives at once.
        progress: receives structures done.

    Raises:
        UsageError: fewer steps than the model can do with, a sampler that no flow of it has, or a device that
            cannot be used.
    """
    if steps < model.least_steps:
        raise UsageError(f"--steps {steps}: this model needs at least {model.least_steps}")
    device = usable(device)
    model = model.to(device).eval()
    flow = with_temperature(with_sampler(model.flow, sampler), temperature).with_steps(steps)
    done = 0
    for group in _batches(requests, batch_size, steps):
        possible = [request for request in group if request.refusal is None]
        made = iter(_sound(model, flow, possible, steps=steps, device=torch.device(device), redraws=redraws))
        yield [
            next(made)
            if request.refusal is None
            else Sample(request=request, structure=None, reason=request.refusal)
            for request in group
        ]
        done += len(group)
        progress(done, len(requests), "structures")


def _batches(requests: Sequence[Q], batch_size: int, steps: int) -> Iterator[Sequence[Q]]:
    """Yield the requests in order, no more than ``batch_size`` at once, which begin alike."""
    for _, alike in groupby(requests, key=lambda request: (request.begins(steps), request.pinned)):
        run = list(alike)
        for start in range(0, len(run), batch_size):
            yield run[start : start + batch_size]


def with_temperature(flow: ProductFlow, temperature: float | None) -> ProductFlow:
    """Return ``flow`` at a temperature, on every modality that has one.

    Raises:
        UsageError: none has one, or it is out of range.
    """
    if temperature is None:
        return flow
    try:
        return flow.with_temperature(temperature)
    except ValueError as error:
        raise UsageError(f"--temperature {temperature:g}: {error}") from None


def with_sampler(flow: ProductFlow, sampler: str | None) -> ProductFlow:
    """Return ``flow`` with the named sampler on every modality that has it.

    Raises:
        UsageError: none has it.
    """
    if sampler is None:
        return flow
    try:
        return flow.with_sampler(sampler)
    except ValueError as error:
        raise UsageError(f"--sampler {sampler}: {error}") from None


def _sound(
    model: GenerativeModel[B, G, Q],
    flow: ProductFlow,
    group: Sequence[Q],
    *,
    steps: int,
    device: torch.device,
    redraws: int,
) -> list[Sample]:
    """Draw the samples, and those anew that are no structures."""
    samples: dict[int, Sample] = {}
    left = list(range(len(group)))
    for number in range(redraws + 1):
        if not left:
            break
        asked = [_drawn_anew(group[k], number) for k in left]
        made = _made(model, flow, asked, steps=steps, device=device)
        for k, sample in zip(left, made, strict=True):
            samples[k] = replace(checked(sample), request=group[k], draws=number + 1)
        left = [k for k in left if samples[k].structure is None]
    return [samples[k] for k in range(len(group))]


def _drawn_anew(request: Q, number: int) -> Q:
    """Return the request with the seed of a draw; the first has the request's own."""
    return request if number == 0 else replace(request, seed=structure_seed(request.seed, _AGAIN - number))


@torch.inference_mode()
def _made(
    model: GenerativeModel[B, G, Q],
    flow: ProductFlow,
    group: Sequence[Q],
    *,
    steps: int,
    device: torch.device,
) -> list[Sample]:
    begins = {request.begins(steps) for request in group}
    if begins == {steps}:  # so weak a noise is none
        return [Sample(request=r, structure=r.start.structure.copy()) for r in group if r.start is not None]
    given = model.given_for(group, device)
    segments = given.segments
    seeds = torch.tensor([request.seed for request in group], dtype=torch.int64, device=device)
    source = StructureRng(seeds, segments)
    flow, final_call = model.flow_on(flow, given), model.recipe.sampling.final_call
    targets = model.targets(_given_batch(group, device)) if group[0].start is not None else None
    if group[0].pinned and targets is not None:
        flow = kept(without_banks(flow), targets, group, segments)
    (begin,) = begins
    if begin == 0 or targets is None:
        states = flow.prior(model.blank(given), segments=segments, source=source)
    else:
        times = filled(begin / steps, len(group), device=device)
        states = without_banks(flow).corrupt(targets, times, segments=segments, source=source)
    for i in range(begin, steps):
        time = filled(i / steps, len(group), device=device)
        following = filled((i + 1) / steps, len(group), device=device)
        for _ in range(flow.corrections):
            outputs = model.answer(states, time, given)
            states = flow.correct(states, outputs, time, following, segments=segments, source=source)
        outputs = model.answer(states, time, given)
        if i < steps - 1 or final_call:
            states = flow.step(states, outputs, time, following, segments=segments, source=source)
    if final_call:
        time = following
        outputs = model.answer(states, time, given)
    decoded = flow.decode(states, outputs, time, segments=segments, source=source)
    made = model.samples(decoded, model.read(outputs, states), given, group)
    lost = unanswered(outputs, flow.levels, segments)
    return [
        Sample(request=sample.request, structure=None, reason=_NO_ANSWER) if gone else _restored(sample)
        for sample, gone in zip(made, lost, strict=True)
    ]


def unanswered(outputs: Mapping[str, Tensor], levels: Mapping[str, Level], segments: Segments) -> list[bool]:
    """Say of which graphs the network's answer is not a number: a class decoded of it looks like another."""
    lost = torch.zeros_like(segments.counts, dtype=torch.bool)
    for name, level in levels.items():
        rows = outputs[name].flatten(1).isnan().any(1)
        lost |= segments.sum(rows.long()) > 0 if level == "atom" else rows
    flags: list[bool] = lost.tolist()
    return flags


def _given_batch(group: Sequence[Q], device: torch.device) -> Any:
    """Return the structures that the requests begin from."""
    batches = [request.start.batch for request in group if request.start is not None]
    return type(batches[0]).cat(batches).to(device)


def _restored(sample: Sample) -> Sample:
    """Return the sample with what its request keeps as it was given."""
    start = sample.request.start
    if start is None or sample.structure is None:
        return sample
    return replace(sample, structure=start.restored(sample.structure))
