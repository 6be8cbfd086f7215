"""Validity rates of a set of generated crystals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pymatgen.core.structure import Structure

from epitaxy.eval.dng.asked import ASKED_DEFINITION, AskedGroups, match_asked
from epitaxy.eval.dng.figures import Figures
from epitaxy.eval.isolation import Done, Failed, Progress, map_isolated
from epitaxy.eval.report import Report
from epitaxy.eval.symmetry import SYMPREC
from epitaxy.eval.validity import Validity, compositional_validity, oxidation_table, structural_validity
from epitaxy.eval.validity.structural import MIN_DISTANCE, MIN_VOLUME

SAMPLE_LIMIT = 60.0
"""Wall-clock seconds for one sample unless told otherwise. A sample takes about a millisecond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleValidity:
    """One sample's verdicts.

    Attributes:
        id: Its id.
        readable: Whether there was a structure to judge.
        structural: Whether it is geometrically possible.
        compositional: Whether it is chemically possible.

    """

    id: str
    readable: bool
    structural: Validity
    compositional: Validity


@dataclass(frozen=True, slots=True)
class _Judge:
    """Judges one structure; picklable."""

    table: str

    def __call__(self, structure: Structure | None) -> tuple[Validity, Validity]:
        composition = None if structure is None else structure.composition
        return structural_validity(structure), compositional_validity(composition, table=self.table)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidityResult:
    """The result of :func:`evaluate_validity`.

    Attributes:
        samples: Every sample, in the order given.
        table: The oxidation-state table of compositional validity.
        asked: Whether samples have the space groups they were asked for; None if none was.

    """

    samples: tuple[SampleValidity, ...]
    table: str
    asked: AskedGroups | None = None

    def report(self) -> Report:
        """Rates over all samples, the unreadable ones included as failures, with 95 % Wilson intervals."""
        figures, total = Figures(), len(self.samples)
        figures.counts["samples"] = total
        figures.named("unreadable", (sample.id for sample in self.samples if not sample.readable))
        for name, count in self._valid().items():
            figures.rate(name, count, total, without="there are no samples")
        if self.asked is not None:
            self.asked.add_to(figures)
        return figures.report(
            {
                "name": "validity",
                "definition": (
                    "Structural: distances >= 0.5 A and volume >= 0.1 A^3. Compositional: CDVAE's SMACT rule "
                    f"with {self.table} states. Rates over all samples; an unreadable one is invalid."
                )
                + ("" if self.asked is None else f" {ASKED_DEFINITION}"),
                "parameters": {
                    "min_distance": MIN_DISTANCE,
                    "min_volume": MIN_VOLUME,
                    "oxidation_table": self.table,
                }
                | ({} if self.asked is None else {"asked_symprec": SYMPREC}),
            }
        )

    def to_json(self) -> dict[str, object]:
        """Give the report as plain JSON values: protocol, counts, metrics, intervals, notes, ids."""
        return self.report().to_json()

    def _valid(self) -> dict[str, int]:
        """How many samples are valid, by the name of the rate."""
        verdicts = [(bool(sample.structural), bool(sample.compositional)) for sample in self.samples]
        return {
            "structural_validity": sum(structural for structural, _ in verdicts),
            "compositional_validity": sum(compositional for _, compositional in verdicts),
            "validity": sum(structural and compositional for structural, compositional in verdicts),
        }


def evaluate_validity(
    structures: Mapping[str, Structure | None] | Sequence[Structure | None],
    *,
    table: str = "smact14",
    asked_groups: Mapping[str, int] | None = None,
    workers: int = 0,
    timeout_s: float | None = SAMPLE_LIMIT,
    progress: Progress | None = None,
) -> ValidityResult:
    """Structural and compositional validity of generated crystals.

    Args:
        structures: The samples, by id or in order (their ids are then "0", "1", ...); None for an unreadable
            one.
        table: The oxidation-state table, one of ``TABLE_NAMES``.
        asked_groups: The space group that a sample was asked to have, by its id; None if none was.
        workers: Worker processes; 0 works in this process. The verdicts do not depend on it.
        timeout_s: Wall-clock seconds for one sample; None for no limit. One that takes longer is invalid.
        progress: Called as ``progress(done, total)`` after each sample.

    Returns:
        The verdicts and, by ``report()`` or ``to_json()``, their rates.

    Raises:
        ValueError: If no table or space group is of that name, or ``workers`` or ``timeout_s`` make no sense.
        RuntimeError: If a worker process cannot start.

    """
    oxidation_table(table)
    named = structures if isinstance(structures, Mapping) else {str(n): s for n, s in enumerate(structures)}
    outcomes = map_isolated(
        _Judge(table), list(named.values()), workers=workers, limit=timeout_s, progress=progress
    )
    samples = tuple(
        _sample(name, named[name] is not None, o) for name, o in zip(named, outcomes, strict=True)
    )
    if not asked_groups:
        return ValidityResult(samples=samples, table=table)
    valid = frozenset(sample.id for sample in samples if sample.structural)
    asked = match_asked(named, asked_groups, valid, workers=workers, timeout_s=timeout_s)
    return ValidityResult(samples=samples, table=table, asked=asked)


def _sample(name: str, readable: bool, outcome: Done[tuple[Validity, Validity]] | Failed) -> SampleValidity:
    if isinstance(outcome, Failed):
        verdict = Validity(False, outcome.reason)
        return SampleValidity(id=name, readable=readable, structural=verdict, compositional=verdict)
    structural, compositional = outcome.value
    return SampleValidity(id=name, readable=readable, structural=structural, compositional=compositional)
