"""One prediction against one reference."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.periodic_table import Species
from pymatgen.core.structure import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer, SymmetryUndeterminedError

from epitaxy.eval.csp.protocols import CSPProtocol


class PairStatus(StrEnum):
    """What came of a pair."""

    MATCHED = "matched"
    UNMATCHED = "unmatched"
    OTHER_COMPOSITION = "other composition"
    OTHER_SPACE_GROUP = "other space group"
    INVALID = "invalid"
    REFERENCE_INVALID = "reference invalid"
    UNREADABLE = "unreadable"
    TIMED_OUT = "timed out"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOutcome:
    """What came of a pair, and how close it is.

    Attributes:
        status: What came of it.
        rms: Root mean square displacement over (volume per atom)^(1/3), no unit; None unless matched.
        reason: Why it is invalid, timed out or failed, or which space groups differ; None otherwise.

    """

    status: PairStatus
    rms: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class PairScorer:
    """Scores (prediction, reference) under a protocol, with one matcher for all pairs; picklable.

    References are taken as valid: whoever pairs them checks that once each.
    """

    protocol: CSPProtocol

    @cached_property
    def matcher(self) -> StructureMatcher:
        """The protocol's matcher, made once."""
        return self.protocol.matcher()

    def __call__(self, pair: tuple[Structure, Structure]) -> PairOutcome:
        """Ask for validity, then composition (it decides at once), the matcher, and the space groups."""
        prediction, reference = pair
        verdict = self.protocol.prediction.check(prediction)
        if not verdict:
            return PairOutcome(status=PairStatus.INVALID, reason=verdict.reason)
        if not same_reduced_composition(prediction, reference):
            return PairOutcome(status=PairStatus.OTHER_COMPOSITION)
        rms = rms_displacement(self.matcher, prediction, reference)
        if rms is None:
            return PairOutcome(status=PairStatus.UNMATCHED)
        if self.protocol.symprec is not None:
            groups = [space_group(s, symprec=self.protocol.symprec) for s in pair]
            if groups[0] is None or groups[0] != groups[1]:
                reason = f"prediction in {groups[0] or 'none'}, reference in {groups[1] or 'none'}"
                return PairOutcome(status=PairStatus.OTHER_SPACE_GROUP, reason=reason)
        return PairOutcome(status=PairStatus.MATCHED, rms=rms)


def same_reduced_composition(first: Structure, second: Structure) -> bool:
    """Whether two crystals have the same elements in the same ratios; oxidation states play no part."""
    mine, theirs = (s.composition.element_composition.fractional_composition for s in (first, second))
    return mine.almost_equals(theirs)


def rms_displacement(matcher: StructureMatcher, first: Structure, second: Structure) -> float | None:
    """Measure the root mean square displacement over (volume per atom)^(1/3); None without a match."""
    pair = (_elements_only(first), _elements_only(second))
    found = matcher.get_rms_dist(*pair)  # type: ignore[no-untyped-call]  # pymatgen left it unannotated
    return None if found is None else float(found[0])


def space_group(structure: Structure, *, symprec: float) -> int | None:
    """Find a crystal's space group, 1 to 230; None where spglib finds none.

    Lattice, elements and positions decide; oxidation states and magnetic moments play no part.
    """
    elements = [site.specie.symbol for site in structure]
    plain = Structure(structure.lattice, elements, structure.frac_coords)
    try:
        return int(SpacegroupAnalyzer(plain, symprec=symprec).get_space_group_number())
    except SymmetryUndeterminedError:
        return None


def _elements_only(structure: Structure) -> Structure:
    """Without oxidation states: the matcher tells Fe2+ from Fe, which no protocol means."""
    if not any(isinstance(species, Species) for species in structure.composition):
        return structure
    return structure.copy().remove_oxidation_states()
