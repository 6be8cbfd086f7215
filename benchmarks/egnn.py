"""Measure EGNN against its edge-list form: time, share of the machine's matrix-multiply rate, peak memory.

python benchmarks/egnn.py [--hidden 256] [--layers 9] [--equivariance E(3)|SE(3)] [--threads 2]
                          [--molecules 64] [--repeats 5]

One step is forward and backward on molecules with the atom counts of QM9's training split, hydrogens
included. The two forms have the same weights and take turns, with matrix products of known cost between them,
so that whatever else the machine does meets all three. Medians are printed, of the wall clock and of this
process's processor seconds; where others use the machine, the latter on one thread say more. Peak memory is
that of a fresh process that takes one step, less what the process had before it.
"""

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch

from epitaxy.geometry import Segments
from epitaxy.models import EGNN
from epitaxy.models.testing import EdgeListEGNN, MoleculeInput, random_molecules

# How many of QM9's 100,000 training molecules have 3, 4, ... 29 atoms.
COUNTS = (
    *(1, 4, 5, 9, 16, 49, 124, 362, 807, 1689, 3060, 5136, 7796, 10644, 13025, 13364, 13832, 9482, 9970),
    *(3393, 4848, 539, 1506, 48, 266, 0, 25),
)
FEATURES, OUTPUTS = 17, 2  # GeoBFN's on QM9
FORMS = {"fast": EGNN, "edge list": EdgeListEGNN}


@dataclass(frozen=True)
class Size:
    """What is measured."""

    hidden: int
    layers: int
    equivariance: Literal["E(3)", "SE(3)"]
    molecules: int
    threads: int


@dataclass(frozen=True)
class Seconds:
    """Duration of one piece of work."""

    wall: float
    processor: float


def timed(work: Callable[[], object]) -> Seconds:
    """Do the work and say how long it took."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return Seconds(time.perf_counter() - wall, time.process_time() - processor)


def molecules(number: int) -> MoleculeInput:
    """Random molecules with QM9's numbers of atoms."""
    rng = torch.Generator().manual_seed(0)
    counts = 3 + torch.multinomial(torch.tensor(COUNTS, dtype=torch.float), number, True, generator=rng)
    return random_molecules(Segments.from_counts(counts), rng=rng, types=FEATURES, charges=False)


def build(form: str, size: Size) -> EGNN:
    """The network in one of its forms; both have the same weights."""
    torch.manual_seed(0)
    return FORMS[form](
        features=FEATURES,
        outputs=OUTPUTS,
        hidden=size.hidden,
        layers=size.layers,
        equivariance=size.equivariance,
    )


def step(network: EGNN, x: MoleculeInput) -> None:
    """Forward and backward."""
    y = network(segments=x.segments, positions=x.positions, features=x.types)
    (y.displacement.square().sum() + y.features.square().sum()).backward()
    network.zero_grad()


def difference(networks: dict[str, EGNN], x: MoleculeInput) -> float:
    """The largest difference of the two forms' outputs."""
    with torch.no_grad():
        one, other = (
            network(segments=x.segments, positions=x.positions, features=x.types)
            for network in networks.values()
        )
    fields = ("displacement", "features")
    return max(float((getattr(one, name) - getattr(other, name)).abs().max()) for name in fields)


def flops(size: Size, x: MoleculeInput) -> dict[str, float]:
    """Floating-point operations of each form's matrix products in one step, the layers' only."""
    atoms = x.segments.num_atoms
    edges = int((x.segments.counts**2).sum()) - atoms
    square = 2.0 * 3 * size.layers * size.hidden**2  # there and back, for inputs and for weights
    return {"fast": square * (2 * edges + 7 * atoms), "edge list": square * (6 * edges + 3 * atoms)}


def products(size: int = 1536) -> Callable[[], float]:
    """Return what measures the matrix-multiply rate, in operations a second of the wall clock."""
    a, b, out = torch.rand(size, size), torch.rand(size, size), torch.empty(size, size)
    return lambda: 2.0 * size**3 / timed(lambda: torch.mm(a, b, out=out)).wall


