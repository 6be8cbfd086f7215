"""Measure CSPNet against its edge-list form: time, share of the machine's matrix-multiply rate, peak memory.

python benchmarks/cspnet.py [--network crysbfn|kldm|symmbfn] [--size paper|small]
                            [--threads 2] [--crystals 256] [--repeats 5]

One step is forward and backward on cells with the atom counts of mp_20's training split; WyckoffNet's
(symmbfn) is on asymmetric units with counts of orbits of that kind. The two forms have
the same weights and take turns, with matrix products of known cost between them, so that whatever else the
machine does meets all three. Medians are printed, of the wall clock and of this process's processor
seconds; where others use the machine, the latter on one thread say more. Peak memory is that of a fresh
process that takes one step, less what the process had before it.
"""

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from epitaxy.geometry import Segments
from epitaxy.models import CrystalNetOutput, CSPNet, WyckoffNet, WyckoffNetOutput
from epitaxy.models.testing import (
    CrystalInput,
    EdgeListCSPNet,
    EdgeListWyckoffNet,
    random_asymmetric_units,
    random_crystals,
)

Network = CSPNet | WyckoffNet

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
# Of WyckoffNet: shares of asymmetric units with 1, 2, ... 12 orbits, 5.2 on average; not counted in data.
ORBITS = (2, 6, 15, 20, 18, 13, 10, 7, 4, 2, 2, 1)
SIZES = {
    "paper": {"hidden": 512, "layers": 6, "frequencies": 128},
    "small": {"hidden": 128, "layers": 4, "frequencies": 16},
}
NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "crysbfn": {"species": 89, "species_input": "index", "species_output": 89},
    "kldm": {
        "species": 101,
        "species_input": "index",
        "lattice": "parameters",
        "velocities": True,
        "time_embedding": "gaussian",
        "position_head": "two_layer",
        "position_conditions": 0,
    },
    "symmbfn": {"species": 94},
}
# 64 at the small size
TIME_DIMS = {("crysbfn", "paper"): 128, ("kldm", "paper"): 256, ("symmbfn", "paper"): 128}
FORMS = ("fast", "edge list")
CLASSES: Mapping[str, tuple[Callable[..., Network], Callable[..., Network]]] = {
    "crysbfn": (CSPNet, EdgeListCSPNet),
    "kldm": (CSPNet, EdgeListCSPNet),
    "symmbfn": (WyckoffNet, EdgeListWyckoffNet),
}
FIELDS = ("positions", "lattice", "species", "symmetry")


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


def crystals(number: int, network: str) -> CrystalInput:
    """Random crystals with mp_20's numbers of atoms."""
    rng = torch.Generator().manual_seed(0)
    shares = torch.tensor(ORBITS if network == "symmbfn" else COUNTS, dtype=torch.float)
    counts = 1 + torch.multinomial(shares, number, True, generator=rng)
    words = NETWORKS[network]
    if network == "symmbfn":
        return random_asymmetric_units(Segments.from_counts(counts), rng=rng, species=words["species"])
    return random_crystals(
        Segments.from_counts(counts),
        rng=rng,
        species=words["species"],
        channels=words.get("position_conditions", 3),
        lattice=words.get("lattice", "matrix"),
        velocities=words.get("velocities", False),
    )


def build(form: str, network: str, size: str) -> Network:
    """The network in one of its forms; both have the same weights."""
    torch.manual_seed(0)
    time_dim = TIME_DIMS.get((network, size), 64)
    return CLASSES[network][FORMS.index(form)](**NETWORKS[network], **SIZES[size], time_dim=time_dim)


def loss(network: Network, x: CrystalInput) -> torch.Tensor:
    """A number that every output counts in."""
    return torch.stack([y.square().sum() for y in fields(network(**x.words()))]).sum()


def fields(output: CrystalNetOutput | WyckoffNetOutput) -> list[torch.Tensor]:
    """All that a network gives."""
    every = (getattr(output, name, None) for name in FIELDS)
    return [field for field in every if field is not None]


