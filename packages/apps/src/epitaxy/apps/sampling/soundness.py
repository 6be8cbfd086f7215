"""Whether what was sampled can be a structure at all: looked at before anything is written."""

import numpy as np
from ase import Atoms
from pymatgen.core import Structure
from scipy.spatial.distance import pdist

from epitaxy.apps.requests.sample import Sample
from epitaxy.data.molecules import LEAST_DISTANCE
from epitaxy.eval.validity import structural_validity

DENSEST = 30.0
"""g/cm3: osmium has 22.6."""
EMPTIEST = 200.0
"""Cubic angstrom an atom: caesium has 115."""


def checked(sample: Sample) -> Sample:
    """Return the sample, without its structure and with the reason where that is none."""
    fault = None
    if sample.crystal is not None:
        fault = crystal_fault(sample.crystal)
    elif sample.molecule is not None:
        fault = molecule_fault(sample.molecule)
    return sample if fault is None else Sample(request=sample.request, structure=None, reason=fault)


def crystal_fault(crystal: Structure) -> str | None:
    """Say why a crystal cannot be one: atoms within 0.5 angstrom, a density that none has, or no numbers."""
    verdict = structural_validity(crystal)
    if not verdict:
        return verdict.reason
    if float(crystal.density) > DENSEST:
        return f"a density of {float(crystal.density):.0f} g/cm3, and no crystal has over {DENSEST:g}"
    space = crystal.volume / len(crystal)
    if space > EMPTIEST:
        return f"{space:.0f} cubic angstrom an atom, and no crystal has over {EMPTIEST:g}"
    return None


def molecule_fault(molecule: Atoms) -> str | None:
    """Say why a molecule cannot be one: atoms nearer than readers take, or a coordinate that is none."""
    if not np.isfinite(molecule.positions).all():
        return "a coordinate is not a number"
    closest = float(pdist(molecule.positions).min()) if len(molecule) > 1 else LEAST_DISTANCE
    return None if closest >= LEAST_DISTANCE else f"two atoms are {closest:.3f} angstrom apart"
