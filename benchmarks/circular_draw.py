"""Draws from the circular flow distribution, n = 1000: the bank against the all-at-once form.

Both draw a training batch's worth of beliefs, 256 crystals of 10 atoms, at steps uniform on 1..n. They are
timed in turn in one process; the figure is the ratio of the medians. The bank's refreshing, which training
pays for beside its steps, is charged to the second ratio.

Then the draws of one structure of 10 atoms made in n steps by `end_back`: from the tabulated law, by summing
the messages anew, and by `bayes`, which draws one message a step. Tabulating, once a process, is told apart.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch

from epitaxy.flows import CircularBFN, EntropySchedule
from epitaxy.flows.resultant_law import resultant_law

N, ROWS, REPEATS, REFRESH_EVERY = 1000, 2560, 5, 20


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def one_structure(flow: CircularBFN) -> Callable[[], object]:
    """Return the work of drawing every state of one structure, without a network."""
    x = torch.rand(10, 3, generator=torch.Generator().manual_seed(0))

    def work() -> object:
        rng = torch.Generator().manual_seed(1)
        state = flow.prior(x, rng=rng)
        for i in range(N - 1):
            t, s = torch.full((len(x),), i / N), torch.full((len(x),), (i + 1) / N)
            state = flow.step(state, torch.zeros_like(x), t, s, rng=rng)
        return state

    return work


def end_back() -> None:
    """Compare the samplers' draws."""
    fresh = CircularBFN(schedule=EntropySchedule(1000.0, N), sampler="end_back")
    fresh.schedule.accuracies()
    tabulating = seconds(lambda: resultant_law(fresh.schedule, torch.device("cpu")))
    flows = {
        "end_back, tabulated": fresh,
        "end_back, summed": replace(fresh, draw="all_at_once"),
        "bayes": replace(fresh, sampler="bayes"),
    }
    print(f"one structure of 10 atoms, {N} steps (tabulating once: {tabulating:.2f} s)")
    taken: dict[str, list[float]] = {name: [] for name in flows}
    for _ in range(3):
        for name, flow in flows.items():
            taken[name].append(seconds(one_structure(flow)))
    for name, times in taken.items():
        print(f"{name:20s} {statistics.median(times):9.3f} s")


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
    end_back()


if __name__ == "__main__":
    main()
