"""What a search found: candidates in order, each with how it was found and what it resembles."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from epitaxy.apps.discovery.engine import Engine, Tally, Tried
from epitaxy.apps.discovery.folding import Folded
from epitaxy.apps.discovery.proposals.proposal import Origin
from epitaxy.apps.discovery.question import Question, amounts_of, space_group_name
from epitaxy.apps.discovery.reference import Reference
from epitaxy.eval.stability import (
    Candidate,
    Hull,
    Labels,
    Relaxed,
    StabilityResult,
    compared,
)

COMPARED, LOOSELY_COMPARED, ALWAYS_COMPARED = 40, 12, 3
"""Candidates, from the first, that are compared with known crystals; whatever the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """The known crystal that a candidate is closest to, of its composition.

    Attributes:
        id: the known crystal's.
        distance: root mean square displacement of the atoms, in angstrom; the cells are brought to one
            volume before.
        same: whether it is the same crystal by pymatgen's default matcher.
    """

    id: str
    distance: float
    same: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Find:
    """A candidate of the ranked list, and where it comes from.

    Attributes:
        candidate: its energies, and what it was compared with.
        origins: every proposal that led to it: its own, merged ones, and those of its copies.
        likeness: the known crystal that it is closest to; None if none of its composition is close.
        fine: whether it was relaxed finely.
        probability: that it is the known one, if one of those that were found is; None for a failure, and in
            a chemical system.
    """

    candidate: Candidate
    origins: Sequence[Origin]
    likeness: Likeness | None = None
    fine: bool = False
    probability: float | None = None

    @property
    def structure(self) -> Structure | None:
        """The relaxed crystal."""
        return None if self.candidate.relaxed is None else self.candidate.relaxed.structure

    @property
    def found(self) -> int:
        """How many proposals led to it."""
        return len(self.origins)

    @property
    def found_by(self) -> str:
        """By whom, and how often."""
        counted = Counter(origin.by for origin in self.origins)
        return ", ".join(f"{name} {count}" for name, count in counted.most_common())

    @property
    def spacegroup(self) -> str:
        """Symbol and number of the space group, as in ``Pm-3m (221)``; empty if spglib finds none."""
        number = None if self.candidate.relaxed is None else self.candidate.relaxed.spacegroup
        return "" if number is None else space_group_name(number)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SearchResult:
    """The result of a search.

    Attributes:
        question: what was searched.
        finds: each crystal once, in the order asked for, of a chemical system without a hull those with all
            of its elements before the others; failures last.
        stability: the same as ``epitaxy relax`` gives.
        reference: what candidates were compared with.
        tallies: what each source proposed, by name.
        strayed: candidates left out because they relaxed into another space group than the one asked for.
        force_calls: energies and forces computed, in all starts.
        seconds: of wall-clock time, in all starts.
        interrupted: whether it was stopped before its time.
        by_energy: whether the lowest come first, whatever is probable.
        options: what it was told, for people.
    """

    question: Question
    finds: Sequence[Find]
    stability: StabilityResult
    reference: str
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    strayed: int = 0
    force_calls: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    by_energy: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def structures(self) -> list[Structure]:
        """The relaxed crystals, in order."""
        return [find.structure for find in self.finds if find.structure is not None]

    @property
    def left_out(self) -> int:
        """How many had another space group than the one asked for, as proposed or after relaxing."""
        return self.strayed + sum(tally.astray for tally in self.tallies.values())

    def shortlist(self, window: float) -> list[Find]:
        """List those within a window above the best (the hull, if there is one), eV/atom."""
        return [find for find in self.finds if (h := self.height(find)) is not None and h <= window]

    def height(self, find: Find) -> float | None:
        """Return the energy above the hull if there is one, else above the best of the composition."""
        with_hull = bool(self.stability.hull.entries)
        return find.candidate.e_hull if with_hull else find.candidate.above_best


