"""What came of the samples, and how many are what."""

from dataclasses import dataclass

from epitaxy.eval.stability.candidate import Candidate
from epitaxy.eval.stability.conventions import CONVENTIONS, convention_of
from epitaxy.eval.stability.hull import Hull
from epitaxy.eval.stability.potential import RelaxSettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedSamples:
    """Every sample with what came of it; :class:`StabilityResult` has the attributes' meaning."""

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
