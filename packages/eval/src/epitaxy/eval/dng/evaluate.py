"""All metrics of a set of generated crystals against a reference."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.structure import Structure

from epitaxy.eval.dng.asked import AskedGroups, match_asked
from epitaxy.eval.dng.coverage import Coverage, measure_coverage
from epitaxy.eval.dng.describe import Description, describe, space_groups
from epitaxy.eval.dng.distances import RESAMPLES
from epitaxy.eval.dng.duplicates import COMPARISON_LIMIT, Duplicates, find_duplicates, matcher_settings
from epitaxy.eval.dng.result import PARTS, DNGResult, PropertyValues, SpaceGroups
from epitaxy.eval.fingerprints import Cutoffs, cutoffs_for, fingerprint
from epitaxy.eval.isolation import Progress
from epitaxy.eval.validity import oxidation_table

Crystals = Mapping[str, Structure | None] | Sequence[Structure | None]

StageProgress = Callable[[str, int, int], None]
"""Called as ``progress(stage, done, total)``."""

DRAW_SIZE = 1000
"""Valid samples the tables' Wasserstein distances are of."""

STRUCTURE_LIMIT = 120.0
"""Wall-clock seconds for one crystal in any one stage unless told otherwise."""


def evaluate_dng(
    samples: Crystals,
    reference: Crystals,
    *,
    train: Mapping[str, Structure] | Sequence[Structure] | None = None,
    cutoffs: Cutoffs | str | None = "mp_20",
    table: str = "smact14",
    properties: Mapping[str, PropertyValues] | None = None,
    asked_groups: Mapping[str, int] | None = None,
    parts: Collection[str] = PARTS,
    matcher: StructureMatcher | None = None,
    draw_size: int = DRAW_SIZE,
    draws: int = RESAMPLES,
    seed: int = 0,
    cache: Path | None = None,
    workers: int | str = 0,
    timeout_s: float | None = STRUCTURE_LIMIT,
    progress: StageProgress | None = None,
) -> DNGResult:
    """Validity, coverage, distances, uniqueness and novelty of generated crystals.

    Args:
        samples: The samples generated, by id or in order (their ids are then "0", "1", ...); None for an
            unreadable one, which counts as a failure in every rate.
        reference: The crystals they should be like, a test set say; one that cannot be used is named and left
            out.
        train: The crystals the generator was trained on; None for no novelty.
        cutoffs: Of coverage, or the dataset whose published ones to take; None for no coverage.
        table: The oxidation-state table that says which samples are valid for distances and space groups;
            validity is reported under all.
        properties: Further numeric properties to compare, by name, energies say.
        asked_groups: The space group that a sample was asked to have, by its id; None if none was.
        parts: Which of ``PARTS`` to do; the figures of the others are None, with that as the reason.
        matcher: Says which crystals are the same; None for pymatgen's default.
        draw_size: How many valid samples the drawn distances are of.
        draws: How many draws.
        seed: Of the draws and of bootstrap.
        cache: A folder to keep all that is slow in, by content: killed and called again nothing finished is
            lost; None keeps nothing.
        workers: Worker processes, 0 for this process, or a Dask scheduler's address. The figures do not
            depend on it.
        timeout_s: Wall-clock seconds for one crystal in one stage; None for no limit. Comparisons, which are
            of one sample with many, have at least ``COMPARISON_LIMIT``.
        progress: Called as ``progress(stage, done, total)``.

    Returns:
        What came of each crystal and, by ``report()`` or ``to_json()``, the figures.

    Raises:
        ValueError: If a name or setting makes no sense, or the cache cannot be used.
        RuntimeError: If a worker process cannot start.

    """
    oxidation_table(table)
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise ValueError(f"no part is called {', '.join(unknown)}; there are {', '.join(PARTS)}")
    taken = sorted({"density", "elements"} & set(properties or {}))
    if taken:
        raise ValueError(f"{', '.join(taken)} is compared anyway; give the property another name")
    if draw_size < 1 or draws < 1:
        raise ValueError(f"draw_size and draws must be at least 1, not {draw_size} and {draws}")
    limits = cutoffs_for(cutoffs) if isinstance(cutoffs, str) else cutoffs
    rule = StructureMatcher() if matcher is None else matcher
    stages = _Stages(_named(samples), _named(reference), cache, workers, timeout_s, progress)
    mine, theirs = stages.describe()
    valid = {sample.id for sample in mine if sample.valid(table)}
    return DNGResult(
        samples=mine,
        reference=theirs,
        table=table,
        parts=frozenset(parts),
        coverage=stages.coverage(limits) if "coverage" in parts and limits is not None else None,
        groups=stages.groups(valid, theirs) if "space_groups" in parts else None,
        duplicates=stages.duplicates(train, rule) if "duplicates" in parts else None,
        asked=stages.asked(asked_groups, mine) if asked_groups else None,
        properties=dict(properties or {}),
        matcher=matcher_settings(rule),
        draw_size=draw_size,
        draws=draws,
        seed=seed,
    )


