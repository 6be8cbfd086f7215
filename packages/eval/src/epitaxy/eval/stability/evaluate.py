"""From generated crystals to a ranked list of stable ones."""

from collections.abc import Mapping, Sequence

from pymatgen.core.structure import Structure

from epitaxy.eval.isolation import Failed
from epitaxy.eval.stability.batch import Work, relax_all
from epitaxy.eval.stability.candidate import Candidate, Status
from epitaxy.eval.stability.hull import NO_HULL, AboveHull, Hull, chemical_system
from epitaxy.eval.stability.judge import Labels, judge
from epitaxy.eval.stability.loading import load_potential
from epitaxy.eval.stability.methods import check_same
from epitaxy.eval.stability.potential import Potential, Relaxed, RelaxSettings, method_of
from epitaxy.eval.stability.references import References, build_hull
from epitaxy.eval.stability.result import StabilityResult


def evaluate_stability(
    structures: Mapping[str, Structure | None] | Sequence[Structure | None],
    *,
    hull: Hull | References | None = None,
    potential: Potential | str = "chgnet",
    fold: bool = False,
    train: Mapping[str, Structure] | None = None,
    unique: Mapping[str, bool] | None = None,
    novel: Mapping[str, bool] | None = None,
    generation_seconds: float | None = None,
    settings: RelaxSettings | None = None,
    work: Work | None = None,
) -> StabilityResult:
    """Relax generated crystals and compare them with each other and with the hull of known phases.

    Args:
        structures: The samples, by id or in order (their ids are then "0", "1", ...); None for an unreadable
            one.
        hull: Known phases with energies (:func:`read_entries`), or known crystals, of which a hull is then
            built by the same potential in the samples' chemical systems alone; None to rank by energy within
            each composition.
        potential: The potential, or its name for :func:`load_potential`.
        fold: Whether to judge the relaxed crystals: those that are the same are one candidate, with how often
            it was found; known phases (of ``train`` and of a hull of crystals) carry their ids.
        train: The training crystals by id, for what is novel; needs ``fold``.
        unique: In place of ``fold``, for a caller who judged relaxed crystals already: by id, whether a
            sample is the one of its kind that counts; None if not known, and S.U.N. is then not told.
        novel: By id, whether the training set lacks a sample; as ``unique``.
        generation_seconds: Wall-clock seconds it took to generate all samples.
        settings: When a relaxation ends.
        work: Cache, workers, time limit and progress; none of it changes a figure.

    Returns:
        Every sample's energy above the hull and, by ``report()`` or ``to_json()``, the rates; by ``ranked()``
        the candidates in order, by ``shortlist()`` those worth a closer look.

    Raises:
        ImportError: If the potential is not installed.
        ValueError: If a name or setting makes no sense, the cache cannot be used, the hull's energies are of
            another method than the potential's, or ``unique`` or ``novel`` leaves out a sample that was
            compared with the hull.
        RuntimeError: If no worker can start.

    """
    if (fold and (unique is not None or novel is not None)) or (train is not None and not fold):
        raise ValueError(
            "`train` needs `fold`, and `unique` and `novel` stand in its place: give one of them"
        )
    model = load_potential(potential) if isinstance(potential, str) else potential
    settings, work = settings or RelaxSettings(), work or Work()
    hull = NO_HULL if hull is None else hull
    if isinstance(hull, Hull):
        check_energies(hull, model, settings)
    named = structures if isinstance(structures, Mapping) else {str(n): s for n, s in enumerate(structures)}
    readable = {name: structure for name, structure in named.items() if structure is not None}
    outcomes = relax_all(readable, model, settings=settings, work=work, stage="relaxing samples")
    relaxed = {name: outcome for name, outcome in outcomes.items() if isinstance(outcome, Relaxed)}
    phases = None
    if isinstance(hull, References):
        phases = hull.structures
        systems = {chemical_system(outcome.structure.composition) for outcome in relaxed.values()}
        hull = build_hull(
            hull, systems, model, settings=settings, work=work, candidates=list(readable.values())
        )
    labels = Labels(unique=unique, novel=novel)
    if fold:
        labels = judge(relaxed, train=train, phases=phases, work=work)
    return StabilityResult(
        candidates=compared({name: outcomes.get(name) for name in named}, hull=hull, labels=labels),
        hull=hull,
        potential=model.name,
        version=model.version,
        settings=settings,
        generation_seconds=generation_seconds,
    )


def compared(
    outcomes: Mapping[str, Relaxed | Failed | None], *, hull: Hull = NO_HULL, labels: Labels | None = None
) -> tuple[Candidate, ...]:
    """Compare what came of relaxing with a hull and with the best of each composition.

    Args:
        outcomes: By id; None for a sample that could not be read.
        hull: The known phases.
        labels: Which samples are copies, and which are known.

    Raises:
        ValueError: If the labels leave out a sample that was compared with the hull.

    """
    labels = Labels(unique=None, novel=None) if labels is None else labels
    best = _best({name: outcome for name, outcome in outcomes.items() if isinstance(outcome, Relaxed)})
    return tuple(_candidate(name, outcome, hull, labels, best) for name, outcome in outcomes.items())


def check_energies(hull: Hull, potential: Potential, settings: RelaxSettings) -> None:
    """Refuse given energies that are not comparable with the potential's.

    Raises:
        ValueError: they are of another method, or there is pressure on the candidates alone.

    """
    check_same(hull.method, method_of(potential), source=hull.source, name=potential.name)
    if settings.pressure and hull.entries:
        raise ValueError(
            f"the energies of {hull.source} are without pressure: name known crystals, of which the hull is "
            f"built "
            "under it, or leave the pressure out"
        )


def _best(relaxed: Mapping[str, Relaxed]) -> dict[str, float]:
    """Find the lowest energy (enthalpy) of each composition."""
    best: dict[str, float] = {}
    for one in relaxed.values():
        formula = one.structure.composition.reduced_formula
        best[formula] = min(best.get(formula, one.enthalpy), one.enthalpy)
    return best


def _candidate(
    name: str, outcome: Relaxed | Failed | None, hull: Hull, labels: Labels, best: Mapping[str, float]
) -> Candidate:
    if not isinstance(outcome, Relaxed):
        status: Status = "unreadable" if outcome is None else outcome.kind
        reason = "unreadable" if outcome is None else outcome.reason
        return Candidate(id=name, status=status, relaxed=None, above=AboveHull(value=None, reason=reason))
    above = AboveHull(value=None)
    if hull is not NO_HULL:
        above = hull.above(outcome.structure.composition, outcome.enthalpy)
    for word, flags in (("unique", labels.unique), ("novel", labels.novel)):
        if above.value is not None and flags is not None and name not in flags:
            raise ValueError(f"`{word}` does not say whether sample {name!r} is: give every sample's id")
    return Candidate(
        id=name,
        status="relaxed",
        relaxed=outcome,
        above=above,
        unique=None if labels.unique is None else labels.unique.get(name),
        novel=None if labels.novel is None else labels.novel.get(name),
        above_best=outcome.enthalpy - best[outcome.structure.composition.reduced_formula],
        same_as=labels.same_as.get(name),
        copies=labels.copies.get(name, ()),
        known=labels.known.get(name),
    )
