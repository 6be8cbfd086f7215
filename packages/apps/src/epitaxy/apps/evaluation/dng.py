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
from epitaxy.apps.evaluation.settings import Labour, Outputs, sentences, stages
from epitaxy.apps.foundation.checks import choose
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.messages import say
from epitaxy.apps.report.scores import Scored
from epitaxy.eval import TABLE_NAMES, ValidityResult, evaluate_validity
from epitaxy.eval.dng import PARTS, DNGResult, PropertyValues, evaluate_dng
from epitaxy.eval.fingerprints import DATASETS as WITH_CUTOFFS
from epitaxy.eval.fingerprints import Cutoffs, cutoffs_for

CUTOFFS = "mp_20"
"""Taken where the reference has none published."""

SAMPLE_LIMIT, STAGE_LIMIT = 60.0, 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DNGWords:
    """What the user typed after ``eval dng``."""

    samples: Sequence[str]
    reference: str | None
    train: str | None
    split: str
    root: Path | None
    table: str
    cutoffs: str | None
    parts: str | None
    limit: int | None
    labour: Labour
    outputs: Outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class _Set:
    """One set of samples as it was read: with the groups asked for and the numbers that samples carry."""

    name: str
    samples: Mapping[str, Structure | None]
    rejects: Mapping[str, str]
    asked: Mapping[str, int]
    numbers: Mapping[str, Mapping[str, float]]


def run_dng(words: DNGWords) -> None:
    """Score de novo samples: all metrics against a reference, validity alone without one."""
    choose("--protocol-table", words.table, TABLE_NAMES)
    words.outputs.check(len(words.samples))
    words.labour.check(STAGE_LIMIT)
    parts, cutoffs = _parts(words), _cutoffs(words)
    if words.reference is None and (words.train is not None or words.parts is not None):
        raise UsageError("--train and --parts need a --reference: name a dataset or a file")
    names = short_names(words.samples)
    reference = None if words.reference is None else known_crystals(words.reference, words.split, words.root)
    train = None if words.train is None else known_crystals(words.train, "train", words.root)
    sets = [_read(words, name, path) for name, path in zip(names, words.samples, strict=True)]
    shared = _shared(sets, reference)
    judged = []
    for one in sets:
        result: DNGResult | ValidityResult
        if reference is None:
            result = _validity(words, one)
        else:
            result = _everything(words, one, reference, train, shared, parts, cutoffs)
        scored = Scored(name=one.name, report=result.report(), rejects=one.rejects)
        judged.append(Judged(scored=scored, samples=one.samples, result=result))
    publish(
        [one.scored for one in judged], words.outputs, samples=words.samples[0],
        title=f"De novo generation: {', '.join(names)}",
        sections=lambda: validity_sections(judged) if reference is None else dng_sections(judged),
    )  # fmt: skip


def _read(words: DNGWords, name: str, path: str) -> _Set:
    read = samples_of(path, words.split, words.root)
    whole = read.flat()
    samples = {n: whole[n] for n in drawn(whole, words.limit)}
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


def _validity(words: DNGWords, one: _Set) -> ValidityResult:
    with sentences(), stages() as progress:
        return evaluate_validity(
            one.samples,
            table=words.table,
            asked_groups=one.asked,
            workers=words.labour.processes(),
            timeout_s=words.labour.limit(SAMPLE_LIMIT),
            progress=lambda done, total: progress(f"validity of {one.name}", done, total),
        )


def _everything(
    words: DNGWords,
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
            table=words.table,
            properties=properties,
            asked_groups=one.asked,
            parts=parts,
            cache=words.labour.folder(),
            workers=words.labour.where(),
            timeout_s=words.labour.limit(STAGE_LIMIT),
            progress=lambda stage, done, total: progress(f"{one.name}: {stage}", done, total),
        )


def _parts(words: DNGWords) -> tuple[str, ...]:
    if words.parts is None:
        return PARTS
    return tuple(choose("--parts", part.strip(), PARTS) for part in words.parts.split(",") if part.strip())


def _cutoffs(words: DNGWords) -> Cutoffs | None:
    """Return the cut-offs by name, as two numbers, or those of the reference."""
    if words.cutoffs == "none":
        return None
    if words.cutoffs is None:
        name = divide(words.reference or CUTOFFS, words.split)[0]
        if name not in WITH_CUTOFFS:
            say(f"no coverage cut-offs are published for {name}: those of {CUTOFFS} are used; see --cutoffs")
            name = CUTOFFS
        return cutoffs_for(name)
    if words.cutoffs in WITH_CUTOFFS:
        return cutoffs_for(words.cutoffs)
    try:
        structure, composition = (float(number) for number in words.cutoffs.split(","))
        return Cutoffs(structure=structure, composition=composition)
    except ValueError:
        known = ", ".join(WITH_CUTOFFS)
        raise UsageError(
            f"--cutoffs {words.cutoffs}: choose {known}, none, or STRUCTURE,COMPOSITION such as 0.4,10"
        ) from None
