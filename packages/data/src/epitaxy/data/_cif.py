"""A CIF of any kind to a `Crystal`, by gemmi: what the file declares is what is read, or it is refused.

Lattice from the six cell parameters, symmetry from `_cif_symmetry`, sites from `_cif_sites`, all atoms of the
cell from `_cif_orbits`. What comes out must add up to the declared formula times Z, the multiplicities and
the volume. Atoms are sorted as in the plain reader, by electronegativity.
"""

import math
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

import gemmi
import numpy as np
from jaxtyping import Float
from pymatgen.core.periodic_table import Element

from epitaxy.data import _elements, _limits
from epitaxy.data._cells import lattice_matrix, wrap
from epitaxy.data._cif_counts import (
    check_mass,
    check_mentioned,
    check_units,
    formula_units,
    times_formula,
)
from epitaxy.data._cif_formula import Formula, formula, looser_formula
from epitaxy.data._cif_orbits import Operations, orbit
from epitaxy.data._cif_sites import Site, full_sites, read_sites
from epitaxy.data._cif_symmetry import Symmetry, symmetries
from epitaxy.data._cif_text import Block, number, structure_block, unreadable
from epitaxy.data._crystal import Crystal
from epitaxy.data._plain_cif import idealized, read_plain_cif
from epitaxy.data._volume import other_volume
from epitaxy.data.errors import UnusableRecordError

_WAVES = ("_atom_site_fourier_wave_vector", "_cell_wave_vector", "_space_group_ssg", "_space_group_symop_ssg")
"""What tags of a structure in more than three dimensions begin with."""

ALTERNATIVES = 0.8
"""Angstrom: atoms of two disorder groups closer than this are alternatives of each other."""


@dataclass(frozen=True)
class _Content:
    """All atoms of the cell by one reading of the symmetry, and what the file's counts confirm.

    Attributes:
        crystal: the atoms.
        confirmed: whether a formula with Z, or multiplicities, say that this reading is right.
        complete: whether a row less would contradict the formula.

    """

    crystal: Crystal
    confirmed: bool
    complete: bool


def parse_cif(text: str, remarks: list[str] | None = None) -> Crystal:
    """Return the crystal of a CIF.

    Args:
        text: the CIF.
        remarks: a list to which is added what it says that is not true of what is read.

    Raises:
        UnusableRecordError: if the text is truncated or no CIF, has several structures, unknown elements,
            partial occupancies or a symmetry that cannot be had, or does not add up to what it declares.

    """
    plain = read_plain_cif(text, remarks)
    return _parse(structure_block(text)) if plain is None else plain


def _parse(block: Block) -> Crystal:
    lattice, cell = _cell(block)
    _refuse_modulated(block)
    declared = formula(block)
    sites = full_sites(read_sites(block, cell, None if declared is None else declared.symbols), lattice)
    if not sites:
        raise UnusableRecordError("it has no atoms; drop the record")
    declared = declared or looser_formula(block, frozenset(site.symbol for site in sites))
    if declared is None:
        check_mentioned(block, sites)
    content = _decide(symmetries(block, lattice @ lattice.T), block, sites, lattice, declared)
    if block.open_end:
        raise unreadable("it ends within a coordinate; if it is complete, end its last line")
    if not (content.complete or block.ended):
        raise unreadable(
            "it ends without a line end, or with a loop without values, and declares no formula and Z that "
            "would confirm it"
        )
    return content.crystal


def _refuse_modulated(block: Block) -> None:
    """Refuse a structure of which three dimensions are only the average."""
    waves = next((tag for tag in block.values if tag.startswith(_WAVES) and any(block.values[tag])), None)
    if waves is not None and block.one("_cell_modulation_dimension") is None:
        raise UnusableRecordError(
            f"it is modulated ({waves}), and its sites are an average; give a commensurate approximant"
        )
    for tag, least in (("_cell_modulation_dimension", 1), ("_cell_subsystems_number", 2)):
        text = block.one(tag)
        if text is not None and (number(text) or 0) >= least:
            raise UnusableRecordError(
                f"it is modulated or composite ({tag} {text[:20]}), and its sites are an average; give a "
                "commensurate approximant"
            )


def _cell(block: Block) -> tuple[Float[np.ndarray, "3 3"], gemmi.UnitCell]:
    values, written = [], []
    for tag in [f"_cell_length_{x}" for x in "abc"] + [
        f"_cell_angle_{x}" for x in ("alpha", "beta", "gamma")
    ]:
        text = block.one(tag)
        value = None if text is None else number(text)
        if value is None:
            raise UnusableRecordError(f"{tag} is {text or 'missing'}, not a finite number; correct it")
        values.append(value)
        written.append(text or "")
    lengths, angles = values[:3], values[3:]
    if min(lengths) < 0:
        raise UnusableRecordError(f"its cell has a length of {min(lengths):g} Å; correct it")
    if not all(0 < angle < 180 for angle in angles):
        raise UnusableRecordError(
            f"its cell angles are {angles}: with these a lattice entry is not a finite number; correct them"
        )
    cosines = [math.cos(math.radians(angle)) for angle in angles]
    share = 1 - sum(c * c for c in cosines) + 2 * math.prod(cosines)
    if share <= 1e-8 or min(lengths) == 0:
        raise UnusableRecordError("its cell has zero volume; give three independent lattice vectors")
    _check_volume(block, written, math.prod(lengths) * math.sqrt(share))
    lattice = lattice_matrix(*lengths, *(math.radians(angle) for angle in angles))
    return lattice, gemmi.UnitCell(*lengths, *angles)


