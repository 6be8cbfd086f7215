"""``epitaxy eval dng``: samples of a generative model against a reference and its training set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pymatgen.core import Structure

from epitaxy.apps.evaluation.crystals import (
    asked_groups,
    divide,
    drawn,
    known_crystals,
    numbers_of,
    samples_of,
    short_names,
)
from epitaxy.apps.evaluation.dng_sections import Judged, dng_sections, validity_sections
from epitaxy.apps.evaluation.publish import publish
from epitaxy.apps.evaluation.settings import Compute, Outputs, sentences, stages
from epitaxy.apps.foundation.checks import choose, parse_cutoffs
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.report.scores import Scored
from epitaxy.eval import TABLE_NAMES, ValidityResult, evaluate_validity
from epitaxy.eval.dng import PARTS, DNGResult, PropertyValues, evaluate_dng
from epitaxy.eval.fingerprints import DATASETS as WITH_CUTOFFS
from epitaxy.eval.fingerprints import Cutoffs, cutoffs_for

CUTOFFS = "mp_20"
"""Taken where the reference has none published."""

SAMPLE_LIMIT, STAGE_LIMIT = 60.0, 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DNGOptions:
    """What ``eval dng`` is asked to do."""

    samples: Sequence[str]
    reference: str | None
    train: str | None
    split: str
    root: Path | None
    table: str
    cutoffs: str | None
    parts: str | None
    limit: int | None
    compute: Compute
    outputs: Outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class _Set:
    """One set of samples as it was read: with the groups asked for and the numbers that samples carry."""

    name: str
    samples: Mapping[str, Structure | None]
    rejects: Mapping[str, str]
    asked: Mapping[str, int]
    numbers: Mapping[str, Mapping[str, float]]


def run_dng(options: DNGOptions) -> None:
    """Score de novo samples: all metrics against a reference, validity alone without one."""
    choose("--protocol-table", options.table, TABLE_NAMES)
    options.outputs.check(len(options.samples))
    options.compute.check(STAGE_LIMIT)
    parts, cutoffs = _parts(options), _cutoffs(options)
    if options.reference is None and (options.train is not None or options.parts is not None):
        raise UsageError("--train and --parts need a --reference: name a dataset or a file")
    names = short_names(options.samples)
    reference = (
        None if options.reference is None else known_crystals(options.reference, options.split, options.root)
    )
    train = None if options.train is None else known_crystals(options.train, "train", options.root)
    sets = [_read(options, name, path) for name, path in zip(names, options.samples, strict=True)]
    shared = _shared(sets, reference)
    judged = []
    for one in sets:
        result: DNGResult | ValidityResult
        if reference is None:
            result = _validity(options, one)
        else:
            result = _everything(options, one, reference, train, shared, parts, cutoffs)
        scored = Scored(name=one.name, report=result.report(), rejects=one.rejects)
        judged.append(Judged(scored=scored, samples=one.samples, result=result))
    publish(
        [one.scored for one in judged], options.outputs, samples=options.samples[0],
        title=f"De novo generation: {', '.join(names)}",
        sections=lambda: validity_sections(judged) if reference is None else dng_sections(judged),
    )  # fmt: skip


def _read(options: DNGOptions, name: str, path: str) -> _Set:
    read = samples_of(path, options.split, options.root)
    whole = read.flat()
    samples = {n: whole[n] for n in drawn(whole, options.limit)}
    rejects = {n: reason for n, reason in read.rejects().items() if n in samples}
    return _Set(
        name=name,
        samples=samples,
        rejects=rejects,
        asked=asked_groups(samples),
        numbers=numbers_of(samples),
    )


def _shared(sets: Sequence[_Set], reference: Mapping[str, Structure] | None) -> dict[str, list[float]]:
    """Return the reference's values of each property that it and some set of samples carry."""
    carried = {name for one in sets for name in one.numbers}
    known = {} if reference is None else numbers_of(reference)
    return {name: list(values.values()) for name, values in known.items() if name in carried}


def _validity(options: DNGOptions, one: _Set) -> ValidityResult:
    with sentences(), stages() as progress:
        return evaluate_validity(
            one.samples,
            table=options.table,
            asked_groups=one.asked,
            workers=options.compute.processes(),
            timeout_s=options.compute.limit(SAMPLE_LIMIT),
            progress=lambda done, total: progress(f"validity of {one.name}", done, total),
        )


def _everything(
    options: DNGOptions,
    one: _Set,
    reference: Mapping[str, Structure],
    train: Mapping[str, Structure] | None,
    shared: Mapping[str, Sequence[float]],
    parts: Sequence[str],
    cutoffs: Cutoffs | None,
) -> DNGResult:
    properties = {
        name: PropertyValues(samples=one.numbers.get(name, {}), reference=values)
        for name, values in shared.items()
    }
    with sentences(), stages() as progress:
        return evaluate_dng(
            one.samples,
            dict(reference),
            train=train,
            cutoffs=cutoffs,
            table=options.table,
            properties=properties,
            asked_groups=one.asked,
            parts=parts,
            cache=options.compute.folder(),
            workers=options.compute.where(),
            timeout_s=options.compute.limit(STAGE_LIMIT),
            progress=lambda stage, done, total: progress(f"{one.name}: {stage}", done, total),
        )


def _parts(options: DNGOptions) -> tuple[str, ...]:
    if options.parts is None:
        return PARTS
    return tuple(choose("--parts", part.strip(), PARTS) for part in options.parts.split(",") if part.strip())


def _cutoffs(options: DNGOptions) -> Cutoffs | None:
    """Return the cut-offs by name, as two numbers, or those of the reference."""
    if options.cutoffs is None:
        name = divide(options.reference or CUTOFFS, options.split)[0]
        if name not in WITH_CUTOFFS:
            notify(
                f"no coverage cut-offs are published for {name}: those of {CUTOFFS} are used; see --cutoffs"
            )
            name = CUTOFFS
        return cutoffs_for(name)
    match parse_cutoffs(options.cutoffs):
        case "none":
            return None
        case str(name):
            return cutoffs_for(name)
        case structure, composition:
            return Cutoffs(structure=structure, composition=composition)
