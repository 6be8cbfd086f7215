"""What a set of generated crystals holds of a reference set, crystal by crystal and in figures."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from epitaxy.eval.csp.protocols import CSPProtocol
from epitaxy.eval.intervals import Interval, bootstrap_interval, wilson_interval
from epitaxy.eval.report import Report
from epitaxy.eval.validity import Validity


class Generated(StrEnum):
    """What became of a generated crystal."""

    MATCHED_AGAINST = "matched against references"
    REPEATED = "a copy of another"
    OTHER_COMPOSITION = "other composition"
    INVALID = "invalid"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundReference:
    """One reference, and the generated crystal that is closest to it.

    Attributes:
        id: Its id.
        formula: Its reduced formula: references of one formula are its polymorphs.
        reference: Whether it satisfies the protocol; one that does not counts as not found.
        rms: Least displacement over (volume per atom)^(1/3), no unit; None if nothing matches it.
        by: The id of the generated crystal with that displacement; None if nothing matches it.
        candidates: How many generated crystals of its composition it was matched against.

    """

    id: str
    formula: str
    reference: Validity
    rms: float | None
    by: str | None
    candidates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EveryoneResult:
    """The result of :func:`match_everyone`.

    Attributes:
        protocol: What was asked of a match.
        references: Every reference, ascending by id.
        generated: What became of each generated crystal, by id, ascending.
        pairs: How many pairs were matched.
        timed_out: Ids of references with a pair that took too long, ascending.
        failed: Ids of references with a pair that made the matcher fail, ascending.

    """

    protocol: CSPProtocol
    references: tuple[FoundReference, ...]
    generated: Mapping[str, Generated]
    pairs: int
    timed_out: tuple[str, ...]
    failed: tuple[str, ...]

    def found(self) -> list[float]:
        """List the least displacement of each reference that was found, by ascending id."""
        return [reference.rms for reference in self.references if reference.rms is not None]

    def penalised(self) -> list[float]:
        """List the least displacement of every reference, ``stol`` for one that was not found."""
        stol = self.protocol.stol
        return [stol if reference.rms is None else reference.rms for reference in self.references]

    def metre(self) -> float | None:
        """Compute the share of references found; None without references."""
        return len(self.found()) / len(self.references) if self.references else None

    def crmse(self) -> float | None:
        """Average the displacement over all references, ``stol`` where not found; None without references."""
        return sum(self.penalised()) / len(self.references) if self.references else None

    def rmse(self) -> float | None:
        """Average the displacement over the references found; None if there are none."""
        return sum(self.found()) / len(self.found()) if self.found() else None

    def polymorphs(self) -> dict[str, tuple[int, int]]:
        """Count, for each reduced formula, its polymorphs found and its polymorphs."""
        table: dict[str, list[bool]] = defaultdict(list)
        for reference in self.references:
            table[reference.formula].append(reference.rms is not None)
        return {formula: (sum(found), len(found)) for formula, found in sorted(table.items())}

    def report(self) -> Report:
        """Give the figures with their intervals, counts and notes."""
        rates = self._rates()
        means = {"crmse": self.crmse(), "rmse": self.rmse()}
        metrics = {name: hits / total if total else None for name, (hits, total) in rates.items()} | means
        intervals: dict[str, Interval | None] = {
            name: wilson_interval(hits, total) for name, (hits, total) in rates.items()
        }
        intervals |= {
            "crmse": bootstrap_interval(self.penalised()),
            "rmse": bootstrap_interval(self.found()),
        }
        return Report(
            protocol=self._protocol(),
            counts=self._counts(),
            metrics=metrics,
            intervals={name: interval for name, interval in intervals.items() if interval is not None},
            notes=self._notes(metrics),
            ids=self._ids(),
        )

    def details(self) -> dict[str, object]:
        """Give what was found of every reference, by id, as plain JSON values."""
        return {
            found.id: asdict(found) | {"reference": found.reference.reason or "valid"}
            for found in self.references
        }

    def to_json(self) -> dict[str, object]:
        """Give the report as plain JSON values: protocol, counts, metrics, intervals, notes, ids."""
        return self.report().to_json()

    def _rates(self) -> dict[str, tuple[int, int]]:
        """Hits and trials of each rate."""
        all_of_them = list(self.polymorphs().values())
        several = [(found, total) for found, total in all_of_them if total > 1]
        return {
            "metre": (len(self.found()), len(self.references)),
            "compositions_any_found": (sum(found > 0 for found, _ in all_of_them), len(all_of_them)),
            "compositions_all_found": (sum(found == total for found, total in all_of_them), len(all_of_them)),
            "polymorphic_any_found": (sum(found > 0 for found, _ in several), len(several)),
            "polymorphic_all_found": (sum(found == total for found, total in several), len(several)),
        }

    def _protocol(self) -> dict[str, object]:
        described = self.protocol.describe()
        return described | {
            "name": f"metre-{self.protocol.name}",
            "definition": (
                "METRe: share of references that any generated crystal of the same reduced composition "
                f"matches. cRMSE: mean over all references of the least displacement, {self.protocol.stol:g} "
                "where nothing matches. Copies count once; nothing is paired by id. Of a match: "
                f"{described['definition']}"
            ),
        }

    def _counts(self) -> dict[str, int]:
        fates, polymorphs = Counter(self.generated.values()), self.polymorphs().values()
        return {
            "references": len(self.references),
            "references_invalid": sum(not found.reference for found in self.references),
            "references_found": len(self.found()),
            "references_without_candidate": sum(not found.candidates for found in self.references),
            "compositions": len(polymorphs),
            "polymorphic_compositions": sum(total > 1 for _, total in polymorphs),
            "polymorphs_of_these": sum(total for _, total in polymorphs if total > 1),
            "generated": len(self.generated),
            **{f"generated_{fate.name.lower()}": fates[fate] for fate in Generated},
            "pairs": self.pairs,
            "references_with_pair_timed_out": len(self.timed_out),
            "references_with_pair_failed": len(self.failed),
        }

    def _notes(self, metrics: Mapping[str, float | None]) -> dict[str, str]:
        notes = {}
        for name in (name for name, value in metrics.items() if value is None):
            if not self.references:
                notes[name] = "there are no references"
            elif name == "rmse":
                notes[name] = "nothing matched"
            else:
                notes[name] = "no composition has more than one reference"
        return notes

    def _ids(self) -> dict[str, tuple[str, ...]]:
        named = (Generated.INVALID, Generated.UNREADABLE)
        return {
            "references_invalid": tuple(found.id for found in self.references if not found.reference),
            "references_with_pair_timed_out": self.timed_out,
            "references_with_pair_failed": self.failed,
            **{
                f"generated_{fate.name.lower()}": tuple(n for n, f in self.generated.items() if f is fate)
                for fate in named
            },
        }
