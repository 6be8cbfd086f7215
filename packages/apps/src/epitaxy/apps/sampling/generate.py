"""The sampling loop: prior, (network, step) x n, crystal."""

import dataclasses
import math
from collections.abc import Iterator, Sequence

import torch
from pymatgen.core import Structure

from epitaxy.apps.crystal_model import CrystalModel
from epitaxy.apps.errors import UsageError
from epitaxy.apps.progress import Progress, silent
from epitaxy.apps.sampling.request import Request
from epitaxy.data import to_structures
from epitaxy.flows import ProductFlow
from epitaxy.geometry import CrystalBatch, Segments, StructureRng, volume

MIN_VOLUME = 0.1
"""Cubic angstrom; a flatter cell is no crystal and is named as rejected, not written."""
MAX_LENGTH = 1e3
"""Angstrom."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One generated structure, or the reason why there is none."""

    request: Request
    structure: Structure | None
    reason: str | None = None


def generate(
    model: CrystalModel,
    requests: Sequence[Request],
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
        UsageError: a sampler that some flow of the model does not have.
    """
    model = model.to(device).eval()
    flow = with_sampler(model.flow, sampler).with_steps(steps)
    for start in range(0, len(requests), batch_size):
        group = requests[start : start + batch_size]
        possible = [request for request in group if request.refusal is None]
        made = (
            _made(model, flow, possible, steps=steps, device=torch.device(device)) if possible else iter(())
        )
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


def _made(
    model: CrystalModel, flow: ProductFlow, group: Sequence[Request], *, steps: int, device: torch.device
) -> Iterator[Sample]:
    return iter(_samples(_generate_batch(model, flow, group, steps=steps, device=device), group))


@torch.inference_mode()
def _generate_batch(
    model: CrystalModel, flow: ProductFlow, group: Sequence[Request], *, steps: int, device: torch.device
) -> CrystalBatch:
    segments = Segments.from_counts([request.num_atoms for request in group]).to(device)
    seeds = torch.tensor([request.seed for request in group], dtype=torch.int64, device=device)
    source = StructureRng(seeds, segments)
    species = None
    if model.recipe.task == "csp":
        numbers = [z for request in group for z in request.numbers or ()]
        species = model.encode(torch.tensor(numbers, device=device))
    states = flow.prior(model.blank(segments), segments=segments, source=source)
    for i in range(steps):
        time = torch.full((len(group),), i / steps, device=device)
        following = torch.full_like(time, (i + 1) / steps)
        for _ in range(flow.corrections):
            outputs = model.predict(states, time, segments=segments, species=species)
            states = flow.correct(states, outputs, time, following, segments=segments, source=source)
        outputs = model.predict(states, time, segments=segments, species=species)
        if i < steps - 1:
            states = flow.step(states, outputs, time, following, segments=segments, source=source)
    targets = flow.decode(states, outputs, time, segments=segments, source=source)
    ids = tuple(request.id for request in group)
    return model.crystals(targets, segments=segments, species=species, ids=ids)


def _samples(crystals: CrystalBatch, group: Sequence[Request]) -> list[Sample]:
    crystals = crystals.to("cpu")
    faults = [_fault(crystals, k) for k in range(len(group))]
    sound = [k for k, fault in enumerate(faults) if fault is None]
    structures = dict(zip(sound, to_structures(crystals.select(sound)) if sound else [], strict=True))
    return [
        Sample(request=request, structure=structures.get(k), reason=faults[k])
        for k, request in enumerate(group)
    ]


def _fault(crystals: CrystalBatch, k: int) -> str | None:
    """Say why crystal ``k`` cannot be written down, or None."""
    lattice = crystals.lattice[k]
    start, end = int(crystals.segments.offsets[k]), int(crystals.segments.offsets[k + 1])
    if not (lattice.isfinite().all() and crystals.positions[start:end].isfinite().all()):
        return "a coordinate or lattice entry is not a number"
    space = float(volume(lattice))
    if not space >= MIN_VOLUME:
        return f"the cell is flat: {space:.2g} cubic angstrom"
    longest = float(lattice.norm(dim=-1).max())
    if not (longest <= MAX_LENGTH and math.isfinite(longest)):
        return f"a cell edge of {longest:.3g} angstrom"
    return None