def _named(crystals: Crystals) -> Mapping[str, Structure | None]:
    return crystals if isinstance(crystals, Mapping) else {str(n): s for n, s in enumerate(crystals)}


class _Stages:
    """The work on both sides, stage by stage."""

    def __init__(
        self,
        samples: Mapping[str, Structure | None],
        reference: Mapping[str, Structure | None],
        cache: Path | None,
        workers: int | str,
        timeout_s: float | None,
        progress: StageProgress | None,
    ) -> None:
        self.samples, self.reference = samples, reference
        self.cache, self.workers, self.timeout_s, self.progress = cache, workers, timeout_s, progress

    def _stage(self, name: str) -> Progress | None:
        return None if self.progress is None else partial(self.progress, name)

    def describe(self) -> tuple[tuple[Description, ...], tuple[Description, ...]]:
        mine, theirs = (
            describe(
                side,
                cache=self.cache,
                workers=self.workers,
                timeout_s=self.timeout_s,
                progress=self._stage(name),
            )
            for side, name in ((self.samples, "validity"), (self.reference, "reference validity"))
        )
        return mine, theirs

    def coverage(self, cutoffs: Cutoffs) -> Coverage:
        mine, theirs = (
            fingerprint(
                side,
                cache=self.cache,
                workers=self.workers,
                timeout_s=self.timeout_s,
                progress=self._stage(name),
            )
            for side, name in ((self.samples, "fingerprints"), (self.reference, "reference fingerprints"))
        )
        return measure_coverage(mine, theirs, cutoffs)

    def groups(self, valid: Collection[str], theirs: Sequence[Description]) -> SpaceGroups:
        usable = {r.id for r in theirs if r.structural}
        chosen = (
            ({n: s for n, s in self.samples.items() if s is not None and n in valid}, "space groups"),
            (
                {n: s for n, s in self.reference.items() if s is not None and n in usable},
                "reference space groups",
            ),
        )
        (samples, failures), (reference, reference_failures) = (
            space_groups(
                side,
                cache=self.cache,
                workers=self.workers,
                timeout_s=self.timeout_s,
                progress=self._stage(name),
            )
            for side, name in chosen
        )
        return SpaceGroups(
            samples=samples,
            reference=reference,
            failures=failures,
            reference_failures=reference_failures,
        )

    def asked(self, groups: Mapping[str, int], mine: Sequence[Description]) -> AskedGroups:
        return match_asked(
            self.samples,
            groups,
            frozenset(sample.id for sample in mine if sample.structural),
            cache=self.cache,
            workers=self.workers,
            timeout_s=self.timeout_s,
            progress=self._stage("space groups asked for"),
        )

    def duplicates(
        self, train: Mapping[str, Structure] | Sequence[Structure] | None, matcher: StructureMatcher
    ) -> Duplicates:
        return find_duplicates(
            self.samples,
            train,
            matcher=matcher,
            cache=self.cache,
            workers=self.workers,
            timeout_s=None if self.timeout_s is None else max(self.timeout_s, COMPARISON_LIMIT),
            progress=self._stage("duplicates"),
        )
