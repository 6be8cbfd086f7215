"""A strict reader of the plain P1 CIFs that pymatgen writes and the benchmark datasets are made of.

It is some fifty times faster than a general parser and refuses (returns None) whatever deviates from that
plain form in the least, so that a general parser decides. What it accepts it reads as pymatgen's `CifParser`
does: coordinates within 1e-4 (relative) of 1/3 and 2/3 are taken to mean them, positions lie in [0, 1), atoms
are sorted by electronegativity and, among equal ones, keep their order.
"""

import math
import re
from collections import Counter
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from pymatgen.core.periodic_table import Element

from epitaxy.data._cells import lattice_matrix
from epitaxy.data._cif_formula import is_full
from epitaxy.data._crystal import Crystal
from epitaxy.data._distances import volume
from epitaxy.data._volume import other_volume

_NUMBER = r"(\d+\.\d+)"

EDITED = 0.25
"""Part by which the declared volume may differ and the cell is taken, which is said: who writes another cell
into such a file leaves its volume. More is another unit or another crystal."""

_HEAD = re.compile(
    r"(?:#[^\n]*\n)?data_\S*\n"
    r"_symmetry_space_group_name_H-M +'P 1'\n"
    rf"_cell_length_a +{_NUMBER}\n_cell_length_b +{_NUMBER}\n_cell_length_c +{_NUMBER}\n"
    rf"_cell_angle_alpha +{_NUMBER}\n_cell_angle_beta +{_NUMBER}\n_cell_angle_gamma +{_NUMBER}\n"
    r"_symmetry_Int_Tables_number +1\n"
    r"_chemical_formula_structural +\S+\n"
    r"_chemical_formula_sum +'?([A-Za-z0-9 ]+)'?\n"
    r"_cell_volume +(\d+\.\d+)\n_cell_formula_units_Z +(\d{1,4})\n"
    r"loop_\n _symmetry_equiv_pos_site_id\n _symmetry_equiv_pos_as_xyz\n  1  'x, y, z'\n"
    r"loop_\n _atom_site_type_symbol\n _atom_site_label\n _atom_site_symmetry_multiplicity\n"
    r" _atom_site_fract_x\n _atom_site_fract_y\n _atom_site_fract_z\n _atom_site_occupancy\n"
)
_ATOM = re.compile(
    r"  ([A-Z][a-z]?)  \S+  1  (-?\d+\.\d+)  (-?\d+\.\d+)  (-?\d+\.\d+)  1(?:\.0)?(?:\n|$)", re.ASCII
)
_FORMULA_TERM = re.compile(r"([A-Z][a-z]?)(\d+)")


@lru_cache(maxsize=1)
def _elements() -> dict[str, tuple[float, int]]:
    """Electronegativity and atomic number of the elements that have both."""
    known = (e for e in Element if e.Z <= 103 and e.symbol not in ("He", "Ne", "Ar", "D", "T"))
    return {e.symbol: (float(e.X), e.Z) for e in known}


def read_plain_cif(text: str, remarks: list[str] | None = None) -> Crystal | None:
    """Read a plain P1 CIF, or return None if it is not exactly of that form or not complete.

    A volume that is not the cell's, though all else agrees, is told of in `remarks`.
    """
    head = _HEAD.match(text)
    if head is None:
        return None
    symbols, coordinates = [], []
    end = head.end()
    while atom := _ATOM.match(text, end):
        symbols.append(atom[1])
        coordinates.append((float(atom[2]), float(atom[3]), float(atom[4])))
        end = atom.end()
    counts = Counter(symbols)
    if text[end:].strip() or not _agrees(head[7], counts):
        return None
    if (units := int(head[9])) != 1 and not is_full(counts, units):
        return None
    elements = _elements()
    if not all(symbol in elements for symbol in symbols):
        return None
    a, b, c, *angles = (float(head[i]) for i in range(1, 7))
    if not all(0.0 < angle < 180.0 for angle in angles):
        return None
    lattice = lattice_matrix(a, b, c, *(math.radians(angle) for angle in angles))
    size = volume(lattice)
    if not size > 1e-4 * a * b * c:
        return None
    if other_volume(head[8], [head[i] for i in range(1, 7)], size):
        if not abs(float(head[8]) - size) <= EDITED * float(head[8]):
            return None
        if remarks is not None:
            remarks.append(
                f"its _cell_volume is {head[8]} where the cell has {size:.6g} Å3; the cell is taken"
            )
    order = sorted(range(len(symbols)), key=lambda i: (elements[symbols[i]][0], symbols[i]))
    return Crystal(
        lattice,
        idealized(np.array(coordinates)[order]),
        np.array([elements[symbols[i]][1] for i in order], dtype=np.int64),
    )


def _agrees(formula: str, counts: Counter[str]) -> bool:
    """Whether the atoms listed are those of the formula: a file cut between two lines shows only here."""
    return bool(counts) and counts == {s: int(n) for s, n in _FORMULA_TERM.findall(formula)}


def idealized(coordinates: Float[np.ndarray, "atoms 3"]) -> Float[np.ndarray, "atoms 3"]:
    """Take 0.33333333 for 1/3 and 0.66666667 for 2/3, then shift into [0, 1) as pymatgen does."""
    coordinates = coordinates.copy()
    for fraction in (1 / 3, 2 / 3):
        coordinates[np.abs(coordinates / fraction - 1.0) <= 1e-4] = fraction
    fractions: np.ndarray = coordinates - np.floor(coordinates)
    return fractions
