"""Draws from the circular flow distribution, n = 1000: the bank against the all-at-once form.

Both draw a training batch's worth of beliefs, 256 crystals of 10 atoms, at steps uniform on 1..n. They are
timed in turn in one process; the figure is the ratio of the medians. The bank's refreshing, which training
pays for beside its steps, is charged to the second ratio.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch

from epitaxy.flows import CircularBFN, EntropySchedule

N, ROWS, REPEATS, REFRESH_EVERY = 1000, 2560, 5, 20


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(ROWS, 3, generator=generator)
    bank = CircularBFN(schedule=EntropySchedule(1000.0, N), draw="bank")
    exact = replace(bank, draw="all_at_once")
    filling = seconds(lambda: bank.corrupt(x, torch.zeros(ROWS), rng=generator))

    def times() -> torch.Tensor:
        return torch.randint(N, (ROWS,), generator=generator) / N

    one_refresh = []
    quick, slow = [], []
    for repeat in range(REPEATS):
        slow.append(seconds(lambda: exact.corrupt(x, times(), rng=generator)))
        bank.refresh(repeat)
        one_refresh.append(seconds(lambda: bank.corrupt(x, times(), rng=generator)))
        quick += [seconds(lambda: bank.corrupt(x, times(), rng=generator)) for _ in range(20)]
    draw, all_at_once, refreshed = map(statistics.median, (quick, slow, one_refresh))
    per_step = draw + (refreshed - draw) / REFRESH_EVERY
    print(f"{ROWS} x 3 coordinates, n = {N}, {torch.get_num_threads()} threads, medians")
    print(f"all at once          {all_at_once * 1e3:9.2f} ms")
    print(f"bank                 {draw * 1e3:9.2f} ms   {all_at_once / draw:6.0f} times as fast")
    print(f"bank with refreshes  {per_step * 1e3:9.2f} ms   {all_at_once / per_step:6.0f} times as fast")
    print(f"(one refresh every {REFRESH_EVERY} steps; filling the bank once took {filling:.2f} s)")


if __name__ == "__main__":
    main()
