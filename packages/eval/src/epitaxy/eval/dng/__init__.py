"""De novo generation: metrics of a set of samples."""

from epitaxy.eval.dng.validity import SampleValidity, ValidityResult, evaluate_validity

__all__ = ["SampleValidity", "ValidityResult", "evaluate_validity"]
