"""``epitaxy eval dng``: samples of a generative model against a reference and its training set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pymatgen.core import Structure

from epitaxy.apps.cli.evaluation.crystals import divide, drawn, known_crystals, samples_of, short_names
from epitaxy.apps.cli.evaluation.dng_sections import Judged, dng_sections, validity_sections
from epitaxy.apps.cli.evaluation.publish import publish
from epitaxy.apps.cli.evaluation.settings import Labour, Outputs, choose, sentences, stages
from epitaxy.apps.errors import UsageError
from epitaxy.apps.report.scores import Scored
from epitaxy.apps.say import say
from epitaxy.eval import TABLE_NAMES, ValidityResult, evaluate_validity
from epitaxy.eval.dng import PARTS, DNGResult, evaluate_dng
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
    judged = []
    for name, path in zip(names, words.samples, strict=True):
        read = samples_of(path, words.split, words.root)
        whole = read.flat()
        samples = {n: whole[n] for n in drawn(whole, words.limit)}
        result: DNGResult | ValidityResult
        if reference is None:
            result = _validity(words, name, samples)
        else:
            result = _everything(words, name, samples, reference, train, parts, cutoffs)
        rejects = {n: reason for n, reason in read.rejects().items() if n in samples}
        scored = Scored(name=name, report=result.report(), rejects=rejects)
        judged.append(Judged(scored=scored, samples=samples, result=result))
    publish(
        [one.scored for one in judged], words.outputs, samples=words.samples[0],
        title=f"De novo generation: {', '.join(words.samples)}",
        sections=lambda: validity_sections(judged) if reference is None else dng_sections(judged),
    )  # fmt: skip


def _validity(words: DNGWords, name: str, samples: Mapping[str, Structure | None]) -> ValidityResult:
    with sentences(), stages() as progress:
        return evaluate_validity(
            samples,
            table=words.table,
            workers=words.labour.processes(),
            timeout_s=words.labour.limit(SAMPLE_LIMIT),
            progress=lambda done, total: progress(f"validity of {name}", done, total),
        )


def _everything(
    words: DNGWords,
    name: str,
    samples: Mapping[str, Structure | None],
    reference: Mapping[str, Structure],
    train: Mapping[str, Structure] | None,
    parts: Sequence[str],
    cutoffs: Cutoffs | None,
) -> DNGResult:
    with sentences(), stages() as progress:
        return evaluate_dng(
            samples,
            dict(reference),
            train=train,
            cutoffs=cutoffs,
            table=words.table,
            parts=parts,
            cache=words.labour.folder(),
            workers=words.labour.where(),
            timeout_s=words.labour.limit(STAGE_LIMIT),
            progress=lambda stage, done, total: progress(f"{name}: {stage}", done, total),
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
