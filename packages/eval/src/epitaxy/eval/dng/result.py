"""What came of a set of samples against a reference, crystal by crystal and in figures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from jaxtyping import Float

from epitaxy.eval.dng.asked import ASKED_DEFINITION, AskedGroups
from epitaxy.eval.dng.coverage import Coverage
from epitaxy.eval.dng.describe import CRYSTAL_SYSTEMS, SYMPREC, Description, crystal_system
from epitaxy.eval.dng.distances import RESAMPLES, Transport, jensen_shannon, jensen_shannon_interval
from epitaxy.eval.dng.duplicates import Duplicates
from epitaxy.eval.dng.figures import Figures
from epitaxy.eval.dng.validity import ValidityResult
from epitaxy.eval.intervals import classes_interval
from epitaxy.eval.report import Report
from epitaxy.eval.symmetry import SPACE_GROUPS
from epitaxy.eval.symmetry import SYMPREC as ASKED_SYMPREC
from epitaxy.eval.validity import TABLE_NAMES
from epitaxy.eval.validity.structural import MIN_DISTANCE, MIN_VOLUME

PARTS = ("coverage", "distances", "space_groups", "duplicates")
"""What may be left out of an evaluation; validity never is."""

_DEFINITION = (
    "Rates are over all samples generated, unreadable ones included as failures. Valid: distances >= 0.5 "
    "A and volume >= 0.1 A^3, and CDVAE's SMACT rule with the named states. Coverage: nearest structure "
    "fingerprint (CrystalNN ops) and, independently, nearest composition fingerprint (132 standardised "
    "Magpie features) within the cut-offs; recall over references, precision over samples; joint: one "
    "crystal within both. Wasserstein distances of valid samples to all references: of all of them and, "
    "as in the tables, the mean over random draws of a fixed number. Jensen-Shannon distance (square "
    "root, natural logarithm) of the frequencies of the 230 space groups, valid samples. Uniqueness: "
    "classes of samples that match each other (connected components; both directions must match). "
    "Novelty: samples that match no training crystal. Intervals: 95 %; Wilson's of rates, bootstrap over "
    "samples of distances; of uniqueness as wide as Wilson's of the samples without a copy."
)
_SAMPLE_SIZE = "falls with the number of samples: compare only sets of one size"
_SKIPPED = "not asked for"
_COVERAGE = ("coverage_recall", "coverage_precision", "coverage_recall_joint", "coverage_precision_joint")


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyValues:
    """A numeric property of both sides.

    Attributes:
        samples: By sample id; samples without a value are left out, and counted.
        reference: The reference's values.

    """

    samples: Mapping[str, float]
    reference: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceGroups:
    """Space groups of both sides.

    Attributes:
        samples: Of each valid sample, by id.
        reference: Of each reference, by id.
        failures: Why a valid sample has none.
        reference_failures: Why a reference has none.

    """

    samples: Mapping[str, int]
    reference: Mapping[str, int]
    failures: Mapping[str, str]
    reference_failures: Mapping[str, str]

    def histograms(self) -> tuple[Float[np.ndarray, "230"], Float[np.ndarray, "230"]]:
        """Count both sides by number."""
        mine, theirs = (
            np.bincount(list(side.values()), minlength=SPACE_GROUPS + 1)[1:].astype(float)
            for side in (self.samples, self.reference)
        )
        return mine, theirs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DNGResult:
    """The result of :func:`evaluate_dng`.

    Attributes:
        samples: Every sample, in the order given.
        reference: Every reference.
        table: The oxidation-state table that says which samples are valid for distances.
        parts: Which of ``PARTS`` were asked for.
        coverage: Who covers whom; None if not asked for, or without cut-offs.
        groups: Space groups; None if not asked for.
        duplicates: Copies and known crystals; None if not asked for.
        asked: Whether samples have the space groups they were asked for; None if none was.
        properties: Further properties by name.
        matcher: The settings of the matcher behind ``duplicates``.
        draw_size: Samples a draw has.
        draws: Number of draws.
        seed: Of the draws and of bootstrap.

    """

    samples: tuple[Description, ...]
    reference: tuple[Description, ...]
    table: str
    parts: frozenset[str]
    coverage: Coverage | None
    groups: SpaceGroups | None
    duplicates: Duplicates | None
    asked: AskedGroups | None
    properties: Mapping[str, PropertyValues]
    matcher: Mapping[str, object]
    draw_size: int
    draws: int
    seed: int

    def valid(self) -> tuple[str, ...]:
        """Ids of the samples that are structurally and, by ``table``, compositionally valid."""
        return tuple(sample.id for sample in self.samples if sample.valid(self.table))

    def validity(self, table: str) -> ValidityResult:
        """Give the verdicts by one oxidation-state table.

        Raises:
            ValueError: If there is none of that name.

        """
        if table not in TABLE_NAMES:
            raise ValueError(
                f"no oxidation-state table is called {table!r}; there are {', '.join(TABLE_NAMES)}"
            )
        return ValidityResult(samples=tuple(sample.validity(table) for sample in self.samples), table=table)

    def distributions(self) -> dict[str, PropertyValues]:
        """Give density, number of elements and the further properties, of valid samples and reference."""
        valid = set(self.valid())
        given = {
            name: PropertyValues(
                samples={n: v for n, v in values.samples.items() if n in valid and isfinite(v)},
                reference=[v for v in values.reference if isfinite(v)],
            )
            for name, values in self.properties.items()
        }
        return {
            "density": PropertyValues(
                samples={s.id: s.density for s in self.samples if s.id in valid and s.density is not None},
                reference=[r.density for r in self.reference if r.density is not None],
            ),
            "elements": PropertyValues(
                samples={
                    s.id: float(s.elements) for s in self.samples if s.id in valid and s.elements is not None
                },
                reference=[float(r.elements) for r in self.reference if r.elements is not None],
            ),
            **given,
        }

    def report(self) -> Report:
        """Every figure with its count, interval and, where it could not be computed, the reason."""
        figures = Figures()
        figures.counts |= {"samples": len(self.samples), "reference": len(self.reference)}
        figures.named("unreadable", (sample.id for sample in self.samples if not sample.readable))
        figures.named("reference_unusable", (r.id for r in self.reference if not r.structural))
        self._add_validity(figures)
        self._add_coverage(figures)
        self._add_distances(figures)
        self._add_space_groups(figures)
        self._add_duplicates(figures)
        if self.asked is not None:
            self.asked.add_to(figures)
        return figures.report(self._protocol())

    def to_json(self) -> dict[str, object]:
        """Give the report as plain JSON values: protocol, counts, metrics, intervals, notes, ids."""
        return self.report().to_json()

    def _protocol(self) -> dict[str, object]:
        cutoffs = None if self.coverage is None else self.coverage.cutoffs
        return {
            "name": "dng",
            "definition": _DEFINITION if self.asked is None else f"{_DEFINITION} {ASKED_DEFINITION}",
            "parameters": {
                "min_distance": MIN_DISTANCE,
                "min_volume": MIN_VOLUME,
                "valid_by": self.table,
                "coverage_structure_cutoff": None if cutoffs is None else cutoffs.structure,
                "coverage_composition_cutoff": None if cutoffs is None else cutoffs.composition,
                "symprec": SYMPREC,
                "asked_symprec": None if self.asked is None else ASKED_SYMPREC,
                "matcher": dict(self.matcher),
                "draw_size": self.draw_size,
                "draws": self.draws,
                "bootstrap_resamples": RESAMPLES,
                "seed": self.seed,
            },
        }

    def _add_validity(self, figures: Figures) -> None:
        total, none = len(self.samples), "there are no samples"
        structural = sum(bool(sample.structural) for sample in self.samples)
        figures.rate("structural_validity", structural, total, without=none)
        for table in TABLE_NAMES:
            compositional = sum(bool(sample.compositional[table]) for sample in self.samples)
            figures.rate(f"compositional_validity_{table}", compositional, total, without=none)
            both = sum(sample.valid(table) for sample in self.samples)
            figures.rate(f"validity_{table}", both, total, without=none)

    def _add_coverage(self, figures: Figures) -> None:
        found = self.coverage
        if found is None:
            asked = "coverage" in self.parts
            figures.missing(_COVERAGE, "no cut-offs were given" if asked else _SKIPPED)
            return
        figures.named("fingerprint_failed", found.sample_failures)
        figures.named("reference_fingerprint_failed", found.reference_failures)
        references, samples = len(found.reference), len(found.samples)
        if not references:
            figures.missing(_COVERAGE, "no reference has a fingerprint")
            return
        none = "there are no samples"
        for name, hits in (
            ("coverage_recall", found.recalled),
            ("coverage_recall_joint", found.recalled_jointly),
        ):
            figures.rate(name, int(hits.sum()), references if samples else 0, without=none)
        figures.rate("coverage_precision", int(found.precise.sum()), samples, without=none)
        figures.rate("coverage_precision_joint", int(found.precise_jointly.sum()), samples, without=none)

    def _add_distances(self, figures: Figures) -> None:
        for name, values in self.distributions().items():
            mine, theirs = list(values.samples.values()), list(values.reference)
            whole, drawn = f"wasserstein_{name}", f"wasserstein_{name}_{self.draw_size}"
            names = (whole, drawn, f"{drawn}_sd")
            if "distances" not in self.parts:
                figures.missing(names, _SKIPPED)
                continue
            figures.counts[f"{whole}_samples"] = len(mine)
            if not mine or not theirs:
                figures.missing(
                    names, "no valid sample has a value" if theirs else "no reference has a value"
                )
                continue
            self._add_distance(figures, Transport(mine, theirs), names)

    def _add_distance(self, figures: Figures, transport: Transport, names: tuple[str, str, str]) -> None:
        whole, drawn, deviation = names
        figures.value(whole, transport.distance(), transport.interval(seed=self.seed))
        spread = transport.spread(self.draw_size, draws=self.draws, seed=self.seed)
        if spread is None:
            few = f"{transport.size} valid samples have a value, fewer than a draw of {self.draw_size}"
            figures.missing((drawn, deviation), few)
            return
        note = f"mean over {self.draws} seeded draws; its interval is that of the draws, 2.5 % to 97.5 %"
        figures.value(drawn, spread.mean, spread.interval, note)
        figures.value(deviation, spread.sd)

    def _add_space_groups(self, figures: Figures) -> None:
        shares = [f"{side}share_{system}" for side in ("", "reference_") for system in CRYSTAL_SYSTEMS]
        if self.groups is None:
            figures.missing(["jsd_space_groups", *shares], _SKIPPED)
            return
        figures.named("space_group_failed", self.groups.failures)
        figures.named("reference_space_group_failed", self.groups.reference_failures)
        for prefix, numbers, none in (
            ("", self.groups.samples, "no valid sample has a space group"),
            ("reference_", self.groups.reference, "no reference has a space group"),
        ):
            systems = Counter(crystal_system(number) for number in numbers.values())
            for system in CRYSTAL_SYSTEMS:
                figures.rate(f"{prefix}share_{system}", systems[system], len(numbers), without=none)
        mine, theirs = self.groups.histograms()
        figures.counts["space_group_samples"] = int(mine.sum())
        if not mine.any() or not theirs.any():
            side = "reference" if mine.any() else "valid sample"
            figures.missing(["jsd_space_groups"], f"no {side} has a space group")
            return
        interval = jensen_shannon_interval(mine, theirs, seed=self.seed)
        figures.value("jsd_space_groups", jensen_shannon(mine, theirs), interval, _SAMPLE_SIZE)

    def _add_duplicates(self, figures: Figures) -> None:
        found, total = self.duplicates, len(self.samples)
        novelties = ("novelty", "unique_novel", "valid_unique_novel")
        if found is None:
            figures.missing(("uniqueness", *novelties), _SKIPPED)
            return
        figures.named("not_compared", found.failures)
        figures.named("train_not_compared", found.train_failures)
        classes, none = found.classes(), "there are no samples"
        figures.rate("uniqueness", len(classes), total, without=none)
        if total:
            alone = sum(len(members) == 1 for members in classes.values())
            figures.intervals["uniqueness"] = classes_interval(len(classes), alone, total)
            figures.notes["uniqueness"] = _SAMPLE_SIZE
        if found.known is None:
            figures.missing(novelties, "no training crystals were given")
            return
        novel, valid = found.novel_classes(), set(self.valid())
        figures.rate("novelty", len(found.representative) - len(found.known), total, without=none)
        figures.rate("unique_novel", len(novel), total, without=none)
        both = sum(any(name in valid for name in classes[first]) for first in novel)
        figures.rate("valid_unique_novel", both, total, without=none)
        for name in ("unique_novel", "valid_unique_novel"):
            if total:
                figures.notes[name] = _SAMPLE_SIZE
