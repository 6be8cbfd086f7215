"""Relaxation, energy above the hull, and what is stable, unique and novel."""

from epitaxy.eval.stability.ase_potential import AsePotential
from epitaxy.eval.stability.batch import StageProgress, Work, energies_of, relax_all
from epitaxy.eval.stability.candidate import Candidate
from epitaxy.eval.stability.chgnet_potential import CHGNetPotential
from epitaxy.eval.stability.conventions import CONVENTIONS, StabilityConvention
from epitaxy.eval.stability.entries import read_entries
from epitaxy.eval.stability.evaluate import evaluate_stability
from epitaxy.eval.stability.hull import AboveHull, Hull, HullEntry, hull_of_entries
from epitaxy.eval.stability.loading import load_potential
from epitaxy.eval.stability.potential import Potential, Relaxed, RelaxSettings
from epitaxy.eval.stability.references import References, build_hull
from epitaxy.eval.stability.result import StabilityResult

__all__ = [
    "CONVENTIONS",
    "AboveHull",
    "AsePotential",
    "CHGNetPotential",
    "Candidate",
    "Hull",
    "HullEntry",
    "Potential",
    "References",
    "RelaxSettings",
    "Relaxed",
    "StabilityConvention",
    "StabilityResult",
    "StageProgress",
    "Work",
    "build_hull",
    "energies_of",
    "evaluate_stability",
    "hull_of_entries",
    "load_potential",
    "read_entries",
    "relax_all",
]
