"""Change the sources one place at a time, and see whether a test fails: ``nox -s mutants``.

A seeded sample, the same share of every module, for a stated time; ``--all`` tries every mutant. Fates are
kept in ``.mutants/`` and a run goes on from there. Survivors that ``survivors.toml`` does not accept are
printed, and exit 1.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import deliberate
import survivors
from concern import PACKAGES, concerning, modules
from drawing import Mutant, draw
from judging import Judge, copied
from records import Fate, Records, digest

ROOT = Path(__file__).parents[2]
ACCEPTED = Path(__file__).with_name("survivors.toml")
SOURCES = [f"packages/{name}/src" for name in ("geometry", "flows", "models", "data", "eval", "apps")]
_SLACK = 3
"""A mutant may take so many times what the tests take without one, and ten seconds."""


@dataclass(slots=True)
class Tally:
    """The fates of a run's mutants."""

    fates: dict[Fate, list[Mutant]] = field(default_factory=dict)
    first: Counter[str] = field(default_factory=Counter)
    """Survivors, by package, of the first time that they were tried."""

    def add(self, mutant: Mutant, fate: Fate, first: Fate) -> None:
        """Count a mutant."""
        self.fates.setdefault(fate, []).append(mutant)
        self.first[_package(mutant)] += first == "survived"

    def lines(self) -> list[str]:
        """Return one line a package."""
        counts = {fate: Counter(map(_package, found)) for fate, found in self.fates.items()}
        names = [name for name in PACKAGES if any(count[name] for count in counts.values())]
        return [
            f"{name}: {sum(count[name] for count in counts.values())} mutants, "
            + ", ".join(
                f"{counts.get(fate, Counter())[name]} {fate}" for fate in ("killed", "timed out", "survived")
            )
            + f" ({self.first[name]} when first tried)"
            for name in names
        ]


class Clean:
    """What the tests of each module take without a mutant."""

    def __init__(self, judge: Judge) -> None:
        self._judge, self._seconds = judge, dict[tuple[str, ...], float]()

    def limit(self, tests: Sequence[str]) -> float:
        """Return the processor seconds that a mutant may take under these tests.

        Raises:
            RuntimeError: if they fail as things are.

        """
        if (key := tuple(tests)) not in self._seconds:
            verdict = self._judge.clean(tests)
            if verdict.fate != "survived":
                raise RuntimeError(f"{' '.join(tests)} fail without any mutant:\n{verdict.output[-2000:]}")
            self._seconds[key] = verdict.seconds
        return 10 + _SLACK * self._seconds[key]


def words(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="nox -s mutants --", description=__doc__)
    parser.add_argument(
        "--package", action="append", choices=PACKAGES, help="of this package only; repeatable"
    )
    parser.add_argument("--module", action="append", help="of this file only; repeatable")
    parser.add_argument("--minutes", type=float, default=20.0, help="stop after so long (20)")
    parser.add_argument("--sample", type=int, help="stop after so many mutants")
    parser.add_argument("--seed", type=int, default=0, help="which sample is drawn")
    parser.add_argument("--all", action="store_true", help="every mutant, however long it takes")
    parser.add_argument("--deliberate", action="store_true", help="the errors of deliberate.py instead")
    parser.add_argument("--records", type=Path, default=ROOT / ".mutants" / "fates.sqlite")
    return parser.parse_args(arguments)


def chosen(told: argparse.Namespace) -> list[str]:
    """Return the modules that are asked for."""
    known = modules(ROOT)
    for name in told.module or []:
        if name not in known:
            sys.exit(f"{name} is no module that is mutated; give its path, as {known[0]}")
    return told.module or modules(ROOT, tuple(told.package or PACKAGES))


def tried(told: argparse.Namespace, judge: Judge, records: Records) -> Tally:
    """Try mutants until time or number is up; print survivors as they are found."""
    tally, clean = Tally(), Clean(judge)
    deadline = float("inf") if told.all else time.monotonic() + 60 * told.minutes
    mutants = islice(draw(judge.copy, chosen(told), told.seed), told.sample)
    for number, mutant in enumerate(mutants, 1):
        if time.monotonic() > deadline:
            break
        tests = concerning(judge.copy, mutant.module)
        under = digest(judge.copy, tests)
        fate = records.fate(mutant.digest, under)
        if fate is None:
            fate = judge.judge(mutant, tests, clean.limit(tests)).fate
            records.keep(mutant.digest, under, fate)
            if fate != "killed":
                print(f"{fate}: {mutant.module}: {mutant.line!r} -> {mutant.becomes!r}", flush=True)
        tally.add(mutant, fate, records.first(mutant.digest) or fate)
        if number % 25 == 0:
            print(f"{number} mutants tried", flush=True)
    return tally


def report(tally: Tally, accepted: Sequence[survivors.Accepted]) -> int:
    """Print the figures, what is stale and what is new; return the exit code."""
    alive = tally.fates.get("survived", [])
    new = [one for one in alive if not any(entry.covers(one) for entry in accepted)]
    for line in survivors.stale(accepted, ROOT, tally.fates.get("killed", [])):
        print(f"stale: {line}")
    for one in new:
        print(f"\n{one.diff}\n\n{survivors.entry(one)}")
    print(
        "\n".join(["", *tally.lines(), f"{len(alive)} survivors, {len(new)} of them not in {ACCEPTED.name}"])
    )
    return 1 if new else 0


def main(arguments: Sequence[str]) -> int:
    """Copy the repository, try mutants there, report."""
    told = words(arguments)
    if told.deliberate:
        return deliberate.main(())
    try:
        accepted = survivors.read(ACCEPTED)
        with tempfile.TemporaryDirectory(prefix="epitaxy-mutants-") as folder:
            judge = Judge(copied(ROOT, Path(folder).resolve()), SOURCES)
            origin = judge.origin("epitaxy.flows")
            if origin is None or not origin.is_relative_to(judge.copy):
                sys.exit(
                    f"epitaxy is imported from {origin}, not from the copy in {folder}; install it editable"
                )
            return report(tried(told, judge, Records(told.records)), accepted)
    except (ValueError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1


def _package(mutant: Mutant) -> str:
    return mutant.module.split("/")[1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