def peak_memory(form: str, size: Size) -> int:
    """Bytes that one step adds to a process, measured in one that does nothing else."""
    torch.set_num_threads(size.threads)
    network, x = build(form, size), molecules(size.molecules)
    before = memory("VmRSS")
    step(network, x)
    return memory("VmHWM") - before


def memory(field: str) -> int:
    """Bytes of this process: resident now (VmRSS) or at its peak (VmHWM)."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))


def take_turns(
    networks: dict[str, EGNN], x: MoleculeInput, repeats: int
) -> tuple[dict[str, list[Seconds]], list[float]]:
    """Durations of each form's steps, and matrix-multiply rates in between, after a step to warm up."""
    rate = products()
    for network in networks.values():
        step(network, x)
    seconds: dict[str, list[Seconds]] = {form: [] for form in networks}
    rates = []
    for _ in range(repeats):
        for form, network in networks.items():
            rates += [rate() for _ in range(3)]
            seconds[form].append(timed(partial(step, network, x)))
    return seconds, rates


def report(seconds: dict[str, list[Seconds]], rates: list[float], work: dict[str, float]) -> None:
    """Print medians and ratios."""
    fast, plain = seconds["fast"], seconds["edge list"]
    wall, plain_wall = (statistics.median(s.wall for s in form) for form in (fast, plain))
    processor, plain_processor = (statistics.median(s.processor for s in form) for form in (fast, plain))
    turns = [b.wall / a.wall for a, b in zip(fast, plain, strict=True)]
    print(f"fast       {wall:8.3f} s wall {processor:8.3f} s processor {1 / wall:8.2f} steps/s")
    each = f"{plain_processor:8.3f} s processor {1 / plain_wall:8.2f} steps/s"
    print(f"edge list  {plain_wall:8.3f} s wall {each}")
    print(f"speed-up   {plain_wall / wall:8.2f} by wall, {min(turns):.2f} to {max(turns):.2f} turn by turn")
    print(f"           {plain_processor / processor:8.2f} by processor seconds")
    print(f"products   {work['fast'] / 1e9:8.1f} GFLOP a step, edge list {work['edge list'] / 1e9:.1f}")
    for name, rate in (("best", max(rates)), ("median", statistics.median(rates))):
        print(f"share      {work['fast'] / wall / rate:8.0%} of the {name} sgemm, {rate / 1e9:.0f} GFLOP/s")


def main() -> None:
    """Parse the words and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=9)
    parser.add_argument("--equivariance", choices=("E(3)", "SE(3)"), default="E(3)")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--molecules", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    words = vars(parser.parse_args())
    repeats = words.pop("repeats")
    size = Size(**words)
    torch.set_num_threads(size.threads)
    x = molecules(size.molecules)
    edges = int((x.segments.counts**2).sum()) - x.segments.num_atoms
    print(f"{size}, torch {torch.__version__}")
    print(f"{size.molecules} molecules, {x.segments.num_atoms} atoms, {edges} edges")
    print(f"load       {os.getloadavg()[0]:8.1f} at the start")
    networks = {form: build(form, size) for form in FORMS}
    print(f"outputs    {difference(networks, x):8.1e} apart at most")
    report(*take_turns(networks, x, repeats), flops(size, x))
    spawn = multiprocessing.get_context("spawn")
    peaks = {}
    for form in FORMS:
        with spawn.Pool(1) as pool:
            peaks[form] = pool.apply(peak_memory, (form, size))
    fast, plain = peaks["fast"] / 2**20, peaks["edge list"] / 2**20
    print(f"memory     {fast:8.0f} MiB fast, {plain:.0f} MiB edge list: {fast / plain:.2f} of it")
    print(f"load       {os.getloadavg()[0]:8.1f} at the end")


if __name__ == "__main__":
    main()
