"""Score predicted crystal structures against references, paired by id."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pymatgen.core.structure import Structure

from epitaxy.eval.csp.pair import PairOutcome, PairStatus
from epitaxy.eval.csp.protocols import CSPProtocol, csp_protocol
from epitaxy.eval.csp.result import CSPResult, ReferenceMatch
from epitaxy.eval.csp.score import PAIR_LIMIT, score_pairs
from epitaxy.eval.resumable import Progress
from epitaxy.eval.validity import Validity


def match_csp(
    predictions: Mapping[str, Sequence[Structure | None]],
    references: Mapping[str, Structure],
    *,
    protocol: str | CSPProtocol = "cdvae",
    k: Sequence[int] | None = None,
    workers: int | str = 0,
    timeout_s: float | None = PAIR_LIMIT,
    cache: Path | None = None,
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
        workers: Worker processes; 0 works in this process; or a Dask scheduler's address. The figures do not
            depend on it.
        timeout_s: Wall-clock seconds for one pair; None for no limit.
        cache: A folder to keep each pair's outcome in, so that work that was killed goes on and work that was
            done is not repeated (:func:`epitaxy.eval.resumable.resume_map`); None keeps nothing.
        progress: Called as ``progress(done, total)`` after each pair.

    Returns:
        The figures, with the outcome of every pair. The order of either mapping plays no part.

    Raises:
        ValueError: If the protocol is unknown, a k is below 1, or ``workers`` or ``timeout_s`` make no sense.
        ImportError: If an address is given and Dask is not installed.
        RuntimeError: If a worker process cannot start, or no scheduler answers.

    """
    rules = csp_protocol(protocol)
    ids = sorted(references)
    verdicts = {name: rules.reference.check(references[name]) for name in ids}
    todo = _pairs_to_score(predictions, verdicts)
    outcomes = score_pairs(
        [(structure, references[name]) for name, _, structure in todo],
        rules,
        workers=workers,
        timeout_s=timeout_s,
        cache=cache,
        progress=progress,
    )
    scored = {(name, n): outcome for (name, n, _), outcome in zip(todo, outcomes, strict=True)}
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