def _check_volume(block: Block, written: list[str], volume: float) -> None:
    text = block.one("_cell_volume")
    if other_volume(text, written, volume):
        raise UnusableRecordError(
            f"its _cell_volume is {text} where the cell has {volume:.6g} Å3; correct the cell (in Å)"
        )


def _decide(
    readings: list[Symmetry],
    block: Block,
    sites: list[Site],
    lattice: Float[np.ndarray, "3 3"],
    declared: Formula | None,
) -> _Content:
    """Return the content by the one reading of the symmetry that holds what the file declares."""
    readings = list({reading.key: reading for reading in readings}.values())
    if len(readings) == 1:
        return _content(readings[0], block, sites, lattice, declared)
    confirmed = []
    for reading in readings:
        try:
            content = _content(reading, block, sites, lattice, declared)
        except UnusableRecordError:
            continue
        if content.confirmed:
            confirmed.append(content)
    if len(confirmed) == 1:
        return confirmed[0]
    which = "several" if confirmed else "none"
    names = " or ".join(dict.fromkeys(reading.source for reading in readings[:4]))
    raise UnusableRecordError(
        f"its symmetry may be {names}, and {which} of these adds up to all it declares; list the operations"
    )


def _content(
    symmetry: Symmetry,
    block: Block,
    sites: list[Site],
    lattice: Float[np.ndarray, "3 3"],
    declared: Formula | None,
) -> _Content:
    if len(sites) * len(symmetry.operations) > _limits.MOST_ATOMS:
        raise UnusableRecordError(f"the CIF describes more than {_limits.MOST_ATOMS} atoms; split it")
    operations = Operations(symmetry.operations)
    ideal = idealized(np.array([site.position for site in sites]))
    orbits = [
        orbit(_moved(site, position), operations, lattice)
        for site, position in zip(sites, ideal, strict=True)
    ]
    _refuse_alternatives(sites, orbits, lattice)
    counts: Counter[str] = Counter()
    for site, atoms in zip(sites, orbits, strict=True):
        counts[site.symbol] += len(atoms)
    units = formula_units(block)
    multiple = times_formula(counts, declared, units)
    if multiple is None or units is None:
        check_mass(block, counts, units, lattice)
    if declared is None:
        check_units(counts, units)
    several = len(symmetry.operations) > 1 or any((s.multiplicity or 1) > 1 for s in sites)
    counted = several and all(site.multiplicity is not None for site in sites)
    order = sorted(range(len(sites)), key=lambda i: _rank(sites[i].symbol))
    positions = np.concatenate([orbits[i] for i in order])
    numbers = [n for i in order for n in [_elements.number_of(sites[i].symbol)] * len(orbits[i])]
    crystal = Crystal(lattice, wrap(positions), np.array(numbers, dtype=np.int64))
    formula_confirms = multiple is not None and units is not None
    return _Content(crystal, formula_confirms or counted, formula_confirms or multiple == 1)


def _moved(site: Site, position: Float[np.ndarray, "3"]) -> Site:
    x, y, z = position.tolist()
    return Site(site.label, site.symbol, (x, y, z), site.occupancy, site.multiplicity, site.group)


@lru_cache(maxsize=256)
def _rank(symbol: str) -> tuple[float, str]:
    """Place of an element in the order pymatgen sorts by: electronegativity, those without it last."""
    electronegativity = float(Element(symbol).X)
    return (math.inf if math.isnan(electronegativity) else electronegativity, symbol)


def _refuse_alternatives(
    sites: list[Site], orbits: list[np.ndarray], lattice: Float[np.ndarray, "3 3"]
) -> None:
    """Refuse atoms of two disorder groups, or of one that its symmetry repeats, in each other's place."""
    tagged = [(s, atoms) for s, atoms in zip(sites, orbits, strict=True) if s.group is not None]
    if len(tagged) > _limits.MOST_PARTIAL_SITES:
        raise UnusableRecordError(
            f"it has more than {_limits.MOST_PARTIAL_SITES} disordered sites; give one alternative alone"
        )
    for i, (a, first) in enumerate(tagged):
        for b, second in tagged[i:]:
            if a is b and not (a.group or ("", ""))[1].startswith("-"):
                continue
            if a is not b and a.group == b.group and not (a.group or ("", ""))[1].startswith("-"):
                continue
            offsets = second - first[:1]
            offsets -= np.round(offsets)
            distances = np.linalg.norm(offsets @ lattice, axis=1)
            if np.any(distances[1:] < ALTERNATIVES) or (a is not b and distances[0] < ALTERNATIVES):
                raise UnusableRecordError(
                    f"it is disordered: {a.label} and {b.label} are alternatives, less than {ALTERNATIVES} Å "
                    "apart; give one alternative alone"
                )
