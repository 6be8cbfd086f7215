"""De novo generation: metrics of a set of samples."""

from epitaxy.eval.dng.asked import AskedGroups, match_asked
from epitaxy.eval.dng.coverage import Coverage, measure_coverage
from epitaxy.eval.dng.describe import CRYSTAL_SYSTEMS, SYMPREC, Description, crystal_system
from epitaxy.eval.dng.distances import Spread, Transport, jensen_shannon
from epitaxy.eval.dng.duplicates import Duplicates, find_duplicates
from epitaxy.eval.dng.evaluate import evaluate_dng
from epitaxy.eval.dng.large import LARGEST_CELL
from epitaxy.eval.dng.result import PARTS, DNGResult, PropertyValues, SpaceGroups
from epitaxy.eval.dng.validity import SampleValidity, ValidityResult, evaluate_validity

__all__ = [
    "CRYSTAL_SYSTEMS",
    "LARGEST_CELL",
    "PARTS",
    "SYMPREC",
    "AskedGroups",
    "Coverage",
    "DNGResult",
    "Description",
    "Duplicates",
    "PropertyValues",
    "SampleValidity",
    "SpaceGroups",
    "Spread",
    "Transport",
    "ValidityResult",
    "crystal_system",
    "evaluate_dng",
    "evaluate_validity",
    "find_duplicates",
    "jensen_shannon",
    "match_asked",
    "measure_coverage",
]