def gathered(engine: Engine, reference: Reference, *, until: float, by_energy: bool = False) -> SearchResult:
    """Bring together what an engine found.

    Args:
        engine: after, or in the middle of, its run.
        reference: known crystals to compare with.
        until: time of ``time.monotonic`` after which no more are compared but the very first.
        by_energy: whether the lowest come first, whatever is probable.
    """
    relaxed, hull = engine.relaxed(), engine.phases()
    folded = engine.folder.fold(relaxed)
    probable = engine.probabilities()
    likely = {} if by_energy else probable
    heights = engine.above()
    firsts = sorted(folded.copies, key=lambda name: (-likely.get(name, 0.0), heights[name]))[:COMPARED]
    likenesses = {
        name: likeness(relaxed[name], reference, loosely=rank < LOOSELY_COMPARED)
        for rank, name in enumerate(firsts)
        if rank < ALWAYS_COMPARED or time.monotonic() < until
    }
    candidates = compared(engine.outcomes(), hull=hull, labels=_labels(folded, likenesses))
    stability = StabilityResult(
        candidates=candidates,
        hull=hull,
        potential=engine.relaxer.potential.name,
        version=engine.relaxer.potential.version,
        settings=engine.fine,
    )
    tried = {one.id: one for one in engine.tried}
    return SearchResult(
        question=engine.question,
        finds=[
            _find(candidate, folded, tried, likenesses, probable.get(candidate.id))
            for candidate in sorted(
                stability.ranked(),
                key=lambda one: (_lacking(one, engine.question, hull), -likely.get(one.id, 0.0)),
            )
        ],
        stability=stability,
        reference=reference.source,
        tallies=engine.tallies,
        strayed=sum(isinstance(one.best, Relaxed) and one.id not in relaxed for one in engine.tried),
        force_calls=sum(_calls(one) for one in engine.tried),
        by_energy=by_energy,
    )


def _lacking(candidate: Candidate, question: Question, hull: Hull) -> int:
    """Count the elements asked for that a candidate is without, where no hull compares compositions."""
    if candidate.relaxed is None:
        return len(question.elements)
    return 0 if hull.entries else len(question.elements) - len(candidate.relaxed.structure.elements)


def likeness(relaxed: Relaxed, reference: Reference, *, loosely: bool = True) -> Likeness | None:
    """Find the known crystal of the same composition that is closest.

    Args:
        relaxed: the candidate.
        reference: the known crystals.
        loosely: whether to look on, where none is the same, for one that is similar: that is slow.
    """
    known = reference.of_formula(amounts_of(relaxed.structure.composition))
    same = _closest(relaxed.structure, known, StructureMatcher(), same=True)
    if same is not None or not loosely:
        return same
    return _closest(relaxed.structure, known, StructureMatcher(ltol=0.3, stol=0.5, angle_tol=10), same=False)


def _closest(
    structure: Structure, known: Mapping[str, Structure], matcher: Any, *, same: bool
) -> Likeness | None:
    """Return the closest of those that a matcher (it has unannotated methods) takes for the same."""
    found = ((name, matcher.get_rms_dist(structure, other)) for name, other in known.items())
    distances = {name: float(pair[0]) for name, pair in found if pair is not None}
    if not distances:
        return None
    name = min(distances, key=lambda n: distances[n])
    length = float(np.cbrt(structure.volume / len(structure)))
    return Likeness(id=name, distance=distances[name] * length, same=same)


def _labels(folded: Folded, likenesses: Mapping[str, Likeness | None]) -> Labels:
    same_as = folded.first()
    return Labels(
        unique=dict.fromkeys(folded.copies, True) | dict.fromkeys(same_as, False),
        novel=None,
        known={name: found.id for name, found in likenesses.items() if found is not None and found.same},
        same_as=same_as,
        copies={first: names for first, names in folded.copies.items() if names},
    )


def _find(
    candidate: Candidate,
    folded: Folded,
    tried: Mapping[str, Tried],
    likenesses: Mapping[str, Likeness | None],
    probability: float | None,
) -> Find:
    names = (candidate.id, *folded.copies.get(candidate.id, ()))
    return Find(
        candidate=candidate,
        origins=[origin for name in names for origin in tried[name].origins],
        likeness=likenesses.get(candidate.id),
        fine=isinstance(tried[candidate.id].fine, Relaxed),
        probability=probability,
    )


def _calls(one: Tried) -> int:
    """Count the energies and forces behind a candidate: one more than the steps of each relaxation."""
    return sum(1 + held.steps for held in (one.coarse, one.fine) if isinstance(held, Relaxed))
