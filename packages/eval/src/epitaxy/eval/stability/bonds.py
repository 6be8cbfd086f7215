"""Whether atoms are as far apart as atoms are; where not, potentials have holes, which relaxing finds."""

import numpy as np
from pymatgen.core import Structure

CLOSEST = 0.6
"""Of the sum of two covalent radii; the shortest bonds are longer (N2 has 0.77, quintuple Cr-Cr 0.66)."""


def impossible_bond(structure: Structure) -> str | None:
    """Name the pair of atoms that are closer than in any bond between their elements; None if none are."""
    from ase.data import covalent_radii

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
