"""Energies that no compound has: a potential's holes, where its minima are not those of any crystal."""

from types import MappingProxyType

from pymatgen.core.composition import Composition

from epitaxy.eval.stability.methods import PBE, PBE_RAW

DEEPEST = 6.0
"""eV/atom below the elements. Of the 45,229 crystals of mp_20 the lowest has a formation energy of -5.2."""

# fmt: off
ELEMENTS = MappingProxyType({
    "H": -3.4, "He": 0.0, "Li": -1.9, "Be": -3.7, "B": -6.6, "C": -9.2, "N": -8.4, "O": -4.9, "F": -1.9,
    "Ne": 0.0, "Na": -1.3, "Mg": -1.6, "Al": -3.7, "Si": -5.3, "P": -5.4, "S": -4.1, "Cl": -1.9, "Ar": -0.1,
    "K": -1.1, "Ca": -2.0, "Sc": -6.3, "Ti": -7.8, "V": -9.1, "Cr": -9.5, "Mn": -9.1, "Fe": -8.4, "Co": -7.0,
    "Ni": -5.7, "Cu": -4.1, "Zn": -1.3, "Ga": -3.0, "Ge": -4.5, "As": -4.6, "Se": -3.5, "Br": -1.6,
    "Kr": -0.1, "Rb": -1.0, "Sr": -1.7, "Y": -6.4, "Zr": -8.5, "Nb": -10.0, "Mo": -10.7, "Tc": -10.3,
    "Ru": -9.1, "Rh": -7.3, "Pd": -5.2, "Ag": -2.8, "Cd": -0.9, "In": -2.7, "Sn": -3.9, "Sb": -4.1,
    "Te": -3.1, "I": -1.6, "Xe": 0.0, "Cs": -0.9, "Ba": -1.9, "La": -4.9, "Ce": -5.9, "Pr": -4.7, "Nd": -4.7,
    "Pm": -4.7, "Sm": -4.7, "Eu": -10.3, "Gd": -14.0, "Tb": -4.6, "Dy": -4.6, "Ho": -4.6, "Er": -4.5,
    "Tm": -4.5, "Yb": -1.5, "Lu": -4.5, "Hf": -9.9, "Ta": -11.9, "W": -12.8, "Re": -12.5, "Os": -11.2,
    "Ir": -8.8, "Pt": -6.1, "Au": -3.2, "Hg": -0.3, "Tl": -2.3, "Pb": -3.7, "Bi": -3.8, "Ac": -4.1,
    "Th": -7.4, "Pa": -9.4, "U": -11.2, "Np": -12.8, "Pu": -14.3,
})
# fmt: on
"""eV/atom of each element's lowest crystal in mp_20, by CHGNet 0.3.0: PBE's energies with +U, to 0.1."""


def impossible_energy(composition: Composition, energy: float, method: str | None) -> str | None:
    """Say that an energy is lower than that of any crystal; None if it may be one's.

    Relaxing may end far outside what a potential was trained on, where it answers anything: CHGNet was seen
    to converge 17 eV/atom below all known phases.

    Args:
        composition: What of.
        energy: eV/atom.
        method: What it stands for (:mod:`epitaxy.eval.stability.methods`). Nothing is said of energies whose
            zero is not PBE's, or of elements that mp_20 lacks.

    """
    if method not in (PBE, PBE_RAW) or any(e.symbol not in ELEMENTS for e in composition.elements):
        return None
    apart = sum(ELEMENTS[e.symbol] * composition.get_atomic_fraction(e) for e in composition.elements)
    if energy >= apart - DEEPEST:
        return None
    return f"{energy:.1f} eV/atom, {apart - energy:.1f} below its elements, as no compound is"
