"""Whether atoms are as far apart as atoms are: where not, potentials have holes that relaxing finds."""

import numpy as np
from ase.data import covalent_radii
from pymatgen.core import Structure

from epitaxy.apps.sampling.soundness import crystal_fault

CLOSEST = 0.6
"""Of the sum of two covalent radii; the shortest bonds are longer (N2 has 0.77, quintuple Cr-Cr 0.66)."""


def fault(structure: Structure) -> str | None:
    """Say why a structure cannot be a crystal; None if it may be one."""
    reason = crystal_fault(structure)
    if reason is not None:
        return reason
    radii = covalent_radii[np.array([site.specie.Z for site in structure])]
    one, other, _, distances = structure.get_neighbor_list(CLOSEST * 2 * float(radii.max()))
    if not len(distances):
        return None
    shares = distances / (radii[one] + radii[other])
    least = int(shares.argmin())
    if shares[least] >= CLOSEST:
        return None
    pair = "-".join(sorted(structure[int(n)].specie.symbol for n in (one[least], other[least])))
    return f"{pair} of {distances[least]:.2f} angstrom, shorter than any bond between them"
