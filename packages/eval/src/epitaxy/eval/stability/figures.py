"""The figures of a stability result, with their intervals and what a reader must know of them."""

from collections.abc import Mapping, Sequence

import numpy as np

from epitaxy.eval.intervals import bootstrap_interval, wilson_interval
from epitaxy.eval.report import Report
from epitaxy.eval.stability.conventions import CONVENTIONS
from epitaxy.eval.stability.judged import JudgedSamples

_DEFINITION = (
    "Each sample is relaxed, atoms and cell, and its energy compared with the convex hull of known "
    "phases, of which no sample is part. Rates are over all samples: one that is unreadable, whose relaxing "
    "failed or whose hull is unknown counts as not stable. S.U.N.: stable and, relaxed, the one of its kind "
    "among the samples that counts, and not in the training set. rmsd: StructureMatcher (0.3, 0.5, 10 "
    "degrees) between a sample and itself relaxed, "
    "over (volume per atom)^(1/3), mean over those that match; displacement: root mean square way of the "
    "atoms against the cell, in angstrom. Energies in eV/atom. Seconds of relaxation are processor "
    "time, relaxations that failed left out; of generation wall-clock."
)

NEAR = 0.002
"""eV/atom within which relaxations of one phase, written in several ways, agree in the tests: so close, two
are equally low."""


def report_of(result: JudgedSamples) -> Report:
    """Give the figures with their intervals, counts and notes."""
    counts, values = result.counts(), _values(result)
    rates = _rates(counts, placed=bool(result.placed()))
    metrics = rates | {name: _mean(some) for name, some in values.items()}
    metrics |= {"e_hull_median": _median(values["e_hull_mean"]), **_costs(result, counts, values)}
    intervals = {name: wilson_interval(counts[name], counts["samples"]) for name in rates if name in counts}
    intervals["converged"] = wilson_interval(counts["relaxed"] - counts["not_converged"], counts["relaxed"])
    intervals |= {name: bootstrap_interval(some) for name, some in values.items()}
    return Report(
        protocol=_protocol(result),
        counts=counts,
        metrics=metrics,
        intervals={n: i for n, i in intervals.items() if i is not None and metrics[n] is not None},
        notes=_notes(result, counts, metrics),
        ids=_ids(result),
    )


def _rates(counts: Mapping[str, int], *, placed: bool) -> dict[str, float | None]:
    """Divide by all samples; None where none could be compared, which is no finding."""
    names = [name for c in CONVENTIONS.values() for name in (c.name, c.sun)]
    rates = {name: counts[name] / counts["samples"] if placed and name in counts else None for name in names}
    relaxed = counts["relaxed"]
    return rates | {"converged": (relaxed - counts["not_converged"]) / relaxed if relaxed else None}


def _values(result: JudgedSamples) -> dict[str, list[float]]:
    """List what is averaged."""
    relaxed = [candidate.relaxed for candidate in result.candidates if candidate.relaxed is not None]
    return {
        "e_hull_mean": [c.e_hull for c in result.candidates if c.e_hull is not None],
        "rmsd": [one.rmsd for one in relaxed if one.rmsd is not None],
        "displacement": [one.displacement for one in relaxed],
        "relaxation_seconds": [one.seconds for one in relaxed],
    }


def _costs(
    result: JudgedSamples, counts: Mapping[str, int], values: Mapping[str, Sequence[float]]
) -> dict[str, float | None]:
    """Give the seconds that one find costs, by what they were spent on."""
    spent = {
        "generation_seconds": result.generation_seconds,
        "relaxation_seconds": float(sum(values["relaxation_seconds"])),
    }
    return {
        f"{name}_per_{kind}": seconds / counts[kind] if seconds is not None and counts.get(kind) else None
        for name, seconds in spent.items()
        for convention in CONVENTIONS.values()
        for kind in (convention.name, convention.sun)
    }


def _protocol(result: JudgedSamples) -> dict[str, object]:
    return {
        "name": "stability",
        "definition": _DEFINITION,
        "parameters": {
            "potential": result.potential,
            "version": result.version,
            "fmax": result.settings.fmax,
            "max_steps": result.settings.max_steps,
            "max_atoms": result.settings.max_atoms,
            "pressure": result.settings.pressure,
            "keep_symmetry": result.settings.keep_symmetry,
            "generation_seconds": result.generation_seconds,
            "conventions": {c.name: c.definition for c in CONVENTIONS.values()},
            "hull": {
                "source": result.hull.source,
                "potential": result.hull.potential,
                "statement": result.hull.statement,
                "phases": len(result.hull.entries),
                "systems": result.hull.covers(),
            },
        },
    }


def _notes(
    result: JudgedSamples, counts: Mapping[str, int], metrics: Mapping[str, float | None]
) -> dict[str, str]:
    missing = [name for name, value in metrics.items() if value is None]
    notes = {name: _why_missing(result, counts, name) for name in missing}
    notes["hull"] = result.hull.statement
    if counts["not_converged"]:
        notes["not_converged"] = (
            f"{counts['not_converged']} relaxations ended after {result.settings.max_steps} steps above "
            f"{result.settings.fmax:g} eV/angstrom; their energies are upper bounds"
        )
    close = sum(abs(c.e_hull) < NEAR for c in result.placed() if c.e_hull is not None)
    if close:
        notes["stable"] = (
            f"{close} samples lie within {NEAR:g} eV/atom of the hull: a known phase found again falls on "
            "either side of it by how far its relaxation went, so count it as a find only if it is novel"
        )
    lost = result.without_hull()
    if lost and result.hull.entries:
        reasons = dict.fromkeys(candidate.above.reason for candidate in lost)
        notes["without_hull"] = f"counted as not stable: {'; '.join(reasons)}"
    if counts["hull_failed"]:
        notes["hull_failed"] = "known phases without an energy: the hull may lie lower than found"
    return notes


def _why_missing(result: JudgedSamples, counts: Mapping[str, int], name: str) -> str:
    sun = {convention.sun: convention.name for convention in CONVENTIONS.values()}
    kind = name.rpartition("_per_")[2]
    if not counts["samples"]:
        return "there are no samples"
    if not counts["relaxed"]:
        return "no sample could be relaxed"
    if name == "rmsd":
        return "no relaxed sample matches what it was relaxed from"
    if not result.placed():
        return "no sample could be compared with the hull"
    if kind in sun and (reason := result.without_sun()):
        return reason
    if name.startswith("generation") and result.generation_seconds is None:
        return "how long the samples took to generate was not given"
    return f"no sample is {sun[kind]}, unique and novel" if kind in sun else f"no sample is {kind}"


def _ids(result: JudgedSamples) -> dict[str, tuple[str, ...]]:
    failed = {
        f"failed_{kind}": tuple(c.id for c in result.candidates if c.status == kind)
        for kind in ("time", "error", "crash")
    }
    return {
        "unreadable": tuple(c.id for c in result.candidates if c.status == "unreadable"),
        **failed,
        "not_converged": tuple(
            c.id for c in result.candidates if c.relaxed is not None and not c.relaxed.converged
        ),
        "without_hull": tuple(candidate.id for candidate in result.without_hull()),
        "hull_failed": tuple(result.hull.failed),
    }


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None
