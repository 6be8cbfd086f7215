"""One set of weights under every sampler and number of steps: match rate, RMSE and time in one table.

python benchmarks/samplers.py RUN|MODEL DATASET [--samplers a b] [--steps 10 50 100] [--limit 500] [--protocol
crysbfn]

Predicts a structure for each of the test split's compositions (``--limit`` of them, drawn with a fixed seed)
and prints a line of Markdown after each sampler and number of steps. ``recipe`` is the recipe's own sampler.
Each request is drawn once, as in papers: none is drawn anew for atoms too close.
Seconds are wall-clock seconds a structure, sampling only; evaluations are the network's, a structure.
"""

import argparse
import os
import time
from collections.abc import Mapping, Sequence

from pymatgen.core import Structure

from epitaxy.apps.data import compositions, load_split
from epitaxy.apps.generator import CrystalGenerator
from epitaxy.apps.sampling.crystals import CrystalRequest, for_compositions
from epitaxy.apps.sampling.generate import with_sampler
from epitaxy.eval import CSPResult, match_csp


def score(
    generator: CrystalGenerator,
    requests: Sequence[CrystalRequest],
    truths: Mapping[str, Structure],
    *,
    sampler: str | None,
    steps: int,
    protocol: str,
) -> tuple[CSPResult, float]:
    """Sample and match; return the result and the seconds that sampling took."""
    started = time.perf_counter()
    samples = generator.samples(requests, steps=steps, sampler=sampler, redraws=0)
    seconds = time.perf_counter() - started
    predictions: dict[str, list[Structure | None]] = {name: [] for name in truths}
    for sample in samples:
        predictions[sample.request.id].append(sample.crystal)
    return match_csp(predictions, truths, protocol=protocol, workers=os.cpu_count() or 1), seconds


def main() -> None:
    """Parse the words, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("dataset")
    parser.add_argument("--samplers", nargs="+", default=["recipe"])
    parser.add_argument("--steps", nargs="+", type=int, default=[10, 50, 100])
    parser.add_argument("--limit", type=int, default=500)
    parser.add_argument("--protocol", default="crysbfn")
    parser.add_argument("--seed", type=int, default=0)
    words = parser.parse_args()
    generator = CrystalGenerator.load(words.model)
    dataset = load_split(words.dataset, "test", limit=words.limit)
    truths = dict(zip(dataset.ids, dataset.structures(), strict=True))
    requests = for_compositions(compositions(dataset), generator.model.statistics, num=1, seed=words.seed)
    print(f"{words.model}, {len(truths)} test crystals of {words.dataset}, protocol {words.protocol}\n")
    print("| sampler | steps | evaluations | match rate | 95 % interval | RMSE | seconds |")
    print("|---|---|---|---|---|---|---|")
    for name in words.samplers:
        sampler = None if name == "recipe" else name
        each = 1 + with_sampler(generator.model.flow, sampler).corrections
        for steps in words.steps:
            result, seconds = score(
                generator, requests, truths, sampler=sampler, steps=steps, protocol=words.protocol
            )
            rate, rmse = result.match_rate(1) or 0.0, result.rmse(1)
            low, high = result.report().intervals["match_rate@1"]
            row = [name, steps, each * steps, f"{100 * rate:.1f} %", f"{100 * low:.1f} to {100 * high:.1f}"]
            row += ["none" if rmse is None else f"{rmse:.3f}", f"{seconds / len(requests):.3f}"]
            print(f"| {' | '.join(map(str, row))} |", flush=True)


if __name__ == "__main__":
    main()
