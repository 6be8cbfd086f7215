"""``epitaxy eval csp``: predictions against the true structures of the same id."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import plotly.graph_objects as go
from pymatgen.core import Structure

from epitaxy.apps.evaluation.crystals import known_crystals, samples_of, short_names
from epitaxy.apps.evaluation.predictions import Predictions
from epitaxy.apps.evaluation.publish import joined, publish
from epitaxy.apps.evaluation.settings import Compute, Outputs, StageProgress, sentences, stages
from epitaxy.apps.foundation.checks import choose
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.report.charts import rates_figure, steps_figure
from epitaxy.apps.report.page import Section
from epitaxy.apps.report.scores import Scored
from epitaxy.apps.report.structure3d import structure_figure
from epitaxy.eval import PROTOCOLS, CSPResult, PairOutcome, ReferenceMatch, Report, match_csp
from epitaxy.eval.csp import match_everyone

GALLERY = 4
"""Predictions shown at each end, each beside its reference."""

EVERYONE = 20_000
"""Pairs up to which METRe is computed unasked: more would take longer than the matching itself."""

PAIR_LIMIT = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CSPOptions:
    """What ``eval csp`` is asked to do."""

    predictions: Sequence[str]
    reference: str
    protocol: str
    split: str
    root: Path | None
    all_references: bool
    metre: bool | None
    compute: Compute
    outputs: Outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class _Set:
    """One folder of predictions, matched."""

    scored: Scored
    predictions: Predictions
    references: Mapping[str, Structure]
    result: CSPResult


def run_csp(options: CSPOptions) -> None:
    """Match predictions with references of the same id."""
    choose("--protocol", options.protocol, sorted(PROTOCOLS))
    options.outputs.check(len(options.predictions))
    options.compute.check(PAIR_LIMIT)
    names = short_names(options.predictions)
    known = known_crystals(options.reference, options.split, options.root)
    sets = []
    for name, path in zip(names, options.predictions, strict=True):
        predictions = samples_of(path, options.split, options.root)
        sets.append(_score(options, name, predictions, _asked(options, path, predictions, known)))
    publish(
        [one.scored for one in sets], options.outputs, samples=options.predictions[0],
        title=f"Crystal structure prediction: {', '.join(names)} against {options.reference}",
        sections=lambda: _sections(sets),
    )  # fmt: skip


def _asked(
    options: CSPOptions, path: str, predictions: Predictions, known: Mapping[str, Structure]
) -> Mapping[str, Structure]:
    """Return the references that sampling was asked for, or all."""
    wanted = set(known)
    if predictions.asked is not None and not options.all_references:
        wanted &= set(predictions.asked)
    if not wanted & set(predictions.by_id):
        raise UsageError(
            f"no id of {path} is in {options.reference} ({options.split}): the two are paired by material id"
        )
    return {name: structure for name, structure in known.items() if name in wanted}


def _score(
    options: CSPOptions, name: str, predictions: Predictions, references: Mapping[str, Structure]
) -> _Set:
    compute = options.compute
    with sentences(), stages() as progress:
        result = match_csp(
            predictions.by_id,
            references,
            protocol=options.protocol,
            workers=compute.where(),
            timeout_s=compute.limit(PAIR_LIMIT),
            cache=compute.folder(),
            progress=lambda done, total: progress(f"matching {name}", done, total),
        )
        report = _with_everyone(options, name, predictions, references, result.report(), progress)
    scored = Scored(name=name, report=report, rejects=predictions.rejects())
    return _Set(scored=scored, predictions=predictions, references=references, result=result)


def _with_everyone(
    options: CSPOptions,
    name: str,
    predictions: Predictions,
    references: Mapping[str, Structure],
    report: Report,
    progress: StageProgress,
) -> Report:
    """Add METRe and cRMSE, or why they are left out."""
    generated = predictions.flat()
    pairs = _pairs(generated, references)
    if options.metre is False or (options.metre is None and pairs > EVERYONE):
        why = f"{pairs} pairs to match; ask for it by --metre" if options.metre is None else "not asked for"
        return replace(
            report,
            metrics={**report.metrics, "metre": None, "crmse": None},
            notes={**report.notes, "metre": why, "crmse": why},
        )
    everyone = match_everyone(
        generated,
        references,
        protocol=options.protocol,
        workers=options.compute.where(),
        timeout_s=options.compute.limit(PAIR_LIMIT),
        cache=options.compute.folder(),
        progress=lambda done, total: progress(f"matching everyone of {name}", done, total),
    )
    return joined(report, everyone.report(), prefix="metre_", key="metre")


def _pairs(generated: Mapping[str, Structure | None], references: Mapping[str, Structure]) -> int:
    """Count the pairs of one composition."""
    mine = Counter(s.composition.reduced_formula for s in generated.values() if s is not None)
    theirs = Counter(s.composition.reduced_formula for s in references.values())
    return sum(number * theirs[formula] for formula, number in mine.items())


def _sections(sets: Sequence[_Set]) -> list[Section]:
    rates = [n for n in sets[0].scored.report.metrics if n.startswith("match_rate") or n == "metre"]
    charts = [rates_figure([one.scored for one in sets], rates)]
    sections = [Section(title="Match rates", note="Whiskers are 95 % intervals.", figures=charts)]
    own = [(summary, one.scored) for one in sets if (summary := one.predictions.summary) is not None]
    paths = list(dict.fromkeys(str(summary["model"]["path"]) for summary, _ in own))
    names = dict(zip(paths, short_names(paths), strict=True))
    stepped = [(names[str(s["model"]["path"])], int(s["steps"]), scored) for s, scored in own]
    if len({steps for _, steps, _ in stepped}) > 1:
        sections.append(Section(title="Match rate against steps", figures=[steps_figure(stepped)]))
    return sections + [section for one in sets for section in _gallery(one)]


def _gallery(one: _Set) -> list[Section]:
    """Show the closest and the farthest matches, then what matched nothing, each beside its reference."""
    found = sorted(
        ((rms, match) for match in one.result.matches if (rms := match.rms(len(match.pairs))) is not None),
        key=lambda item: (item[0], item[1].id),
    )
    unmatched = [m for m in one.result.matches if m.pairs and m.rms(len(m.pairs)) is None]
    best = [match for _, match in found[:GALLERY]]
    worst = [match for _, match in found[GALLERY:][-GALLERY:]] + unmatched[:GALLERY]
    return [
        Section(
            title=f"{one.scored.name}: {title}", note=note, gallery=True,
            figures=[figure for match in matches for figure in _beside(one, match)],
        )
        for title, note, matches in (
            ("best", "The closest matches: prediction, then reference.", best),
            ("worst", "The farthest matches, then what matches nothing: prediction, then reference.", worst),
        )
        if matches
    ]  # fmt: skip


def _beside(one: _Set, match: ReferenceMatch) -> list[go.Figure]:
    place = min(range(len(match.pairs)), key=lambda n: (_rms(match.pairs[n]), n))
    pair, prediction = match.pairs[place], one.predictions.by_id[match.id][place]
    outcome = pair.status.value if pair.rms is None else f"displacement {pair.rms:.3f}"
    reference = structure_figure(one.references[match.id], title=f"{match.id}: reference")
    if prediction is None:
        return [reference]
    return [structure_figure(prediction, title=f"{match.id}: {outcome}"), reference]


def _rms(pair: PairOutcome) -> float:
    return float("inf") if pair.rms is None else pair.rms
