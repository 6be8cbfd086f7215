"""Measure CSPNet against its edge-list form: time, share of the machine's matrix-multiply rate, peak memory.

python benchmarks/cspnet.py [--threads 2] [--crystals 256] [--repeats 5] [--size paper|small]

One step is forward and backward on cells with the atom counts of mp_20's training split. The two forms have the
same weights and take turns, with matrix products of known cost between them, so that whatever else the machine
does meets all three. Medians are printed, of the wall clock and of this process's processor seconds; where others
use the machine, the latter on one thread say more. Peak memory is that of a fresh process that takes one step,
less what the process had before it.
"""

import argparse
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from epitaxy.geometry import Segments
from epitaxy.models import CSPNet, fourier_pairs
from epitaxy.models.testing import CrystalInput, EdgeListCSPNet

# How many of mp_20's 27,136 training crystals have 1, 2, ... 20 atoms.
COUNTS = (
    59,
    572,
    538,
    4144,
    1279,
    2297,
    572,
    2119,
    932,
    2640,
    361,
    2624,
    585,
    1770,
    390,
    1819,
    264,
    1443,
    287,
    2441,
)
SIZES = {
    "paper": {"hidden": 512, "layers": 6, "frequencies": 128},
    "small": {"hidden": 128, "layers": 4, "frequencies": 16, "time_dim": 64},
}
FORMS = {"fast": CSPNet, "edge list": EdgeListCSPNet}


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


def crystals(number: int) -> CrystalInput:
    """Random crystals with mp_20's numbers of atoms."""
    rng = torch.Generator().manual_seed(0)
    counts = 1 + torch.multinomial(torch.tensor(COUNTS, dtype=torch.float), number, True, generator=rng)
    segments = Segments.from_counts(counts)
    atoms = segments.num_atoms
    return CrystalInput(
        segments=segments,
        positions=torch.rand(atoms, 3, generator=rng),
        lattice=torch.randn(number, 3, 3, generator=rng),
        species=torch.randint(89, (atoms,), generator=rng),
        time=torch.rand(number, generator=rng),
        conditions=torch.rand(atoms, 3, generator=rng),
    )


def build(form: str, size: str) -> CSPNet:
    """The network in one of its forms; both have the same weights."""
    torch.manual_seed(0)
    return FORMS[form](species=89, species_input="index", predict_species=True, **SIZES[size])


def step(network: CSPNet, x: CrystalInput) -> None:
    """Forward and backward."""
    y = network(**vars(x))
    (y.positions.square().sum() + y.lattice.square().sum() + y.species.square().sum()).backward()
    network.zero_grad()


def necessary_flops(network: CSPNet, x: CrystalInput) -> float:
    """Floating-point operations of the fast form's matrix products in one step, layers only.

    Pair features are multiplied twice (no gradient flows into them), everything else three times.
    """
    hidden = network.norm.normalized_shape[0]
    features, pairs = fourier_pairs(x.positions, x.segments.pairs(), network.frequencies)
    pair = 2 * (features.odd.shape[1] + features.even.shape[1]) * hidden
    edge, atom = 3 * hidden**2, 3 * 5 * hidden**2
    number = len(pairs.i)
    atoms = x.segments.num_atoms
    return 2.0 * len(network.layers) * (number * pair + (2 * number + atoms) * edge + atoms * atom)


def products(size: int = 1536) -> Callable[[], float]:
    """Return what measures the matrix-multiply rate, in operations a second of the wall clock."""
    a, b, out = torch.rand(size, size), torch.rand(size, size), torch.empty(size, size)
    return lambda: 2.0 * size**3 / timed(lambda: torch.mm(a, b, out=out)).wall


def peak_memory(form: str, size: str, number: int, threads: int) -> int:
    """Bytes that one step adds to a process, measured in one that does nothing else."""
    torch.set_num_threads(threads)
    network, x = build(form, size), crystals(number)
    with open("/proc/self/statm") as statm:
        before = int(statm.read().split()[1]) * resource.getpagesize()
    step(network, x)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before


def compare(size: str, number: int, repeats: int) -> None:
    """Let the forms take turns and print what came out."""
    x = crystals(number)
    networks = {form: build(form, size) for form in FORMS}
    rate = products()
    for network in networks.values():
        step(network, x)
    seconds: dict[str, list[Seconds]] = {form: [] for form in FORMS}
    rates = []
    for _ in range(repeats):
        for form, network in networks.items():
            rates += [rate() for _ in range(3)]
            seconds[form].append(timed(lambda network=network: step(network, x)))
    wall = {form: statistics.median(s.wall for s in seconds[form]) for form in FORMS}
    processor = {form: statistics.median(s.processor for s in seconds[form]) for form in FORMS}
    for form in FORMS:
        print(
            f"{form:10} {wall[form]:8.3f} s wall {processor[form]:8.3f} s processor {1 / wall[form]:7.2f} steps/s"
        )
    ratios = [b.wall / a.wall for a, b in zip(*seconds.values(), strict=True)]
    print(
        f"speed-up   {wall['edge list'] / wall['fast']:8.2f} wall (turn by turn {min(ratios):.2f} to {max(ratios):.2f})"
        f" {processor['edge list'] / processor['fast']:8.2f} processor"
    )
    flops = necessary_flops(networks["fast"], x)
    best, median = max(rates), statistics.median(rates)
    print(
        f"sgemm      {best / 1e9:8.0f} GFLOP/s at best, {median / 1e9:.0f} median; fast form {flops / 1e9:.0f} GFLOP a step:"
        f" {flops / wall['fast'] / best:.0%} of the best, {flops / wall['fast'] / median:.0%} of the median"
    )


def main() -> None:
    """Parse the words and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--crystals", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--size", choices=SIZES, default="paper")
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    x = crystals(words.crystals)
    edges = int(x.segments.counts.square().sum())
    print(
        f"{words.size} size {SIZES[words.size]}, {words.crystals} crystals, {x.segments.num_atoms} atoms, {edges} edges, "
        f"{words.threads} threads, torch {torch.__version__}, load {os.getloadavg()[0]:.1f} at the start"
    )
    compare(words.size, words.crystals, words.repeats)
    spawn = multiprocessing.get_context("spawn")
    peaks = {}
    for form in FORMS:
        with spawn.Pool(1) as pool:
            peaks[form] = pool.apply(peak_memory, (form, words.size, words.crystals, words.threads))
    fast, plain = peaks["fast"] / 2**20, peaks["edge list"] / 2**20
    print(
        f"peak memory of a step: fast {fast:.0f} MiB, edge list {plain:.0f} MiB: {fast / plain:.2f} of it; "
        f"load {os.getloadavg()[0]:.1f} at the end"
    )


if __name__ == "__main__":
    main()
