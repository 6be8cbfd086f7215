"""Measure preparation and reload of a dataset: wall clock, processor seconds, rejects, batches a second.

EPITAXY_DATA=/path/to/data python benchmarks/prepare.py [mp_20 ...] [--workers N]

Each split is prepared into an empty temporary cache, then loaded again in the same process. Imports are not
counted. Processor seconds include the workers'; on a busy machine they say more than the wall clock does.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable

import torch

from epitaxy.data import CrystalDataset, DataError, ShuffledBatches, Split


def processor_seconds() -> float:
    """User and system seconds of this process and of its finished children."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def timed(work: Callable[[], CrystalDataset]) -> tuple[CrystalDataset, float, float]:
    """Return a result, its wall-clock seconds and its processor seconds."""
    wall, processor = time.perf_counter(), processor_seconds()
    result = work()
    return result, time.perf_counter() - wall, processor_seconds() - processor


def batches_per_second(dataset: CrystalDataset, size: int = 256, seconds: float = 1.0) -> float:
    """How fast random training batches are gathered on one thread."""
    batches = ShuffledBatches(num=len(dataset), batch_size=min(size, len(dataset)), seed=0)
    start, step = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        dataset.batch(batches.indices(step))
        step += 1
    return step / (time.perf_counter() - start)


def measure(name: str, split: Split, workers: int | None) -> None:
    """Prepare one split, load it again, and print one line."""

    def load() -> CrystalDataset:
        return CrystalDataset.load(name, split, workers=workers)

    try:
        dataset, wall, processor = timed(load)
    except DataError as error:
        print(f"{name:18} {split:6} {error}")
        return
    _, reload_wall, _ = timed(load)
    rejects = dataset.prepared.rejects if dataset.prepared is not None else 0
    rate = batches_per_second(dataset)
    print(
        f"{name:18} {split:6} {len(dataset):7} crystals {rejects:5} rejects | prepare {wall:6.1f} s wall, "
        f"{processor:6.1f} s processor | load {reload_wall:5.2f} s | {rate:6.0f} batches/s"
    )


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["mp_20"])
    parser.add_argument("--workers", type=int, default=None)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["EPITAXY_CACHE"] = cache
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        for name in arguments.names:
            for split in ("train", "val", "test"):
                measure(name, split, arguments.workers)


if __name__ == "__main__":
    main()
