"""Match everyone to reference: which reference crystals does a set of generated ones hold?

METRe and cRMSE as OMatG's authors define them (arXiv:2509.12178): for every reference, does *any* generated
crystal of its composition match it? Nothing is paired by id, and a crystal generated k times counts once,
so that, where a composition has several polymorphs, repeating the easiest one is worth no more than giving it
once. cRMSE averages over all references, with the matcher's site tolerance where nothing matches, so that a
model gains nothing by missing what it would have matched badly.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pymatgen.core.structure import Structure

from epitaxy.eval.csp.everyone_result import EveryoneResult, FoundReference, Generated
from epitaxy.eval.csp.pair import PairOutcome, PairStatus
from epitaxy.eval.csp.protocols import CSPProtocol, ValidityRule, csp_protocol
from epitaxy.eval.csp.score import PAIR_LIMIT, score_pairs
from epitaxy.eval.resumable import Progress, structure_key
from epitaxy.eval.validity import Validity


def match_everyone(
    generated: Mapping[str, Structure | None] | Sequence[Structure | None],
    references: Mapping[str, Structure],
    *,
    protocol: str | CSPProtocol = "loose",
    workers: int | str = 0,
    timeout_s: float | None = PAIR_LIMIT,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> EveryoneResult:
    """METRe and cRMSE of generated crystals, and how many polymorphs of each composition they hold.

    Every generated crystal meets every reference of its reduced composition: where a set has one composition
    only, as carbon_24 has, the number of pairs is the product of the two sets' sizes. References that share
    a composition are taken for polymorphs of it.

    Args:
        generated: The crystals, by id or in order (their ids are then "0", "1", ...); None for one that
            cannot be read. Copies of one crystal, number by number, are matched once.
        references: For each id, a crystal to be found.
        protocol: A name in ``PROTOCOLS``, or a protocol of your own.
        workers: Worker processes; 0 works in this process; or a Dask scheduler's address. The figures do not
            depend on it.
        timeout_s: Wall-clock seconds for one pair; None for no limit.
        cache: A folder to keep each pair's outcome in (:func:`epitaxy.eval.resumable.resume_map`); None keeps
            nothing.
        progress: Called as ``progress(done, total)`` after each pair.

    Returns:
        The figures, with what was found of each reference. The order of either set plays no part.

    Raises:
        ValueError: If the protocol is unknown, or ``workers`` or ``timeout_s`` make no sense.
        ImportError: If an address is given and Dask is not installed.
        RuntimeError: If a worker process cannot start, or no scheduler answers.

    """
    rules = csp_protocol(protocol)
    named = generated if isinstance(generated, Mapping) else {str(n): s for n, s in enumerate(generated)}
    formulas = {name: _formula(structure) for name, structure in references.items()}
    fates, candidates = _candidates(named, rules.prediction, set(formulas.values()))
    verdicts = {name: rules.reference.check(references[name]) for name in sorted(references)}
    todo = [
        (name, candidate)
        for name, verdict in verdicts.items()
        if verdict
        for candidate in candidates.get(formulas[name], ())
    ]
    outcomes = score_pairs(
        [(_present(named[candidate]), references[name]) for name, candidate in todo],
        replace(rules, prediction=ValidityRule()),  # checked above, once each
        workers=workers,
        timeout_s=timeout_s,
        cache=cache,
        progress=progress,
    )
    met: dict[str, list[tuple[str, PairOutcome]]] = defaultdict(list)
    for (name, candidate), outcome in zip(todo, outcomes, strict=True):
        met[name].append((candidate, outcome))
    return EveryoneResult(
        protocol=rules,
        references=tuple(
            _found(name, formulas[name], verdict, met[name]) for name, verdict in verdicts.items()
        ),
        generated=fates,
        pairs=len(todo),
        timed_out=_ids(todo, outcomes, PairStatus.TIMED_OUT),
        failed=_ids(todo, outcomes, PairStatus.FAILED),
    )


def _formula(structure: Structure) -> str:
    """Name the reduced composition; oxidation states play no part."""
    return structure.composition.element_composition.reduced_formula


def _candidates(
    generated: Mapping[str, Structure | None], rule: ValidityRule, formulas: set[str]
) -> tuple[dict[str, Generated], dict[str, list[str]]]:
    """Decide what becomes of each generated crystal, and list by formula those to be matched."""
    fates: dict[str, Generated] = {}
    candidates: dict[str, list[str]] = defaultdict(list)
    seen: set[str] = set()
    for name in sorted(generated):
        structure = generated[name]
        fates[name] = _fate(structure, rule, formulas, seen)
        if structure is not None and fates[name] is Generated.MATCHED_AGAINST:
            candidates[_formula(structure)].append(name)
    return fates, candidates


def _fate(structure: Structure | None, rule: ValidityRule, formulas: set[str], seen: set[str]) -> Generated:
    if structure is None:
        return Generated.UNREADABLE
    if len(structure) == 0 or not rule.check(structure):
        return Generated.INVALID
    if _formula(structure) not in formulas:
        return Generated.OTHER_COMPOSITION
    key = structure_key(structure)
    if key in seen:
        return Generated.REPEATED
    seen.add(key)
    return Generated.MATCHED_AGAINST


def _present(structure: Structure | None) -> Structure:
    if structure is None:
        raise ValueError("an unreadable crystal cannot be matched")
    return structure


def _found(
    name: str, formula: str, verdict: Validity, met: Sequence[tuple[str, PairOutcome]]
) -> FoundReference:
    """Describe a reference by the closest match among the crystals it met, the first of equal ones."""
    matched = [(outcome.rms, candidate) for candidate, outcome in met if outcome.rms is not None]
    rms, by = min(matched) if matched else (None, None)
    return FoundReference(id=name, formula=formula, reference=verdict, rms=rms, by=by, candidates=len(met))


def _ids(
    todo: Iterable[tuple[str, str]], outcomes: Iterable[PairOutcome], status: PairStatus
) -> tuple[str, ...]:
    pairs = zip(todo, outcomes, strict=True)
    return tuple(sorted({name for (name, _), outcome in pairs if outcome.status is status}))
