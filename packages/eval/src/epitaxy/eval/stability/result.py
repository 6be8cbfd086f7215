"""What came of the samples, ranked and counted."""

from dataclasses import dataclass

from epitaxy.eval.report import Report
from epitaxy.eval.stability.candidate import Candidate
from epitaxy.eval.stability.conventions import CONVENTIONS, convention_of
from epitaxy.eval.stability.hull import Hull
from epitaxy.eval.stability.potential import RelaxSettings


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
        """Sort the candidates by energy above the hull; those without one come last, in the order given."""
        known = sorted(self.placed(), key=lambda candidate: (candidate.e_hull, candidate.id))
        return (*known, *(candidate for candidate in self.candidates if candidate.e_hull is None))

    def shortlist(self, convention: str = "metastable") -> tuple[Candidate, ...]:
        """Rank what deserves a closer look: stable under a convention and, as far as known, unique and novel.

        Raises:
            ValueError: If no convention has that name.

        """
        holds = convention_of(convention).holds
        return tuple(
            candidate
            for candidate in self.ranked()
            if holds(candidate.e_hull) and candidate.unique is not False and candidate.novel is not False
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
