"""What a GPU makes of every model: one command, one JSON, under nine minutes, the wheels and nothing else.

python benchmarks/gpu.py [--out gpu.json] [--device auto] [--minutes 8] [--tiny]

Every model at its paper's size, on the crystals and molecules that come with the package: agreement with
the CPU, steps of training (float32 and bfloat16, with and without torch.compile, beside the edge-list
forms) and steps of sampling, and from these the cost of 10,000 samples at the paper's number of steps; and
the same of models that are told properties, sampled with guidance. What time runs out for, or fails, is in
the JSON as a sentence, not left out. ``--tiny`` is the dry run: the same on narrow networks, on a CPU if need
be.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from epitaxy.apps.asymmetric_units import requests as units
from epitaxy.apps.asymmetric_units.symmetry import Symmetry
from epitaxy.apps.config import apply_overrides
from epitaxy.apps.crystals import requests as crystals
from epitaxy.apps.foundation.devices import chosen_device, compile_network, sent
from epitaxy.apps.foundation.files import write_text
from epitaxy.apps.foundation.names import ModelName, Task
from epitaxy.apps.generative.dataset import Dataset
from epitaxy.apps.generative.kind import AnyModel, kind_of
from epitaxy.apps.generative.recipes import preset
from epitaxy.apps.molecules import requests as molecules
from epitaxy.apps.sampling.generate import generate
from epitaxy.apps.training.averaging import AveragedNetwork
from epitaxy.apps.training.optimiser import optimiser
from epitaxy.apps.training.times import stratified_times
from epitaxy.geometry import SharedRng
from epitaxy.models.testing import EdgeListCSPNet, EdgeListEGNN, EdgeListWyckoffNet

TOLERANCE = {"float32": 1e-3, "bfloat16": 5e-2}
"""Relative, of losses on the GPU beside the CPU's in float32."""
SAMPLES = 10_000
PEAKS = {"H100": (67e12, 989e12), "H200": (67e12, 989e12), "A100": (19.5e12, 312e12)}
"""Operations a second without sparsity that vendors state, in float32 and in bfloat16 (SXM)."""


@dataclass(frozen=True)
class Subject:
    """A model at its paper's size, with this many structures a batch."""

    name: str
    model: ModelName
    task: Task
    batch: int
    words: tuple[str, ...] = ()
    edge_list: bool = False
    compiled: bool = True

    @property
    def data(self) -> str:
        """The data that come with the package."""
        return "g2" if self.model == "geobfn" else "prototypes"


ROTARY = ("network.kind=rotary",)
DENSITY, ZPE = (f'conditioning.properties=["{name}"]' for name in ("density", "zpe"))
GUIDANCE = 1.5
"""What models that are told properties are sampled with: the network runs twice a step."""
SUBJECTS = (
    Subject("crysbfn", "crysbfn", "csp", 256, edge_list=True),
    Subject("crysbfn rotary", "crysbfn", "csp", 256, ROTARY),
    Subject("kldm", "kldm", "csp", 256, edge_list=True),
    Subject("kldm rotary", "kldm", "csp", 256, ROTARY),
    Subject("symmbfn", "symmbfn", "dng", 256, edge_list=True),
    Subject("geobfn", "geobfn", "dng", 64, edge_list=True),
    Subject("crysbfn told", "crysbfn", "csp", 256, (DENSITY,), compiled=False),
    Subject("kldm rotary told", "kldm", "csp", 256, (*ROTARY, DENSITY), compiled=False),
    Subject("symmbfn told", "symmbfn", "dng", 256, (DENSITY,), compiled=False),
    Subject("geobfn told", "geobfn", "dng", 64, (ZPE,), compiled=False),
)


@dataclass
class Bench:
    """What the run goes by, and what it has found."""

    device: torch.device
    tiny: bool
    deadline: float
    found: dict[str, Any] = field(default_factory=dict)

    def measure(self, name: str, work: Callable[[], Any]) -> None:
        """Do one piece of work and keep what it says; a failure is a finding."""
        if time.monotonic() > self.deadline:
            self.found[name] = "not measured: out of time"
            return
        began = time.monotonic()
        try:
            self.found[name] = work()
        except Exception as error:
            self.found[name] = f"failed: {type(error).__name__}: {str(error).strip().splitlines()[0][:300]}"
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
        print(f"{time.monotonic() - began:7.1f} s  {name}: {json.dumps(self.found[name])}", flush=True)

    def wait(self) -> None:
        """Wait until the device has done all it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def per_call(self, work: Callable[[], Any], seconds: float) -> float:
        """Return seconds a call, after three that warm up (one in a dry run)."""
        for _ in range(1 if self.tiny else 3):
            work()
        self.wait()
        began, calls = time.perf_counter(), 0
        while calls == 0 or time.perf_counter() - began < seconds:
            work()
            calls += 1
            self.wait()
        return (time.perf_counter() - began) / calls


@cache
def dataset(subject: Subject) -> Dataset:
    """Load the training split."""
    recipe: Any = preset("paper", model=subject.model, task=subject.task, dataset=subject.data)
    return kind_of(subject.model).load(recipe, "train", None)


def build(subject: Subject, *, tiny: bool) -> AnyModel:
    """Return the model with fresh weights, the same every time."""
    torch.manual_seed(0)
    base = preset("paper", model=subject.model, task=subject.task, dataset=subject.data)
    small = ("network.hidden=16", "network.layers=1") if tiny else ()
    recipe = apply_overrides(base, [*subject.words, *small])
    family = kind_of(subject.model)
    model = family.build(recipe, family.summarise(dataset(subject)))
    if tiny and model.flow.grid is not None:
        model.flow = model.flow.with_steps(20)
    model.flow.refresh(0)
    return model


def with_edge_list(model: AnyModel) -> AnyModel:
    """Let the network compute as the published ones do, one edge after the other, with the same weights."""
    network: Any = model.network
    match model.recipe.model:
        case "geobfn":
            network.egnn.__class__ = EdgeListEGNN
        case "symmbfn":
            network.__class__ = EdgeListWyckoffNet
        case _:
            network.__class__ = EdgeListCSPNet
    return model


def batch_of(subject: Subject, bench: Bench) -> Any:
    """Return a batch of the paper's size, structures repeated where there are too few."""
    data, size = dataset(subject), 4 if bench.tiny else subject.batch
    mixed = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))
    return data.batch(mixed[torch.arange(size) % len(data)])


