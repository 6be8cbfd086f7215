"""Is ``epitaxy search`` any good? Known test structures of mp_20, found from their compositions.

python benchmarks/search.py [--limit 60] [--seconds 60] [--arms models prototypes random all] [--split test]
    [--out FILE]

Compositions of mp_20's test split are drawn with a fixed seed: at most 12 atoms a cell, and no training
crystal has the same elements. Each is searched for the same processor time (models are loaded before) by
models alone, prototypes alone (of the training split), symmetric random structures alone, and all together.
The known structure counts as found if pymatgen's default ``StructureMatcher`` fits it to a relaxed candidate
as it is in mp_20; its rank is that of ``epitaxy search --rank-by probability``, and beside it stands how
often it is first by energy alone; ``lower`` counts searches that end more than 1 meV/atom below it, itself
relaxed by the same potential. Every search is a line of the file, which is read again: killed and started
again it goes on.
Writes Markdown to standard output.
"""

import argparse
import json
import random
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from epitaxy.apps.discovery.engine import Engine, PullSeconds
from epitaxy.apps.discovery.options import SearchOptions
from epitaxy.apps.discovery.plan import planned, proposers
from epitaxy.apps.discovery.proposals.proposal import Proposal, Proposer
from epitaxy.apps.discovery.proposals.stream import interleaved
from epitaxy.apps.discovery.question import Question, amounts_of, formula_of, parse_question
from epitaxy.apps.discovery.reference import Reference, load_reference
from epitaxy.apps.discovery.relaxing import Relaxer
from epitaxy.eval.intervals import wilson_interval
from epitaxy.eval.stability import Potential, Relaxed, RelaxSettings, load_potential

ARMS: Mapping[str, tuple[str, ...]] = {
    "models": ("models",),
    "prototypes": ("prototypes",),
    "random": ("random",),
    "all": ("models", "prototypes", "random"),
}
LARGEST = 12
SEED = 0
LOWER = 0.001
"""eV/atom."""


def compositions(train: Reference, test: Reference, num: int) -> list[tuple[str, Structure]]:
    """Draw test crystals of different compositions, whose elements no training crystal has together."""
    known = {frozenset(amounts) for amounts in train.amounts}
    order = list(range(len(test.ids)))
    random.Random(SEED).shuffle(order)
    chosen: dict[str, tuple[str, Structure]] = {}
    for n in order:
        formula = formula_of(test.amounts[n])
        if len(chosen) == num:
            break
        if formula in chosen or frozenset(test.amounts[n]) in known:
            continue
        structure = test.make(n)
        if len(structure) <= LARGEST:
            chosen[formula] = (test.ids[n], structure)
    return list(chosen.values())


def searched(question: Question, arm: str, train: Reference, potential: Potential, seconds: float) -> Engine:
    """Search by one arm for so many seconds of processor time."""
    words = SearchOptions(
        question=question.text, out=Path(), proposals=ARMS[arm], max_atoms=LARGEST, workers=0
    )
    plan = planned(words, question, train)
    pulls = PullSeconds()

    def fetch(proposer: Proposer, number: int) -> Sequence[Proposal] | None:
        started = time.process_time()
        found = proposer.batch(number)
        pulls.add(proposer.name, time.process_time() - started)
        return found

    with tempfile.TemporaryDirectory() as folder:
        begin = time.process_time()
        engine = Engine(
            question=question,
            stream=interleaved(proposers(words, question, plan, train), fetch),
            relaxer=Relaxer(potential=potential, cache=Path(folder), workers=0),
            fine=RelaxSettings(fmax=words.fmax, max_steps=words.max_steps),
            window=words.window,
            deadline=begin + seconds,
            clock=time.process_time,
            begin=begin,
            pull_seconds=pulls,
        )
        engine.run()
    return engine


