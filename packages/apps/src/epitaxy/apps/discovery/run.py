"""A search from its words to its files."""

import hashlib
import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from epitaxy.apps.discovery.engine import Engine, PullSeconds
from epitaxy.apps.discovery.hulls import known_hull
from epitaxy.apps.discovery.options import SearchOptions
from epitaxy.apps.discovery.outputs import write_outputs
from epitaxy.apps.discovery.plan import Plan, planned, proposers, serving
from epitaxy.apps.discovery.proposals.proposal import Proposal, Proposer
from epitaxy.apps.discovery.proposals.stream import interleaved
from epitaxy.apps.discovery.question import Question, formula_of, parse_question
from epitaxy.apps.discovery.reference import Reference, load_reference, without
from epitaxy.apps.discovery.relaxing import LIMIT, Relaxer
from epitaxy.apps.discovery.result import SearchResult, gathered
from epitaxy.apps.discovery.state import Spent, State, check_folder, claimed
from epitaxy.apps.evaluation.settings import check_writable, sentences
from epitaxy.apps.foundation.errors import UsageError, WorkError
from epitaxy.apps.foundation.folders import RECIPE, STATISTICS, WEIGHTS
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.foundation.progress import Progress, reporting
from epitaxy.data import cache_root
from epitaxy.eval.stability import (
    NO_HULL,
    Hull,
    Potential,
    References,
    RelaxSettings,
    Work,
    build_hull,
    load_potential,
)
from epitaxy.eval.stability.descent import SYMPREC