def losses(model: AnyModel, batch: Any, noise: torch.Generator) -> dict[str, Tensor]:
    """Return the losses with this noise."""
    times = stratified_times(batch.segments.num_graphs, model.flow.grid, noise)
    return model.losses(batch, times, source=SharedRng(noise))


def precise(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """Return what makes the network compute in this precision."""
    return torch.autocast(device.type, dtype=torch.bfloat16) if precision == "bfloat16" else nullcontext()


def agreement(subject: Subject, bench: Bench, precision: str) -> dict[str, Any]:
    """Compare losses on the device with the CPU's, of the same noise."""
    model, batch = build(subject, tiny=bench.tiny), batch_of(subject, bench)
    batch = batch.select(range(min(16, batch.segments.num_graphs)))
    with torch.no_grad():
        expected = losses(model, batch, torch.Generator().manual_seed(1))
        with precise(bench.device, precision):
            there = batch.to(bench.device)
            # The same numbers: a CPU generator's, sent there.
            noise = torch.Generator().manual_seed(1)
            times = stratified_times(batch.segments.num_graphs, model.flow.grid, noise).to(bench.device)
            found = model.to(bench.device).losses(there, times, source=SharedRng(noise))
    off = {name: abs(float(found[name]) / float(value) - 1) for name, value in expected.items()}
    return {
        "relative": off,
        "tolerance": TOLERANCE[precision],
        "agrees": max(off.values()) < TOLERANCE[precision],
    }


def training(
    subject: Subject, bench: Bench, precision: str, *, compiled: bool = False, edge_list: bool = False
) -> dict[str, float]:
    """Time steps of training: loss, backward, optimiser, averaged weights."""
    model = build(subject, tiny=bench.tiny)
    model = (with_edge_list(model) if edge_list else model).to(bench.device)
    averaged = AveragedNetwork(model.network, 0.999)
    if compiled:
        compile_network(model.network, "aot_eager" if bench.tiny else "inductor")
    stepper = optimiser(model.network, model.recipe.training)
    batch = sent(batch_of(subject, bench), bench.device)
    noise = torch.Generator(bench.device).manual_seed(0)

    def step() -> None:
        with precise(bench.device, precision):
            total = model.weighted(losses(model, batch, noise))
        stepper.zero_grad()
        torch.autograd.backward(total)
        stepper.step()
        averaged.update_parameters(model.network)

    if bench.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = bench.per_call(step, 0.0 if bench.tiny else 2.0)
    structures = batch.segments.num_graphs
    result = {
        "seconds_a_step": seconds,
        "structures_a_second": structures / seconds,
        "structures": structures,
        "rows": batch.segments.num_atoms,
    }
    if not compiled:
        with FlopCounterMode(display=False) as counted:
            step()
        result["operations_a_second"] = counted.get_total_flops() / seconds
        result |= share_of_peak(result["operations_a_second"], precision, bench.device)
    if bench.device.type == "cuda":
        result["peak_memory_gib"] = torch.cuda.max_memory_allocated() / 2**30
    return result


def share_of_peak(rate: float, precision: str, device: torch.device) -> dict[str, float]:
    """Return what share of the stated peak a rate is, for GPUs whose peak is known."""
    name = torch.cuda.get_device_name() if device.type == "cuda" else ""
    for word, peaks in PEAKS.items():
        if word in name:
            return {"share_of_peak": rate / peaks[precision == "bfloat16"]}
    return {}


def sampling(subject: Subject, bench: Bench, precision: str, *, compiled: bool = False) -> dict[str, float]:
    """Time sampling at two numbers of steps; their difference gives a step, and what 10,000 samples cost."""
    model = build(subject, tiny=bench.tiny)
    forward = model.network.forward

    def precisely(**words: Any) -> Any:  # the network alone: flows and cells are made in full precision
        with precise(bench.device, precision):
            return forward(**words)

    model.network.forward = precisely
    if compiled:
        compile_network(model.network, "aot_eager" if bench.tiny else "inductor")
    size = 4 if bench.tiny else 1024
    requests = given_for(subject, model, size)
    few, many = (2, 3) if bench.tiny else (5, 15)

    def made(steps: int) -> float:
        began = time.perf_counter()
        for _ in generate(model, requests, steps=steps, batch_size=size, device=bench.device):
            pass
        bench.wait()
        return time.perf_counter() - began

    made(few)
    short, long = made(few), made(many)
    step = (long - short) / (many - few)
    around = max(short - few * step, 0.0)
    steps = model.recipe.sampling.steps
    return {
        "structures": len(requests),
        "milliseconds_a_step_and_sample": 1000 * step / len(requests),
        "milliseconds_a_sample_beside_steps": 1000 * around / len(requests),
        "steps": steps,
        f"seconds_for_{SAMPLES}_extrapolated": SAMPLES / len(requests) * (steps * step + around),
    }


def given_for(subject: Subject, model: Any, size: int) -> list[Any]:
    """Return requests for as many structures as the training data have, or are like, told mean properties."""
    statistics: Any = model.statistics
    targets = {name: statistics.properties[name].mean for name in model.conditions.names}
    requests: list[Any]
    match subject.model:
        case "geobfn":
            requests = list(molecules.for_sizes((), statistics, num=size, seed=0, targets={}))
        case "symmbfn":
            requests = list(units.for_groups(Symmetry(), statistics, num=size, seed=0, targets={}))
        case _:
            data: Any = dataset(subject)
            cells = torch.split(data.numbers, data.counts.tolist())
            known = {name: cell.tolist() for name, cell in zip(data.ids[:size], cells[:size], strict=True)}
            each = -(-size // len(known))
            requests = list(crystals.for_compositions(known, statistics, num=each, seed=0))[:size]
    guidance = GUIDANCE if targets else 0.0
    return [replace(one, targets=targets, guidance=guidance) for one in requests]


def pieces(bench: Bench) -> Iterator[tuple[str, Callable[[], Any]]]:
    """List what is measured, what matters most first."""
    for precision in ("float32", "bfloat16"):
        for one in SUBJECTS:
            yield (
                f"{one.name}: agrees with the CPU, {precision}",
                partial(agreement, one, bench, precision),
            )
    for precision in ("float32", "bfloat16"):
        for one in SUBJECTS:
            yield f"{one.name}: training, {precision}", partial(training, one, bench, precision)
            yield f"{one.name}: sampling, {precision}", partial(sampling, one, bench, precision)
    for one in SUBJECTS:
        if one.edge_list:
            yield (
                f"{one.name}: training, float32, edge list",
                partial(training, one, bench, "float32", edge_list=True),
            )
    for one in SUBJECTS:
        if not one.compiled:
            continue
        for precision in ("bfloat16", "float32"):
            yield (
                f"{one.name}: training, {precision}, compiled",
                partial(training, one, bench, precision, compiled=True),
            )
        yield (
            f"{one.name}: sampling, float32, compiled",
            partial(sampling, one, bench, "float32", compiled=True),
        )


def ratios(found: dict[str, Any]) -> dict[str, float]:
    """Return how many times as fast each model trains as its edge-list form."""
    result = {}
    for one in SUBJECTS:
        fast, plain = (found.get(f"{one.name}: training, float32{form}") for form in ("", ", edge list"))
        if isinstance(fast, dict) and isinstance(plain, dict):
            result[one.name] = plain["seconds_a_step"] / fast["seconds_a_step"]
    return result


def main() -> int:
    """Measure, write the JSON, and fail if the device and the CPU disagree."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--minutes", type=float, default=8.0, help="begin nothing after so many")
    parser.add_argument("--tiny", action="store_true", help="a dry run on narrow networks")
    parser.add_argument("--only", default="", help="measure what has this in its name")
    parser.add_argument("--uncompiled", action="store_true", help="leave torch.compile out")
    words = parser.parse_args()
    device = torch.device(chosen_device(words.device))
    if device.type == "cpu" and not words.tiny:
        print("no CUDA device here: --tiny for a dry run", file=sys.stderr)
        return 2
    bench = Bench(device=device, tiny=words.tiny, deadline=time.monotonic() + 60 * words.minutes)
    for name, work in pieces(bench):
        if words.only in name and (not words.uncompiled or "compiled" not in name):
            bench.measure(name, work)
    machine = torch.cuda.get_device_name() if device.type == "cuda" else platform.machine()
    report = {
        "device": machine,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "dry_run": words.tiny,
        "edge_list_over_fast": ratios(bench.found),
        "measured": bench.found,
    }
    write_text(words.out, json.dumps(report, indent=2) + "\n")
    print(f"written to {words.out}")
    agreed = [x["agrees"] for x in bench.found.values() if isinstance(x, dict) and "agrees" in x]
    failed = [name for name, x in bench.found.items() if isinstance(x, str) and x.startswith("failed")]
    return 0 if all(agreed) and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
