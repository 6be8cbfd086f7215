"""What came of a set of predictions, pair by pair and in figures."""

from collections import Counter
from dataclasses import asdict, dataclass

from epitaxy.eval.csp.pair import PairOutcome, PairStatus
from epitaxy.eval.csp.protocols import CSPProtocol
from epitaxy.eval.intervals import Interval, bootstrap_interval, wilson_interval
from epitaxy.eval.report import Report
from epitaxy.eval.validity import Validity


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceMatch:
    """One reference and its predictions.

    Attributes:
        id: The id of both.
        reference: Whether the reference satisfies the protocol.
        pairs: What came of each prediction, in the order they were made.

    """

    id: str
    reference: Validity
    pairs: tuple[PairOutcome, ...]

    def rms(self, k: int) -> float | None:
        """Find the least displacement among the first k predictions; None if none of them matched."""
        return min((pair.rms for pair in self.pairs[:k] if pair.rms is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CSPResult:
    """The result of :func:`match_csp`.

    Attributes:
        protocol: What was asked of a match.
        k: The numbers of predictions at which figures are given, ascending.
        matches: Every reference, ascending by id.
        unknown: Ids of predictions without a reference, ascending; they play no part in any figure.

    """

    protocol: CSPProtocol
    k: tuple[int, ...]
    matches: tuple[ReferenceMatch, ...]
    unknown: tuple[str, ...]

    def displacements(self, k: int) -> list[float]:
        """List the least displacement @k of each matched reference, by ascending id."""
        return [rms for match in self.matches if (rms := match.rms(k)) is not None]

    def match_rate(self, k: int = 1) -> float | None:
        """Compute the share of references matched @k; None without references."""
        return len(self.displacements(k)) / len(self.matches) if self.matches else None

    def rmse(self, k: int = 1) -> float | None:
        """Average the least displacement @k over matched references; None if none is matched."""
        matched = self.displacements(k)
        return sum(matched) / len(matched) if matched else None

    def counts(self) -> dict[str, int]:
        """How many of what: references, predictions, and predictions by what came of them."""
        statuses = Counter(pair.status for match in self.matches for pair in match.pairs)
        return {
            "references": len(self.matches),
            "references_invalid": sum(not match.reference for match in self.matches),
            "references_without_prediction": len(self.missing()),
            "unknown_ids": len(self.unknown),
            "predictions": statuses.total(),
            **{f"predictions_{status.name.lower()}": statuses[status] for status in PairStatus},
            **{f"matched@{k}": len(self.displacements(k)) for k in self.k},
        }

    def missing(self) -> tuple[str, ...]:
        """Ids of references without any prediction."""
        return tuple(match.id for match in self.matches if not match.pairs)

    def with_status(self, status: PairStatus) -> tuple[str, ...]:
        """Ids of references of whose predictions at least one has this status."""
        return tuple(match.id for match in self.matches if any(pair.status is status for pair in match.pairs))

    def report(self) -> Report:
        """Give the figures with their intervals, counts and notes."""
        named = (PairStatus.UNREADABLE, PairStatus.INVALID, PairStatus.TIMED_OUT, PairStatus.FAILED)
        return Report(
            protocol=self.protocol.describe(),
            counts=self.counts(),
            metrics=self._metrics(),
            intervals={
                name: interval for name, interval in self._intervals().items() if interval is not None
            },
            notes=self._notes(),
            ids={
                "references_invalid": tuple(match.id for match in self.matches if not match.reference),
                "references_without_prediction": self.missing(),
                "unknown_ids": self.unknown,
                **{f"predictions_{status.name.lower()}": self.with_status(status) for status in named},
            },
        )

    def details(self) -> dict[str, object]:
        """Give what came of every pair, by id, as plain JSON values."""
        return {
            match.id: {
                "reference": match.reference.reason or "valid",
                "predictions": [asdict(pair) for pair in match.pairs],
            }
            for match in self.matches
        }

    def to_json(self) -> dict[str, object]:
        """Give the report as plain JSON values: protocol, counts, metrics, intervals, notes, ids."""
        return self.report().to_json()

    def _metrics(self) -> dict[str, float | None]:
        rates = {f"match_rate@{k}": self.match_rate(k) for k in self.k}
        return rates | {f"rmse@{k}": self.rmse(k) for k in self.k}

    def _intervals(self) -> dict[str, Interval | None]:
        rates = {
            f"match_rate@{k}": wilson_interval(len(self.displacements(k)), len(self.matches)) for k in self.k
        }
        return rates | {f"rmse@{k}": bootstrap_interval(self.displacements(k)) for k in self.k}

    def _notes(self) -> dict[str, str]:
        why = "nothing matched" if self.matches else "there are no references"
        notes = {name: why for name, value in self._metrics().items() if value is None}
        for k in self.k:
            fewer = sum(len(match.pairs) < k for match in self.matches)
            if k > 1 and fewer:
                notes[f"k={k}"] = f"{fewer} of {len(self.matches)} references have fewer than {k} predictions"
        if self.unknown:
            notes["unknown_ids"] = "predictions for ids without a reference play no part in any figure"
        return notes
