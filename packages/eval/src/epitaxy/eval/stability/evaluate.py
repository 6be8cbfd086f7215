"""From generated crystals to a ranked list of stable ones."""

from collections.abc import Mapping, Sequence

from pymatgen.core.structure import Structure

from epitaxy.eval.isolation import Failed
from epitaxy.eval.stability.batch import Work, relax_all
from epitaxy.eval.stability.candidate import Candidate, Status
from epitaxy.eval.stability.hull import AboveHull, Hull, chemical_system
from epitaxy.eval.stability.loading import load_potential
from epitaxy.eval.stability.potential import Potential, Relaxed, RelaxSettings
from epitaxy.eval.stability.references import References, build_hull
from epitaxy.eval.stability.result import StabilityResult


def evaluate_stability(
    structures: Mapping[str, Structure | None] | Sequence[Structure | None],
    *,
    hull: Hull | References,
    potential: Potential | str = "chgnet",
    unique: Mapping[str, bool] | None = None,
    novel: Mapping[str, bool] | None = None,
    generation_seconds: float | None = None,
    settings: RelaxSettings | None = None,
    work: Work | None = None,
) -> StabilityResult:
    """Relax generated crystals and compare them with the hull of known phases.

    Args:
        structures: The samples, by id or in order (their ids are then "0", "1", ...); None for an unreadable
            one.
        hull: Known phases with energies (:func:`read_entries`), or known crystals, of which a hull is then
            built by the same potential in the samples' chemical systems alone.
        potential: The potential, or its name for :func:`load_potential`.
        unique: By id, whether a sample is the first of its kind; None if not known, and S.U.N. is then not
            told. Of the samples as generated, unless the caller relaxed them before: two that relax to one
            phase both count.
        novel: By id, whether the training set lacks a sample; as ``unique``.
        generation_seconds: Wall-clock seconds it took to generate all samples.
        settings: When a relaxation ends.
        work: Cache, workers, time limit and progress; none of it changes a figure.

    Returns:
        Every sample's energy above the hull and, by ``report()`` or ``to_json()``, the rates; by
        ``shortlist()`` the candidates worth a closer look.

    Raises:
        ImportError: If the potential is not installed.
        ValueError: If a name or setting makes no sense, the cache cannot be used, or ``unique`` or ``novel``
            leaves out a sample that was compared with the hull.
        RuntimeError: If no worker can start.

    """
    model = load_potential(potential) if isinstance(potential, str) else potential
    settings, work = settings or RelaxSettings(), work or Work()
    named = structures if isinstance(structures, Mapping) else {str(n): s for n, s in enumerate(structures)}
    readable = {name: structure for name, structure in named.items() if structure is not None}
    outcomes = relax_all(readable, model, settings=settings, work=work, stage="relaxing samples")
    if isinstance(hull, References):
        systems = {
            chemical_system(outcome.structure.composition)
            for outcome in outcomes.values()
            if isinstance(outcome, Relaxed)
        }
        hull = build_hull(hull, systems, model, settings=settings, work=work)
    candidates = [_candidate(name, outcomes.get(name), hull, unique, novel) for name in named]
    return StabilityResult(
        candidates=tuple(candidates),
        hull=hull,
        potential=model.name,
        version=model.version,
        settings=settings,
        generation_seconds=generation_seconds,
    )


def _candidate(
    name: str,
    outcome: Relaxed | Failed | None,
    hull: Hull,
    unique: Mapping[str, bool] | None,
    novel: Mapping[str, bool] | None,
) -> Candidate:
    if not isinstance(outcome, Relaxed):
        status: Status = "unreadable" if outcome is None else outcome.kind
        reason = "unreadable" if outcome is None else outcome.reason
        return Candidate(id=name, status=status, relaxed=None, above=AboveHull(value=None, reason=reason))
    above = hull.above(outcome.structure.composition, outcome.energy)
    for word, flags in (("unique", unique), ("novel", novel)):
        if above.value is not None and flags is not None and name not in flags:
            raise ValueError(f"`{word}` does not say whether sample {name!r} is: give every sample's id")
    return Candidate(
        id=name,
        status="relaxed",
        relaxed=outcome,
        above=above,
        unique=None if unique is None else unique.get(name),
        novel=None if novel is None else novel.get(name),
    )