_RESERVED = 0.04
"""Of the budget, for folding what was found and writing it."""
_MOST_RESERVED = 20.0
_CANDIDATES_SHARE = 0.5
"""Of the budget, for candidates before the energies of known crystals are computed for a hull."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """Words that were found to make sense, and what they mean."""

    options: SearchOptions
    question: Question
    plan: Plan
    reference: Reference
    potential: Potential
    hull: Hull | References
    settings: RelaxSettings

    def identity(self) -> dict[str, Any]:
        """Return all that the candidates depend on beside the time."""
        options = self.options
        return {
            "question": self.question.text,
            "space_group": self.question.group,
            "seed": options.seed,
            "proposals": list(self.plan.kinds),
            "models": {model.name: _checksum(model.path) for model in self.plan.models},
            "reference": f"{self.reference.source}, {len(self.reference.ids)} crystals",
            "potential": f"{self.potential.name} {self.potential.version}",
            "relaxing": asdict(self.settings),
            "max_atoms": options.max_atoms,
            "steps": options.steps,
        }


def run_search(options: SearchOptions, *, started: float | None = None) -> SearchResult:
    """Search, write the files, return what was found.

    Args:
        options: what to search and how.
        started: time of ``time.monotonic`` from which the budget counts; now, by default.

    Raises:
        UsageError: words that make no sense, before any work.
        WorkError: something that is not installed, or nothing came of the search.
        KeyboardInterrupt: after what there is was written.
    """
    started = time.monotonic() if started is None else started
    os.environ.setdefault("SPGLIB_WARNING", "OFF")  # it tells the terminal what it tries again
    with sentences():
        prepared = prepare(options)
        with claimed(options.out, prepared.identity()) as state:
            result = _searched(prepared, state, started)
            write_outputs(options, result)
    _conclude(options, result)
    return result


def prepare(options: SearchOptions) -> Prepared:
    """Check the options, the cheap ones first, and load what they name.

    Raises:
        UsageError: words that make no sense.
        WorkError: something that is not installed.
    """
    options.check()
    question = parse_question(options.question, options.spacegroup)
    check_writable("--out", options.out, folder=True)
    serving(options, question)
    potential = _potential(options.potential)
    settings = RelaxSettings(fmax=options.fmax, max_steps=options.max_steps, pressure=options.pressure)
    reference = load_reference(options.reference, options.root)
    hull = known_hull(options.hull, question, potential, settings, reference, options.root)
    if options.leave_out_known:
        reference = without(reference, question)
    plan = planned(options, question, reference)
    if not proposers(options, question, plan, reference):
        raise UsageError(f"nothing proposes candidates for {question.title}: name more with --proposals")
    # Known crystals of the hull have their own groups and lose none.
    settings = replace(settings, keep_symmetry=question.group is not None)
    found = Prepared(
        options=options, question=question, plan=plan, reference=reference, potential=potential, hull=hull,
        settings=settings,
    )  # fmt: skip
    check_folder(options.out, found.identity())
    return found


def _potential(name: str) -> Potential:
    try:
        return load_potential(name)
    except ValueError as error:
        raise UsageError(f"--potential {name}: {error}") from error


def _searched(prepared: Prepared, state: State, started: float) -> SearchResult:
    options, spent = prepared.options, state.spent()
    begin = started - spent.seconds  # as if all starts had been one
    reserved = min(_MOST_RESERVED, _RESERVED * options.budget)
    if spent.taken:
        notify(f"{spent.seconds:.0f} of {options.budget:.0f} s are spent already")
    engine = _engine(prepared, state, begin=begin, deadline=begin + options.budget - reserved)
    interrupted = False
    with closing(engine.relaxer), reporting(f"searching {prepared.question.title}") as report:
        engine.report = _saving(report, engine, state)
        try:
            engine.replay(spent.taken)
            engine.hull = _hull_beside(prepared, state, engine)
            engine.run()
        except KeyboardInterrupt:
            interrupted = True
    if spent.taken and not (engine.relaxer.computed or engine.is_finished or interrupted):
        notify("there was no time for anything more: give a larger --budget to go on")
    state.spend(Spent(seconds=time.monotonic() - begin, taken=engine.taken))
    until, by_energy = engine.deadline + reserved / 2, options.rank_by == "energy"
    result = gathered(engine, prepared.reference, until=until, by_energy=by_energy)
    return replace(
        result, seconds=time.monotonic() - begin, interrupted=interrupted, options=_described(prepared)
    )


def _engine(prepared: Prepared, state: State, *, begin: float, deadline: float) -> Engine:
    options = prepared.options
    workers = _cores() if options.workers is None else options.workers
    pulls = PullSeconds()
    return Engine(
        question=prepared.question,
        stream=_stream(prepared, state, pulls),
        relaxer=Relaxer(potential=prepared.potential, cache=state.folder, workers=workers),
        fine=prepared.settings,
        window=options.window,
        deadline=deadline,
        begin=begin,
        num=options.num,
        pull_seconds=pulls,
    )


def _saving(report: Progress, engine: Engine, state: State) -> Progress:
    """Return a report that also keeps what was spent, for the next start."""
    saved = time.monotonic()

    def told(done: int, total: int | None, text: str = "") -> None:
        nonlocal saved
        if time.monotonic() > saved + 1.0:
            saved = time.monotonic()
            state.spend(Spent(seconds=saved - engine.begin, taken=engine.taken))
        report(min(done, total or done), total, text)

    return told


def _stream(prepared: Prepared, state: State, pulls: PullSeconds) -> Iterator[Proposal]:
    def fetch(proposer: Proposer, number: int) -> Sequence[Proposal] | None:
        started = time.monotonic()
        found = state.batch(proposer, number)
        if number > 0:  # the first one loads the model
            pulls.add(proposer.name, time.monotonic() - started)
        return found

    made = proposers(prepared.options, prepared.question, prepared.plan, prepared.reference)
    return interleaved(made, fetch)


def _hull_beside(prepared: Prepared, state: State, engine: Engine) -> Hull:
    """Give the hull of known crystals that was asked for; candidates have their share of the time before.

    What was kept of earlier searches takes no time, and a hull of that alone is there at once.
    """
    if isinstance(prepared.hull, Hull):
        return prepared.hull
    with suppress(TimeoutError):
        return _hull(prepared.hull, prepared, state, engine, until=-math.inf)
    engine.run(until=engine.begin + _CANDIDATES_SHARE * prepared.options.budget)
    if not engine.relaxed():  # a busy machine: what there is time for are candidates
        engine.run()
    engine.relaxer.close()  # the hull has workers of its own, and a potential is large
    notify(f"energies of {len(prepared.hull.structures)} known crystals of {prepared.hull.source}")
    try:
        return _hull(prepared.hull, prepared, state, engine, until=engine.deadline)
    except TimeoutError:
        notify(
            f"there was no time for all energies of {prepared.hull.source}, so candidates are not compared "
            "with known crystals: type the same again with a larger --budget, and it goes on"
        )
        return NO_HULL


def _hull(known: References, prepared: Prepared, state: State, engine: Engine, *, until: float) -> Hull:
    def told(stage: str, done: int, total: int) -> None:
        engine.tell(f"{stage}: {done} of {total}")

    work = Work(
        cache=_known_energies(state), workers=engine.relaxer.workers, timeout_s=LIMIT, until=until, chunk=1,
        progress=told,
    )  # fmt: skip
    settings = replace(prepared.settings, keep_symmetry=False)
    system = frozenset(prepared.question.elements)
    return build_hull(known, [system], prepared.potential, settings=settings, work=work)


def _known_energies(state: State) -> Path:
    """Say where energies of known crystals are kept: where ``epitaxy relax`` keeps them, for every search."""
    shared = cache_root() / "eval"
    try:
        check_writable("the cache", shared, folder=True)
    except UsageError:
        return state.folder / "hull"
    return shared


def _described(prepared: Prepared) -> dict[str, Any]:
    """Say what was asked, for the page and the JSON file."""
    options = prepared.options
    return prepared.identity() | {
        "budget": options.budget,
        "num": options.num,
        "hull": options.hull,
        "window": options.window,
        "rank_by": options.rank_by,
        "compositions": [formula_of(amounts) for amounts in prepared.plan.compositions],
    }


def _conclude(options: SearchOptions, result: SearchResult) -> None:
    """Say what was found, and where it is.

    Raises:
        KeyboardInterrupt: again, if there was one.
        WorkError: nothing was relaxed.
    """
    listed = result.shortlist(options.window)
    if result.left_out:
        notify(
            f"{result.left_out} candidates without the space group asked for (to {SYMPREC:g} angstrom) left "
            f"out, {result.strayed} of them after relaxing"
        )
    if listed:
        best = listed[0]
        formula = best.candidate.relaxed and best.candidate.relaxed.structure.composition.reduced_formula
        known = f", known as {best.candidate.known}" if best.candidate.known else ""
        likely = "" if best.probability is None else f", probability {100 * best.probability:.0f} %"
        notify(
            f"first: {formula} {best.spacegroup}, {best.candidate.enthalpy:.4f} eV/atom, "
            f"found {best.found} times{likely}{known}"
        )
        notify(
            f"{len(listed)} candidates in {options.out / 'shortlist'}; look at {options.out / 'search.html'}"
        )
    if result.interrupted:
        raise KeyboardInterrupt
    if not result.structures:
        raise WorkError(_why_nothing(options, result))


def _why_nothing(options: SearchOptions, result: SearchResult) -> str:
    if result.finds:
        return (
            f"every candidate failed (the first: {result.finds[0].candidate.above.reason}): "
            f"{options.out / 'candidates.json'} has the reasons"
        )
    more = f"give a larger --budget than {options.budget:.0f} s and type the same again, it goes on"
    if result.question.group is not None and result.left_out == sum(
        tally.proposed - tally.faulty - tally.elsewhere for tally in result.tallies.values()
    ):
        return f"no candidate was of {result.question.title}: {more}, or name more sources with --proposals"
    return f"nothing could be relaxed in {result.seconds:.0f} s: {more}"


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _checksum(model: Path) -> str:
    """Tell a model from others by all that its samples depend on: its recipe says how it samples."""
    files = (RECIPE, STATISTICS, WEIGHTS)
    return hashlib.sha256(b"".join((model / name).read_bytes() for name in files)).hexdigest()[:16]
