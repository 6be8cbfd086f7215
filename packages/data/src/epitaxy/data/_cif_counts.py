"""Whether the atoms that a CIF lists are all that it declares: formula times Z, weight, density, names."""

import math
from collections import Counter

import numpy as np
from jaxtyping import Float
from pymatgen.core.periodic_table import Element

from epitaxy.data import _elements
from epitaxy.data._cif_formula import Formula, is_full
from epitaxy.data._cif_sites import Site
from epitaxy.data._cif_text import Block, number
from epitaxy.data._crystal import GRAMS
from epitaxy.data._distances import volume
from epitaxy.data.errors import UnusableRecordError

MASS = 0.05
"""How far, as a part, a declared weight or density may lie from what the atoms listed give."""

_LABELS = (
    *("_geom_bond_atom_site_label_1", "_geom_bond_atom_site_label_2"),
    *("_geom_angle_atom_site_label_1", "_geom_angle_atom_site_label_2", "_geom_angle_atom_site_label_3"),
)


def formula_units(block: Block) -> int | None:
    """Return Z; None if it is not given.

    Raises:
        UnusableRecordError: if it is no number of units.

    """
    text = block.one("_cell_formula_units_z")
    value = None if text is None else number(text)
    if not value:  # pymatgen writes 0 for the half of an O2
        return None
    if value != int(value) or value < 1:
        raise UnusableRecordError(f"its _cell_formula_units_Z is {text}; correct it")
    return int(value)


def times_formula(counts: Counter[str], declared: Formula | None, units: int | None) -> int | None:
    """Return how many times the declared formula the atoms of the cell are; None if none is declared.

    The formula times Z are the atoms of the cell; programs that write the cell's full content as the formula,
    with the number of reduced units in it for Z, are understood.

    Raises:
        UnusableRecordError: if they are no multiple of it, or not Z times.

    """
    if declared is None:
        return None
    wanted: dict[str, float] = {}
    for symbol, amount in declared.amounts.items():
        name = "H" if symbol in ("D", "T") else symbol
        if amount > 0:
            wanted[name] = wanted.get(name, 0.0) + amount
    multiple = round(counts.total() / (sum(wanted.values()) or math.inf))
    slack = min(0.4, multiple * declared.slack)
    agrees = all(abs(counts[s] - multiple * n) <= slack + 1e-6 * counts[s] for s, n in wanted.items())
    allowed = units is None or units == multiple or (multiple == 1 and is_full(wanted, units))
    if not (multiple and agrees and wanted.keys() == counts.keys() and allowed):
        stated = " ".join(f"{s}{n:g}" for s, n in declared.amounts.items())
        found = " ".join(f"{s}{n}" for s, n in counts.items())
        times = "" if units is None else f" and _cell_formula_units_Z {units}"
        raise UnusableRecordError(
            f"the CIF lists {found[:200]} where its {declared.tag} says {stated[:200]}{times}: it is "
            f"truncated or incomplete; restore it or correct the formula"
        )
    return multiple


def check_mass(
    block: Block, counts: Counter[str], units: int | None, lattice: Float[np.ndarray, "3 3"]
) -> None:
    """Refuse atoms that do not weigh what a file without formula and Z declares: some of them were lost.

    Raises:
        UnusableRecordError: if they do not.

    """
    mass = sum(n * float(Element(symbol).atomic_mass) for symbol, n in counts.items())
    found = {
        "_exptl_crystal_density_diffrn": mass * GRAMS / volume(lattice),
        "_chemical_formula_weight": None if units is None else mass / units,
    }
    for tag, value in found.items():
        text = block.one(tag)
        stated = None if text is None else number(text)
        if stated and value is not None and abs(value - stated) > MASS * stated:
            raise UnusableRecordError(
                f"its {tag} is {text} where the atoms it lists give {value:.4g}: it is truncated or in"
                "complete; restore it or correct that line"
            )


def check_units(counts: Counter[str], units: int | None) -> None:
    """Refuse atoms that are not so many units of one formula, which may have half an atom.

    Raises:
        UnusableRecordError: if they are not.

    """
    if units is not None and any(2 * n % units for n in counts.values()):
        found = " ".join(f"{s}{n}" for s, n in counts.items())
        raise UnusableRecordError(
            f"the CIF lists {found[:200]}, {units} units of no formula (_cell_formula_units_Z): it is "
            "truncated or incomplete; restore it or correct that line"
        )


def check_mentioned(block: Block, sites: list[Site]) -> None:
    """Refuse sites of a file without a formula that lack an element or an atom it mentions elsewhere.

    Raises:
        UnusableRecordError: naming what is lacking.

    """
    symbols = {site.symbol for site in sites}
    kinds = {kind: _elements.of_type(kind[:40]) for kind in block.column("_atom_type_symbol") if kind}
    lost = [kind for kind, symbol in kinds.items() if symbol is not None and symbol not in symbols]
    if not lost:
        labels = {label for label in block.column("_atom_site_label") if label}
        lost = [word for tag in _LABELS for word in block.column(tag) if word and word not in labels]
    if lost:
        raise UnusableRecordError(
            f"it mentions {lost[0][:40]} and lists no such atom: it is truncated or incomplete; restore it "
            "or add its formula"
        )
