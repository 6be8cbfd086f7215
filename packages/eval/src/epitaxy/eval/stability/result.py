"""What came of the samples, ranked and reported."""

from dataclasses import dataclass

from epitaxy.eval.report import Report
from epitaxy.eval.stability.candidate import Candidate
from epitaxy.eval.stability.conventions import convention_of
from epitaxy.eval.stability.figures import report_of
from epitaxy.eval.stability.judged import JudgedSamples

WINDOW = 0.1
"""eV/atom above the best of a composition within which a candidate is worth a closer look."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StabilityResult(JudgedSamples):
    """The result of :func:`evaluate_stability`: samples that were judged, ranked and reported.

    Attributes:
        candidates: Every sample, in the order given.
        hull: What they were compared with.
        potential: Name of the potential.
        version: Its version.
        settings: When a relaxation ended.
        generation_seconds: Wall-clock seconds it took to generate all samples; None if nobody said.

    """

    def ranked(self) -> tuple[Candidate, ...]:
        """Sort the candidates, each crystal once: by energy above the hull; then what has none of it.

        Without a hull the order is that of energy (enthalpy) within each composition, compositions by name.
        Failures come last, in the order given.
        """
        shown = [candidate for candidate in self.candidates if candidate.same_as is None]
        return tuple(sorted(shown, key=_rank))

    def shortlist(
        self, convention: str = "metastable", *, window: float | None = None
    ) -> tuple[Candidate, ...]:
        """Rank what deserves a closer look: low in energy and, as far as known, unique and novel.

        Args:
            convention: With a hull, by which a candidate is stable enough.
            window: eV/atom: with a hull, what may lie so far above it in place of the convention's rule;
                without one, above the best of the composition (:data:`WINDOW` unless told otherwise).

        Raises:
            ValueError: If no convention has that name.

        """
        holds = convention_of(convention).holds
        with_hull = bool(self.hull.entries)

        def near(candidate: Candidate) -> bool:
            if with_hull and window is None:
                return holds(candidate.e_hull)
            distance = candidate.e_hull if with_hull else candidate.above_best
            return distance is not None and distance <= (WINDOW if window is None else window)

        return tuple(
            candidate
            for candidate in self.ranked()
            if near(candidate) and candidate.unique is not False and candidate.novel is not False
        )

    def rows(self) -> list[dict[str, str | float | int | bool | None]]:
        """Give the table of all candidates, ranked, as plain JSON values."""
        return [candidate.row() for candidate in self.ranked()]

    def report(self) -> Report:
        """Give the figures with their intervals, counts and notes."""
        return report_of(self)

    def details(self) -> dict[str, object]:
        """Give what came of every sample, by id, as plain JSON values."""
        return {c.id: c.row() | {"status": c.status} for c in self.candidates}

    def to_json(self) -> dict[str, object]:
        """Give the report as plain JSON values: protocol, counts, metrics, intervals, notes, ids."""
        return self.report().to_json()


def _rank(candidate: Candidate) -> tuple[int, float | str, float, str]:
    """Order by energy above the hull, then by composition and energy; failures stay as they are."""
    if candidate.e_hull is not None:
        return 0, candidate.e_hull, 0.0, candidate.id
    if candidate.relaxed is None or candidate.enthalpy is None:
        return 2, "", 0.0, ""
    return 1, candidate.relaxed.structure.composition.reduced_formula, candidate.enthalpy, candidate.id
