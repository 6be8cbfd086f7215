"""Cells of common types. To make the 192 operations of Fm-3m, pymatgen takes up to a second a crystal."""

from pymatgen.core import Lattice, Structure

CENTRES = ((0.0, 0.0, 0.0), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0))
MIDDLE = (0.5, 0.5, 0.5)


def face_centred(a: float, *species: str) -> Structure:
    """One element, or two as in rock salt, in the cubic cell of edge a."""
    sites = [(symbol, [c + n / 2 for c in at]) for n, symbol in enumerate(species) for at in CENTRES]
    return Structure(Lattice.cubic(a), *zip(*sites, strict=True))


def rock_salt(a: float, cation: str, anion: str) -> Structure:
    """The primitive cell of that of edge a."""
    return face_centred(a, cation, anion).get_primitive_structure()


def caesium_chloride(a: float, cation: str = "Cs", anion: str = "Cl") -> Structure:
    """Two atoms in the cubic cell of edge a."""
    return Structure(Lattice.cubic(a), [cation, anion], [CENTRES[0], MIDDLE])