def step(network: Network, x: CrystalInput) -> None:
    """Forward and backward."""
    torch.autograd.backward(loss(network, x))
    network.zero_grad()


def difference(networks: dict[str, Network], x: CrystalInput) -> float:
    """The largest difference of the two forms' outputs."""
    with torch.no_grad():
        one, other = (fields(network(**x.words())) for network in networks.values())
    return max((a - b).abs().max().item() for a, b in zip(one, other, strict=True))


def necessary_flops(network: Network, x: CrystalInput) -> float:
    """Floating-point operations of the fast form's matrix products in one step, layers only.

    Pair features are multiplied twice (no gradient flows into them), everything else three times.
    """
    hidden = network.norm.normalized_shape[0]
    atoms, pairs = x.segments.num_atoms, len(x.segments.pairs().i)
    of_pairs = pairs * 2 * (6 * network.frequencies) * hidden
    of_edges = (2 * pairs + atoms) * 3 * hidden**2
    of_atoms = atoms * 3 * 5 * hidden**2
    return 2.0 * len(network.layers) * (of_pairs + of_edges + of_atoms)


def products(size: int = 1536) -> Callable[[], float]:
    """Return what measures the matrix-multiply rate, in operations a second of the wall clock."""
    a, b, out = torch.rand(size, size), torch.rand(size, size), torch.empty(size, size)
    return lambda: 2.0 * size**3 / timed(lambda: torch.mm(a, b, out=out)).wall


def peak_memory(form: str, network: str, size: str, number: int, threads: int) -> int:
    """Bytes that one step adds to a process, measured in one that does nothing else."""
    torch.set_num_threads(threads)
    model, x = build(form, network, size), crystals(number, network)
    before = memory("VmRSS")
    step(model, x)
    return memory("VmHWM") - before


def memory(field: str) -> int:
    """Bytes of this process: resident now (VmRSS) or at its peak (VmHWM)."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))


def take_turns(
    networks: dict[str, Network], x: CrystalInput, repeats: int
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


def report(seconds: dict[str, list[Seconds]], rates: list[float], flops: float) -> None:
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
    print(f"necessary  {flops / 1e9:8.0f} GFLOP a step")
    for name, rate in (("best", max(rates)), ("median", statistics.median(rates))):
        print(f"share      {flops / wall / rate:8.0%} of the {name} sgemm, {rate / 1e9:.0f} GFLOP/s")


def main() -> None:
    """Parse the words and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", choices=NETWORKS, default="crysbfn")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--crystals", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--size", choices=SIZES, default="paper")
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    x = crystals(words.crystals, words.network)
    edges = int(x.segments.counts.square().sum())
    size = f"{words.size} size {SIZES[words.size]}"
    print(f"{words.network}, {size}, torch {torch.__version__}, {words.threads} threads")
    print(f"{words.crystals} crystals, {x.segments.num_atoms} atoms, {edges} edges")
    print(f"load       {os.getloadavg()[0]:8.1f} at the start")
    networks = {form: build(form, words.network, words.size) for form in FORMS}
    print(f"outputs    {difference(networks, x):8.1e} apart at most")
    report(*take_turns(networks, x, words.repeats), necessary_flops(networks["fast"], x))
    spawn = multiprocessing.get_context("spawn")
    peaks = {}
    for form in FORMS:
        with spawn.Pool(1) as pool:
            peaks[form] = pool.apply(
                peak_memory, (form, words.network, words.size, words.crystals, words.threads)
            )
    fast, plain = peaks["fast"] / 2**20, peaks["edge list"] / 2**20
    print(f"memory     {fast:8.0f} MiB fast, {plain:.0f} MiB edge list: {fast / plain:.2f} of it")
    print(f"load       {os.getloadavg()[0]:8.1f} at the end")


if __name__ == "__main__":
    main()
