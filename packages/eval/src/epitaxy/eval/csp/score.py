"""Many pairs, each scored once."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from pymatgen.core.structure import Structure

from epitaxy.eval.csp.pair import PairOutcome, PairScorer, PairStatus
from epitaxy.eval.csp.protocols import CSPProtocol
from epitaxy.eval.resumable import Done, Failed, JsonValue, Progress, joint_key, resume_map, structure_key

PAIR_LIMIT = 60.0
"""Wall-clock seconds for one pair unless told otherwise. A pair of 52 atoms takes about 0.1 s."""

VERSION = 1
"""Of what a scorer answers: raised when it would answer otherwise, so that nothing kept before is used."""


@dataclass(frozen=True, slots=True)
class _PlainScorer:
    """A scorer whose answer is plain JSON; picklable."""

    scorer: PairScorer

    def __call__(self, pair: tuple[Structure, Structure]) -> JsonValue:
        outcome = self.scorer(pair)
        return [outcome.status.value, outcome.rms, outcome.reason]


def score_pairs(
    pairs: Sequence[tuple[Structure, Structure]],
    protocol: CSPProtocol,
    *,
    workers: int | str,
    timeout_s: float | None,
    cache: Path | None,
    progress: Progress | None,
) -> list[PairOutcome]:
    """Score (prediction, reference) pairs under a protocol; equal pairs once."""
    keys: dict[int, str] = {}  # by identity: a reference is in many pairs

    def key(structure: Structure) -> str:
        if id(structure) not in keys:
            keys[id(structure)] = structure_key(structure)
        return keys[id(structure)]

    outcomes = resume_map(
        _PlainScorer(PairScorer(protocol)),
        pairs,
        keys=[joint_key(key(prediction), key(reference)) for prediction, reference in pairs],
        name="csp-pairs",
        version=VERSION,
        parameters=_parameters(protocol),
        cache=cache,
        workers=workers,
        limit=timeout_s,
        chunk=256,
        progress=progress,
    )
    return [_judged(outcome) for outcome in outcomes]


def _parameters(protocol: CSPProtocol) -> dict[str, Any]:
    """All of a protocol that a pair's outcome depends on: not its name, nor what is asked of references."""
    return {n: value for n, value in asdict(protocol).items() if n not in ("name", "definition", "reference")}


def _judged(outcome: Done[JsonValue] | Failed) -> PairOutcome:
    if isinstance(outcome, Failed):
        status = PairStatus.TIMED_OUT if outcome.kind == "time" else PairStatus.FAILED
        return PairOutcome(status=status, reason=outcome.reason)
    status, rms, reason = cast(list[Any], outcome.value)
    return PairOutcome(status=PairStatus(status), rms=rms, reason=reason)
