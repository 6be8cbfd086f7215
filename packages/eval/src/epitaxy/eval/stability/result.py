"""What came of the samples, ranked and counted."""

from dataclasses import dataclass

from epitaxy.eval.report import Report
from epitaxy.eval.stability.candidate import Candidate
from epitaxy.eval.stability.conventions import CONVENTIONS, convention_of
from epitaxy.eval.stability.hull import Hull
from epitaxy.eval.stability.potential import RelaxSettings

WINDOW = 0.1
"""eV/atom above the best of a composition within which a candidate is worth a closer look."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StabilityResult:
    """The result of :func:`evaluate_stability`.

    Attributes:
        candidates: Every sample, in the order given.
        hull: What they were compared with.
        potential: Name of the potential.
        version: Its version.
        settings: When a relaxation ended.
        generation_seconds: Wall-clock seconds it took to generate all samples; None if nobody said.

    """

    candidates: tuple[Candidate, ...]
    hull: Hull
    potential: str
    version: str
    settings: RelaxSettings
    generation_seconds: float | None = None

    def stable(self, convention: str = "stable") -> tuple[Candidate, ...]:
        """List the candidates that are stable under a convention, in the order given.

        Raises:
            ValueError: If no convention has that name.

        """
        holds = convention_of(convention).holds
        return tuple(candidate for candidate in self.candidates if holds(candidate.e_hull))

    def sun(self, convention: str = "stable") -> tuple[Candidate, ...]:
        """List those of them that are unique and novel as well.

        Raises:
            ValueError: If no convention has that name, or nobody said what is unique or novel.

        """
        if reason := self.without_sun():
            raise ValueError(f"S.U.N. is not known: {reason}")
        return tuple(c for c in self.stable(convention) if c.unique and c.novel)

    def without_sun(self) -> str:
        """Say why S.U.N. cannot be told; nothing if it can."""
        placed = self.placed()
        known = {
            "unique": all(candidate.unique is not None for candidate in placed),
            "novel": all(candidate.novel is not None for candidate in placed),
        }
        unsaid = [word for word, said in known.items() if not said]
        return f"which samples are {' and '.join(unsaid)} was not given" if unsaid else ""

    def placed(self) -> tuple[Candidate, ...]:
        """List the candidates that have an energy above the hull."""
        return tuple(candidate for candidate in self.candidates if candidate.e_hull is not None)

    def without_hull(self) -> tuple[Candidate, ...]:
        """List those that were relaxed and yet have none."""
        return tuple(c for c in self.candidates if c.relaxed is not None and c.e_hull is None)

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

    def counts(self) -> dict[str, int]:
        """How many of what."""
        statuses = [candidate.status for candidate in self.candidates]
        relaxed = [candidate.relaxed for candidate in self.candidates if candidate.relaxed is not None]
        sun = {} if self.without_sun() else {c.sun: len(self.sun(c.name)) for c in CONVENTIONS.values()}
        return {
            "samples": len(self.candidates),
            "unreadable": statuses.count("unreadable"),
            "failed_time": statuses.count("time"),
            "failed_error": statuses.count("error"),
            "failed_crash": statuses.count("crash"),
            "relaxed": len(relaxed),
            "distinct": sum(c.relaxed is not None and c.same_as is None for c in self.candidates),
            "not_converged": sum(not one.converged for one in relaxed),
            "without_hull": len(self.without_hull()),
            **{name: len(self.stable(name)) for name in CONVENTIONS},
            **sun,
            "hull_phases": len(self.hull.entries),
            "hull_systems": self.hull.covers(),
            "hull_failed": len(self.hull.failed),
        }

    def report(self) -> Report:
        """Give the figures with their intervals, counts and notes."""
        from epitaxy.eval.stability.figures import report_of  # it reads results, which know how to call it

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
