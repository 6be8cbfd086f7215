"""Score predicted crystal structures against references, paired by id."""

from collections.abc import Mapping, Sequence

from pymatgen.core.structure import Structure

from epitaxy.eval.csp.pair import PairOutcome, PairScorer, PairStatus
from epitaxy.eval.csp.protocols import CSPProtocol, csp_protocol
from epitaxy.eval.csp.result import CSPResult, ReferenceMatch
from epitaxy.eval.isolation import Done, Failed, Progress, map_isolated
from epitaxy.eval.validity import Validity

PAIR_LIMIT = 60.0
"""Wall-clock seconds for one pair unless told otherwise. A pair of 52 atoms takes about 0.1 s."""


def match_csp(
    predictions: Mapping[str, Sequence[Structure | None]],
    references: Mapping[str, Structure],
    *,
    protocol: str | CSPProtocol = "cdvae",
    k: Sequence[int] | None = None,
    workers: int = 0,
    timeout_s: float | None = PAIR_LIMIT,
    progress: Progress | None = None,
) -> CSPResult:
    """Match rate and RMSE of predictions under a named protocol.

    The rate @k is the share of all references that one of their first k predictions matches; the RMSE @k is
    the mean, over those, of the least displacement among the k. A prediction that is missing, unreadable,
    invalid, too slow to match or that makes the matcher fail is unmatched, and counted under what it is.

    Args:
        predictions: For each id, the predictions in the order they were made; None for one that cannot be
            read.
        references: For each id, the crystal to be found.
        protocol: A name in ``PROTOCOLS``, or a protocol of your own.
        k: The k to report; by default 1 and the largest number of predictions that a reference has.
        workers: Worker processes; 0 works in this process. The figures do not depend on it.
        timeout_s: Wall-clock seconds for one pair; None for no limit.
        progress: Called as ``progress(done, total)`` after each pair.

    Returns:
        The figures, with the outcome of every pair. The order of either mapping plays no part.

    Raises:
        ValueError: If the protocol is unknown, a k is below 1, or ``workers`` or ``timeout_s`` make no sense.
        RuntimeError: If a worker process cannot start.

    """
    rules = csp_protocol(protocol)
    ids = sorted(references)
    verdicts = {name: rules.reference.check(references[name]) for name in ids}
    todo = _pairs_to_score(predictions, verdicts)
    outcomes = map_isolated(
        PairScorer(rules),
        [(structure, references[name]) for name, _, structure in todo],
        workers=workers,
        limit=timeout_s,
        progress=progress,
    )
    scored = {(name, n): _judged(outcome) for (name, n, _), outcome in zip(todo, outcomes, strict=True)}
    matches = tuple(_collect(name, verdicts[name], predictions.get(name, ()), scored) for name in ids)
    unknown = tuple(sorted(set(predictions) - set(references)))
    return CSPResult(protocol=rules, k=_checked(k, matches), matches=matches, unknown=unknown)


def _pairs_to_score(
    predictions: Mapping[str, Sequence[Structure | None]], verdicts: Mapping[str, Validity]
) -> list[tuple[str, int, Structure]]:
    """(id, number of the prediction, prediction) of every pair that is not decided already."""
    return [
        (name, n, structure)
        for name, verdict in verdicts.items()
        if verdict
        for n, structure in enumerate(predictions.get(name, ()))
        if structure is not None
    ]


def _judged(outcome: Done[PairOutcome] | Failed) -> PairOutcome:
    if isinstance(outcome, Done):
        return outcome.value
    status = PairStatus.TIMED_OUT if outcome.kind == "time" else PairStatus.FAILED
    return PairOutcome(status=status, reason=outcome.reason)


def _collect(
    name: str,
    verdict: Validity,
    structures: Sequence[Structure | None],
    scored: Mapping[tuple[str, int], PairOutcome],
) -> ReferenceMatch:
    def outcome(n: int, structure: Structure | None) -> PairOutcome:
        if structure is None:
            return PairOutcome(status=PairStatus.UNREADABLE)
        return scored.get((name, n), PairOutcome(status=PairStatus.REFERENCE_INVALID, reason=verdict.reason))

    return ReferenceMatch(
        id=name,
        reference=verdict,
        pairs=tuple(outcome(n, structure) for n, structure in enumerate(structures)),
    )


def _checked(k: Sequence[int] | None, matches: Sequence[ReferenceMatch]) -> tuple[int, ...]:
    if k is None:
        return tuple(sorted({1, max((len(match.pairs) for match in matches), default=1) or 1}))
    if not k or min(k) < 1:
        raise ValueError(f"k must be one or more whole numbers of at least 1, not {list(k)}")
    return tuple(sorted(set(k)))
