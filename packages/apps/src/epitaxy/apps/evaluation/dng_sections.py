"""The page of a de novo evaluation: distributions against the reference, coverage, best and worst."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pymatgen.core import Structure

from epitaxy.apps.report.charts import density_figure, rates_figure, shares_figure, space_groups_figure
from epitaxy.apps.report.page import Section
from epitaxy.apps.report.scores import Scored, is_rate
from epitaxy.apps.report.structure3d import structure_figure
from epitaxy.eval import ValidityResult
from epitaxy.eval.dng import Description, DNGResult

GALLERY = 6
"""Samples shown at each end."""

_WHISKERS = "Whiskers are 95 % intervals."
_UNITS = {"density": "density, g/cm³", "elements": "number of elements"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One set of samples and what came of it."""

    scored: Scored
    samples: Mapping[str, Structure | None]
    result: DNGResult | ValidityResult


def validity_sections(sets: Sequence[Judged]) -> list[Section]:
    """Return what there is to see without a reference."""
    names = [name for name in sets[0].scored.report.metrics if "validity" in name]
    rates = rates_figure([one.scored for one in sets], names)
    sections = [Section(title="Validity", note=_WHISKERS, figures=[rates])]
    sections += _asked([one.scored for one in sets])
    for one in sets:
        if isinstance(one.result, ValidityResult):
            verdicts = {
                s.id: s.structural.reason or s.compositional.reason for s in one.result.samples if s.readable
            }
            ranks = {name: float(reason is None) for name, reason in verdicts.items()}
            sections += _gallery(one, ranks, {n: r or "valid" for n, r in verdicts.items()})
    return sections


def dng_sections(sets: Sequence[Judged]) -> list[Section]:
    """Return the distributions against the reference, then each set's best and worst."""
    results = [(one.scored.name, one.result) for one in sets if isinstance(one.result, DNGResult)]
    report = sets[0].scored.report
    elsewhere = ("share_", "reference_share_", "coverage_", "space_group_")
    rates = [n for n in report.metrics if is_rate(report, n) and not n.startswith(elsewhere)]
    scored = [one.scored for one in sets]
    sections = [
        Section(title="Rates", note=_WHISKERS, figures=[rates_figure(scored, rates)]),
        *_coverage(scored),
        *_asked(scored),
        *_distributions(results),
        *_space_groups(results),
    ]
    for one in sets:
        if isinstance(one.result, DNGResult):
            sections += _gallery(one, _ranks(one.result), _captions(one.result))
    return sections


def _coverage(sets: Sequence[Scored]) -> list[Section]:
    note = (
        "Recall: references that the samples reach. Precision: samples near the reference. Joint: one "
        "crystal within both cut-offs."
    )
    return _rates_section("Coverage", note, sets, "coverage_")


def _asked(sets: Sequence[Scored]) -> list[Section]:
    note = (
        "Kept: every operation of the space group that was asked for. Exact: and no more symmetry than that."
    )
    return _rates_section("Space group asked for", note, sets, "space_group_")


def _rates_section(title: str, note: str, sets: Sequence[Scored], start: str) -> list[Section]:
    """Return bars of the rates whose names start so; nothing where no set has any."""
    names = dict.fromkeys(name for one in sets for name in one.report.metrics if name.startswith(start))
    if not any(one.report.metrics.get(name) is not None for one in sets for name in names):
        return []
    return [Section(title=title, note=f"{note} {_WHISKERS}", figures=[rates_figure(sets, list(names))])]


def _distributions(results: Sequence[tuple[str, DNGResult]]) -> list[Section]:
    held = [(name, result.distributions()) for name, result in results]
    figures = []
    for quantity in held[0][1]:
        sides = {name: list(found[quantity].samples.values()) for name, found in held}
        reference = list(held[0][1][quantity].reference)
        draw = shares_figure if quantity == "elements" else density_figure
        figures.append(draw(sides, reference, quantity=_UNITS.get(quantity, quantity)))
    return [Section(title="Distributions", note="Valid samples against the reference.", figures=figures)]


def _space_groups(results: Sequence[tuple[str, DNGResult]]) -> list[Section]:
    groups = [(name, result.groups) for name, result in results if result.groups is not None]
    if not groups:
        return []
    sides = {name: list(found.samples.values()) for name, found in groups}
    reference = list(groups[0][1].reference.values())
    note = "Valid samples against the reference, on a logarithmic scale; where there is no bar there is none."
    return [Section(title="Space groups", note=note, figures=[space_groups_figure(sides, reference)])]


def _ranks(result: DNGResult) -> dict[str, float]:
    """Count what speaks for each readable sample: valid, near the reference, the first of its kind, new."""
    coverage, duplicates = result.coverage, result.duplicates
    precise = {} if coverage is None else dict(zip(coverage.samples, coverage.precise.tolist(), strict=True))
    first = {} if duplicates is None else duplicates.representative
    known = None if duplicates is None else duplicates.known
    return {
        s.id: 4.0 * bool(s.structural)
        + 2.0 * s.valid(result.table)
        + bool(precise.get(s.id))
        + 0.5 * (first.get(s.id) == s.id)
        + 0.5 * (known is not None and s.id in first and s.id not in known)
        for s in result.samples
        if s.readable
    }


def _captions(result: DNGResult) -> dict[str, str]:
    groups = {} if result.groups is None else result.groups.samples
    known = {} if result.duplicates is None else result.duplicates.known or {}

    def caption(sample: Description) -> str:
        reason = sample.structural.reason or sample.compositional[result.table].reason
        options = [reason or "valid"]
        if sample.id in groups:
            options.append(f"space group {groups[sample.id]}")
        if sample.id in known:
            options.append(f"as training crystal {known[sample.id]}")
        return ", ".join(options)

    return {sample.id: caption(sample) for sample in result.samples}


def _gallery(one: Judged, ranks: Mapping[str, float], captions: Mapping[str, str]) -> list[Section]:
    """Show the samples for which most speaks and those for which least does; of equals the first."""
    ranked = sorted(ranks, key=lambda name: -ranks[name])
    ends = (("best", ranked[:GALLERY]), ("worst", ranked[GALLERY:][-GALLERY:]))
    sections = []
    for title, names in ends:
        shown = [(name, structure) for name in names if (structure := one.samples[name]) is not None]
        figures = [
            structure_figure(s, title=f"{name}: {s.composition.reduced_formula}<br>{captions[name][:60]}")
            for name, s in shown
        ]
        if figures:
            sections.append(Section(title=f"{one.scored.name}: {title}", figures=figures, gallery=True))
    return sections
