"""The search itself: propose, sort out, relax roughly, relax finely what is low, over again."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from pymatgen.core import Structure

from epitaxy.apps.discovery.folding import Folder, Sieve, primitive
from epitaxy.apps.discovery.hulls import hull_of_found
from epitaxy.apps.discovery.plausible import fault as fault_of
from epitaxy.apps.discovery.proposals.proposal import Origin, Proposal
from epitaxy.apps.discovery.question import Question
from epitaxy.apps.discovery.ranking import probabilities
from epitaxy.apps.discovery.relaxing import Relaxer
from epitaxy.apps.foundation.progress import Progress, silent
from epitaxy.eval.isolation import Failed
from epitaxy.eval.stability import NO_HULL, Hull, Relaxed, RelaxSettings, standardised

COARSE_FORCE, COARSE_STEPS = 0.1, 30
"""eV/angstrom and steps at which a first, rough relaxation ends."""
SLACK = 0.15
"""eV/atom above the window that a rough relaxation may still lose in a fine one."""
COARSE_SHARE = 0.65
"""Of the time left, before the lowest are relaxed finely; what is left after that is shared anew."""
ROUND = 4
"""Candidates relaxed at once, for each worker."""


@dataclass(eq=False)
class Tried:
    """A candidate, and what was done to it.

    Attributes:
        id: its name: who proposed it first, and its number.
        structure: as it was proposed, in its primitive cell.
        origins: who proposed it; more than one where near-duplicates were merged.
        coarse: what a rough relaxation gave.
        fine: what a fine one gave.
    """

    id: str
    structure: Structure
    origins: list[Origin]
    coarse: Relaxed | Failed | None = None
    fine: Relaxed | Failed | None = None

    @property
    def best(self) -> Relaxed | Failed | None:
        """The furthest that it came.

        A fine relaxation that takes too long does not undo the rough one; one that ends in a fault (flown
        apart, or into a hole of the potential) does, for the rough one was on its way there.
        """
        stuck = isinstance(self.fine, Failed) and self.fine.kind != "error"
        return self.coarse if self.fine is None or stuck else self.fine


@dataclass(kw_only=True, eq=False)
class Tally:
    """What a source proposed and what became of it.

    Attributes:
        proposed: all of it.
        faulty: no crystals.
        elsewhere: of other elements.
        astray: of another space group than the one that is asked for.
        merged: nearly the same as earlier ones.
        faults: why those were no crystals, each with how often.
    """

    proposed: int = 0
    faulty: int = 0
    elsewhere: int = 0
    astray: int = 0
    merged: int = 0
    faults: dict[str, int] = field(default_factory=dict)


@dataclass(kw_only=True, eq=False)
class Engine:
    """A search under way.

    Attributes:
        question: what is searched.
        stream: the proposals, in order.
        relaxer: computes forces.
        fine: when a fine relaxation ends.
        window: eV/atom above the best within which a candidate counts.
        deadline: time by the clock at which relaxing ends.
        begin: time from which progress counts.
        clock: what time is told by; the time of the processor, in benchmarks.
        num: candidates after which no more are taken.
        hull: known phases, if any.
        report: told of progress: seconds, of how many, and words.
        pull_seconds: says how long the next proposal may take.
    """

    question: Question
    stream: Iterator[Proposal]
    relaxer: Relaxer
    fine: RelaxSettings
    window: float
    deadline: float
    clock: Callable[[], float] = time.monotonic
    begin: float = field(default_factory=time.monotonic)
    num: int | None = None
    hull: Hull = NO_HULL
    report: Progress = silent
    pull_seconds: "PullSeconds" = field(default_factory=lambda: PullSeconds())

    def __post_init__(self) -> None:
        """Begin with nothing."""
        self.tried: list[Tried] = []
        self.tallies: dict[str, Tally] = {}
        self.taken = 0
        self.exhausted = False
        self.folder = Folder()
        self._sieve = Sieve()
        self._until = self.deadline
        self.coarse = replace(
            self.fine,
            fmax=max(COARSE_FORCE, self.fine.fmax),
            max_steps=min(COARSE_STEPS, self.fine.max_steps),
        )

    def run(self, *, until: float | None = None) -> None:
        """Search until the time is up, or there is nothing left to do.

        Args:
            until: time by the clock at which to stop for now; the deadline, by default.
        """
        self._until = self.deadline if until is None else min(until, self.deadline)
        while self._time_left() > 0:
            before = self.relaxer.computed, len(self.tried)
            self._look(self.clock() + COARSE_SHARE * self._time_left())
            self._refine()
            if self.is_finished:
                return
            if before == (self.relaxer.computed, len(self.tried)):
                return  # too little time is left for anything

    @property
    def is_finished(self) -> bool:
        """Whether there is nothing left to do, however much time there were."""
        return self.exhausted and not self._waiting() and not self._promising()

    def replay(self, taken: int) -> None:
        """Go over what an earlier start has done, which takes no time to speak of.

        Args:
            taken: proposals that were looked at.
        """
        for proposal in islice(self.stream, taken):
            self.taken += 1
            self._sort_out(proposal)
        starts = [one.structure for one in self.tried]
        for number, outcome in self.relaxer.relax(starts, self.coarse, seconds=0.0):
            self.tried[number].coarse = outcome
        rough = [(one, one.coarse.structure) for one in self.tried if isinstance(one.coarse, Relaxed)]
        for number, outcome in self.relaxer.relax([s for _, s in rough], self.fine, seconds=0.0):
            rough[number][0].fine = outcome

    def relaxed(self) -> dict[str, Relaxed]:
        """Return the furthest that each candidate came, of those that have the space group asked for."""
        return {
            one.id: one.best
            for one in self.tried
            if isinstance(one.best, Relaxed) and self.question.admits(one.best.spacegroup)
        }

    def probabilities(self) -> dict[str, float]:
        """Return how probable each distinct crystal of a composition is; nothing of a chemical system.

        Under pressure energies alone count: models and structure types know of none.
        """
        if self.question.is_system:
            return {}
        relaxed = self.relaxed()
        copies = self.folder.fold(relaxed).copies
        tried = {one.id: one for one in self.tried}
        counts = {
            name: Counter(origin.kind for each in (name, *others) for origin in tried[each].origins)
            for name, others in copies.items()
            if self.fine.pressure == 0
        }
        return probabilities({name: relaxed[name].enthalpy for name in copies}, counts)

    def outcomes(self) -> dict[str, Relaxed | Failed | None]:
        """Return what came of each candidate, but for those that relaxed into another space group."""
        relaxed = self.relaxed()
        return {one.id: one.best for one in self.tried if isinstance(one.best, Failed) or one.id in relaxed}

    def _time_left(self) -> float:
        return self._until - self.clock()

    def _look(self, until: float) -> None:
        """Take proposals and relax them roughly."""
        size = ROUND * self.relaxer.at_once
        while self.clock() < until:
            while len(self._waiting()) < size and self._take(until):
                pass
            waiting = self._waiting()[:size]
            if not waiting:
                return
            for number, outcome in self.relaxer.relax(
                [w.structure for w in waiting], self.coarse, seconds=until - self.clock()
            ):
                waiting[number].coarse = outcome
                self._tell()

    def _waiting(self) -> list[Tried]:
        return [one for one in self.tried if one.coarse is None]

    def _take(self, until: float) -> bool:
        """Take one proposal; whether there was one, and time for it."""
        if self.exhausted or self.clock() + self.pull_seconds.expected > until:
            return False
        proposal = None if self.num is not None and len(self.tried) >= self.num else next(self.stream, None)
        if proposal is None:
            self.exhausted = True
            return False
        self.taken += 1
        self._sort_out(proposal)
        self._tell()
        return True

    def _sort_out(self, proposal: Proposal) -> None:
        """Drop what is no crystal or no answer, merge what is there already, keep the rest."""
        tally = self.tallies.setdefault(proposal.origin.by, Tally())
        tally.proposed += 1
        structure, fault = proposal.structure, proposal.fault
        if structure is not None:
            if not self.question.holds(structure.composition):
                tally.elsewhere += 1
                return
            fault = fault_of(structure)
            if fault is None and not self._admitted(structure):
                tally.astray += 1
                return
        if structure is None or fault is not None:
            tally.faulty += 1
            tally.faults[str(fault)] = tally.faults.get(str(fault), 0) + 1
            return
        structure = primitive(structure)
        twin = self._sieve.twin(len(self.tried), structure)
        if twin is not None:
            tally.merged += 1
            self.tried[twin].origins.append(proposal.origin)
            return
        name = f"{proposal.origin.by.rstrip('/').split('/')[-1]}-{tally.proposed}"
        self.tried.append(Tried(id=name, structure=structure, origins=[proposal.origin]))

    def _admitted(self, structure: Structure) -> bool:
        """Whether a proposal has the space group asked for: relaxing keeps it, and brings none back."""
        return self.question.group is None or self.question.admits(standardised(structure).number)

    def _refine(self) -> None:
        """Relax finely what is low, the lowest first; what that shows decides what comes next."""
        size = self.relaxer.at_once
        while self._time_left() > 0 and (chosen := self._promising()[: 2 * size]):
            starts = [one.coarse.structure for one in chosen if isinstance(one.coarse, Relaxed)]
            done = 0
            for number, outcome in self.relaxer.relax(starts, self.fine, seconds=self._time_left()):
                chosen[number].fine = outcome
                done += 1
                self._tell()
            if not done:
                return

    def _promising(self) -> list[Tried]:
        """List what may end within the window and was not relaxed finely, each crystal once, lowest first."""
        above = self.above()
        low = {n for n, height in above.items() if height <= self.window + SLACK}
        relaxed = {name: one for name, one in self.relaxed().items() if name in low}
        firsts = self.folder.fold(relaxed).copies
        found = [one for one in self.tried if one.fine is None and one.id in firsts]
        return sorted(found, key=lambda one: above[one.id])

    def above(self) -> dict[str, float]:
        """Return each candidate's energy above the best, or above the hull: known, or of what was found."""
        relaxed = self.relaxed()
        best: dict[str, float] = {}
        for one in relaxed.values():
            formula = one.structure.composition.reduced_formula
            best[formula] = min(best.get(formula, one.enthalpy), one.enthalpy)
        hull = self.phases() if self.question.is_system else NO_HULL
        found = {}
        for name, one in relaxed.items():
            value = None if hull is NO_HULL else hull.above(one.structure.composition, one.enthalpy).value
            over_best = one.enthalpy - best[one.structure.composition.reduced_formula]
            found[name] = over_best if value is None else value
        return found

    def phases(self) -> Hull:
        """Return the known phases; of a chemical system, where there are none, what was found itself."""
        if self.hull.entries or not self.question.makes_hull:
            return self.hull
        return hull_of_found(self.relaxed())

    def _tell(self) -> None:
        done = sum(one.coarse is not None for one in self.tried)
        self.tell(f"{done} relaxed, {self._best()}")

    def tell(self, words: str) -> None:
        """Report how much of the time is gone, and what is done."""
        self.report(round(self.clock() - self.begin), round(self.deadline - self.begin), words)

    def _best(self) -> str:
        """Say what is lowest so far."""
        relaxed: Mapping[str, Relaxed] = self.relaxed()
        if not relaxed:
            return "none yet"
        if self.question.is_system:
            formulas = {one.structure.composition.reduced_formula for one in relaxed.values()}
            return f"{len(formulas)} compositions"
        name = min(relaxed, key=lambda n: relaxed[n].enthalpy)
        group = relaxed[name].spacegroup
        return f"best {relaxed[name].enthalpy:.3f} eV/atom, space group {group or '?'} ({name})"


@dataclass(eq=False)
class PullSeconds:
    """How long a batch of proposals takes, of the slowest source at its best."""

    _least: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, seconds: float) -> None:
        """Note how long a batch of one source took."""
        self._least[name] = min(seconds, self._least.get(name, seconds))

    @property
    def expected(self) -> float:
        """Seconds; 0 before anything is known."""
        return max(self._least.values(), default=0.0)