def judged(engine: Engine, known: Structure, lowest: Relaxed) -> dict[str, Any]:
    """Say where the known structure is in the ranking, and what it took."""
    relaxed = engine.relaxed()
    copies = engine.folder.fold(relaxed).copies
    probable = engine.probabilities()
    matcher = StructureMatcher()
    fits = [name for name in copies if matcher.fit(relaxed[name].structure, known)]
    by_energy, likely = list(copies), sorted(copies, key=lambda name: -probable[name])
    best = min((one.energy for one in relaxed.values()), default=None)
    tried = {one.id: one for one in engine.tried}
    return {
        "rank": min((likely.index(name) + 1 for name in fits), default=None),
        "energy_rank": min((by_energy.index(name) + 1 for name in fits), default=None),
        "behind": None if best is None or not fits else min(relaxed[name].energy for name in fits) - best,
        "candidates": [
            {
                "energy": round(relaxed[name].energy, 5),
                "probability": round(probable[name], 4),
                "spacegroup": relaxed[name].spacegroup,
                "atoms": len(relaxed[name].structure),
                "fine": isinstance(tried[name].fine, Relaxed),
                "known": name in fits,
                "by": Counter(o.by for n in (name, *copies[name]) for o in tried[n].origins),
            }
            for name in by_energy[:40]
        ],
        "lower": best is not None and best < lowest.energy - LOWER,
        "above_known": None if best is None else best - lowest.energy,
        "relaxed": len(relaxed),
        "distinct": len(copies),
        "proposed": sum(tally.proposed for tally in engine.tallies.values()),
        "calls": sum(
            1 + held.steps
            for one in engine.tried
            for held in (one.coarse, one.fine)
            if isinstance(held, Relaxed)
        ),
    }


def records(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Give one record a composition and arm, those of the file first."""
    done = {}
    if args.out.is_file():
        for line in args.out.read_text().splitlines():
            record = json.loads(line)
            done[record["id"], record["arm"], record["seconds"]] = record
    train, test = load_reference("mp_20:train", args.root), load_reference(f"mp_20:{args.split}", args.root)
    potential = load_potential(args.potential)
    potential.prepare()
    chosen = compositions(train, test, args.limit)
    for name, known in chosen:
        question = parse_question(formula_of(amounts_of(known.composition)))
        missing = [arm for arm in args.arms if (name, arm, args.seconds) not in done]
        if missing and not done:
            searched(question, "all", train, potential, 1.0)  # loads the models
        lowest = potential.relax(known, RelaxSettings(max_steps=300)) if missing else None
        for arm in args.arms:
            key = (name, arm, args.seconds)
            if key not in done and lowest is not None:
                engine = searched(question, arm, train, potential, args.seconds)
                about = {"id": name, "formula": question.text, "arm": arm, "seconds": args.seconds}
                done[key] = about | judged(engine, known, lowest)
                with args.out.open("a") as file:
                    file.write(json.dumps(done[key]) + "\n")
            yield done[key]


def row(arm: str, found: Sequence[Mapping[str, Any]]) -> str:
    """Return a line of the table."""
    ranks = [record["rank"] for record in found]
    counts = [
        sum(rank == 1 for rank in ranks),
        sum(rank is not None and rank <= 5 for rank in ranks),
        sum(rank is not None for rank in ranks),
        sum(record["energy_rank"] == 1 for record in found),
        sum(record["lower"] for record in found),
    ]
    cells = [rate(count, len(found)) for count in counts]
    work = [f"{median(record[name] for record in found):.0f}" for name in ("proposed", "relaxed", "calls")]
    return f"| {' | '.join([arm, *cells, *work])} |"


def rate(count: int, total: int) -> str:
    """Write a rate with its interval."""
    low, high = wilson_interval(count, total) or (0.0, 1.0)
    return f"{100 * count / total:.0f} % ({100 * low:.0f}-{100 * high:.0f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=int, default=60, help="compositions")
    parser.add_argument("--seconds", type=float, default=60.0, help="of processor time, for each arm")
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--potential", default="chgnet")
    parser.add_argument("--out", type=Path, default=Path("search-benchmark.jsonl"))
    parser.add_argument("--split", default="test", choices=("val", "test"), help="val, to choose by")
    parser.add_argument("--root", type=Path, default=None)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    found = list(records(args))
    print(f"{args.limit} compositions, {args.seconds:g} s of processor time each, {args.potential}\n")
    heads = ["proposals", "known first", "in the first five", "found", "first by energy alone", "lower"]
    heads += ["proposed", "relaxed", "calls"]
    print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
    for arm in args.arms:
        print(row(arm, [record for record in found if record["arm"] == arm]))


if __name__ == "__main__":
    main()
