"""The sampling loop: prior, (network, step) x n, structure. Written once for every model."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import torch

from epitaxy.apps.devices import usable
from epitaxy.apps.errors import UsageError
from epitaxy.apps.model import Batch, GenerativeModel, Given
from epitaxy.apps.progress import Progress, silent
from epitaxy.apps.sampling.request import Request
from epitaxy.apps.sampling.sample import Sample
from epitaxy.flows import ProductFlow
from epitaxy.geometry import StructureRng

B = TypeVar("B", bound=Batch)
G = TypeVar("G", bound=Given)
Q = TypeVar("Q", bound=Request)


def generate(
    model: GenerativeModel[B, G, Q],
    requests: Sequence[Q],
    *,
    steps: int,
    sampler: str | None = None,
    batch_size: int = 256,
    device: torch.device | str = "cpu",
    progress: Progress = silent,
) -> Iterator[list[Sample]]:
    """Yield the samples of each batch of ``requests``, in order.

    Every structure draws from its own seed, so the noise it meets does not depend on ``batch_size``, on what
    else is in the batch, or on how many processes share the work; what is left is the rounding of the
    network's matrix products.

    Args:
        model: a trained model.
        requests: what to generate.
        steps: network evaluations a structure; any number, whatever the training grid was.
        sampler: a named sampler of the flows, such as ``bayes`` or ``end_back``; None keeps the recipe's.
        batch_size: structures a batch.
        device: where to run.
        progress: receives structures done.

    Raises:
        UsageError: fewer steps than the model can do with, a sampler that no flow of it has, or a device that
            cannot be used.
    """
    if steps < model.least_steps:
        raise UsageError(f"--steps {steps}: this model needs at least {model.least_steps}")
    device = usable(device)
    model = model.to(device).eval()
    flow = with_sampler(model.flow, sampler).with_steps(steps)
    for start in range(0, len(requests), batch_size):
        group = requests[start : start + batch_size]
        possible = [request for request in group if request.refusal is None]
        made = iter(_made(model, flow, possible, steps=steps, device=device) if possible else [])
        yield [
            next(made)
            if request.refusal is None
            else Sample(request=request, structure=None, reason=request.refusal)
            for request in group
        ]
        progress(start + len(group), len(requests), "structures")


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


@torch.inference_mode()
def _made(
    model: GenerativeModel[B, G, Q],
    flow: ProductFlow,
    group: Sequence[Q],
    *,
    steps: int,
    device: torch.device,
) -> list[Sample]:
    given = model.asked(group, device)
    segments = given.segments
    seeds = torch.tensor([request.seed for request in group], dtype=torch.int64, device=device)
    source = StructureRng(seeds, segments)
    flow = model.flow_on(flow, given)
    states = flow.prior(model.blank(given), segments=segments, source=source)
    for i in range(steps):
        time = torch.full((len(group),), i / steps, device=device)
        following = torch.full_like(time, (i + 1) / steps)
        for _ in range(flow.corrections):
            outputs = model.answer(states, time, given)
            states = flow.correct(states, outputs, time, following, segments=segments, source=source)
        outputs = model.answer(states, time, given)
        if i < steps - 1:
            states = flow.step(states, outputs, time, following, segments=segments, source=source)
    targets = flow.decode(states, outputs, time, segments=segments, source=source)
    return model.samples(targets, outputs, given, group)
