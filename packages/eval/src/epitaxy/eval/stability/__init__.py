"""Relaxation, energy above the hull, and what is stable, unique and novel."""

from epitaxy.eval.stability.ase_potential import AsePotential
from epitaxy.eval.stability.batch import StageProgress, Work, energies_of, relax_all, relax_together, sound
from epitaxy.eval.stability.bonds import impossible_bond
from epitaxy.eval.stability.candidate import Candidate
from epitaxy.eval.stability.chgnet_potential import CHGNetPotential
from epitaxy.eval.stability.conventions import CONVENTIONS, StabilityConvention
from epitaxy.eval.stability.elements import impossible_energy
from epitaxy.eval.stability.entries import read_entries
from epitaxy.eval.stability.evaluate import check_energies, compared, evaluate_stability
from epitaxy.eval.stability.hull import NO_HULL, AboveHull, Hull, HullEntry, hull_of_entries
from epitaxy.eval.stability.judge import Labels, judge
from epitaxy.eval.stability.loading import load_potential
from epitaxy.eval.stability.methods import PBE, PBE_RAW
from epitaxy.eval.stability.potential import (
    Batched,
    Forces,
    LostError,
    Potential,
    Relaxed,
    RelaxSettings,
    is_batched,
    method_of,
)
from epitaxy.eval.stability.references import References, build_hull
from epitaxy.eval.stability.result import WINDOW, StabilityResult
from epitaxy.eval.stability.sevennet_potential import SevenNetPotential
from epitaxy.eval.stability.standard import Standard, standardised

__all__ = [
    "CONVENTIONS",
    "NO_HULL",
    "PBE",
    "PBE_RAW",
    "WINDOW",
    "AboveHull",
    "AsePotential",
    "Batched",
    "CHGNetPotential",
    "Candidate",
    "Forces",
    "Hull",
    "HullEntry",
    "Labels",
    "LostError",
    "Potential",
    "References",
    "RelaxSettings",
    "Relaxed",
    "SevenNetPotential",
    "StabilityConvention",
    "StabilityResult",
    "StageProgress",
    "Standard",
    "Work",
    "build_hull",
    "check_energies",
    "compared",
    "energies_of",
    "evaluate_stability",
    "hull_of_entries",
    "impossible_bond",
    "impossible_energy",
    "is_batched",
    "judge",
    "load_potential",
    "method_of",
    "read_entries",
    "relax_all",
    "relax_together",
    "sound",
    "standardised",
]
