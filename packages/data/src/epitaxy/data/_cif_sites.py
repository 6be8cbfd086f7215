"""The atom sites of a CIF: which element, where, how full; what is not said is refused by the site's name."""

from dataclasses import dataclass

import gemmi
import numpy as np
from jaxtyping import Float

from epitaxy.data import _elements, _limits
from epitaxy.data._cif_text import Block, number, unreadable
from epitaxy.data._crystal import unknown_elements
from epitaxy.data.errors import UnusableRecordError

PARTIAL = "it has partial occupancies; replace it by an ordered approximant or drop the record"

_FULL = 5e-3  # rounding that an occupancy, or a sum of some, may have


@dataclass(frozen=True)
class Site:
    """One row: its name, element, fractions, share, multiplicity if declared, and disorder group."""

    label: str
    symbol: str
    position: tuple[float, float, float]
    occupancy: float
    multiplicity: int | None
    group: tuple[str, str] | None


def read_sites(block: Block, cell: gemmi.UnitCell, formula: frozenset[str] | None) -> list[Site]:
    """Return the atoms a block lists, without those of occupancy 0.

    Raises:
        UnusableRecordError: for unknown elements, coordinates that are not given, partial occupancies, dummy
            atoms and hydrogens without positions.

    """
    positions = _positions(block, cell)
    count = len(positions)

    def column(*tags: str) -> list[str | None]:
        values = block.column(*tags)
        if values and len(values) != count:
            raise unreadable(f"{tags[0]} has {len(values)} values for {count} sites")
        return values or [None] * count

    labels = column("_atom_site_label")
    kinds = column("_atom_site_type_symbol")
    names = [
        label or kind or f"number {i + 1}" for i, (label, kind) in enumerate(zip(labels, kinds, strict=True))
    ]
    _refuse_missing(labels, block.column("_atom_site_aniso_label"))
    _refuse_odd(names, column("_atom_site_calc_flag"), column("_atom_site_attached_hydrogens"))
    shares = [_occupancy(*pair) for pair in zip(names, column("_atom_site_occupancy"), strict=True)]
    multiplicities = column("_atom_site_symmetry_multiplicity", "_atom_site_site_symmetry_multiplicity")
    assemblies = column("_atom_site_disorder_assembly")
    groups = column("_atom_site_disorder_group")
    symbols = _symbols(kinds, labels, shares, formula)
    return [
        Site(
            names[i],
            symbols[i],
            positions[i],
            shares[i],
            _multiplicity(multiplicities[i]),
            None if (group := groups[i]) is None else (assemblies[i] or "", group),
        )
        for i in range(count)
        if shares[i] > 0
    ]


def _positions(block: Block, cell: gemmi.UnitCell) -> list[tuple[float, float, float]]:
    fractional = block.column("_atom_site_fract_x")
    kind = "fract" if fractional or "_atom_site_cartn_x" not in block.values else "cartn"
    columns = [block.values.get(f"_atom_site_{kind}_{axis}", []) for axis in "xyz"]
    if not columns[0] or len({len(column) for column in columns}) != 1:
        raise unreadable("its atom sites lack coordinates")
    if (count := len(columns[0])) > _limits.MOST_SITES:
        raise UnusableRecordError(
            f"the CIF lists {count} atom sites, more than {_limits.MOST_SITES}; split it"
        )
    if kind == "cartn":
        _refuse_transformed(block, cell)
    names = block.values.get("_atom_site_label") or block.values.get("_atom_site_type_symbol") or []
    positions = []
    for i, row in enumerate(zip(*columns, strict=True)):
        name = (names[i] if i < len(names) else None) or f"number {i + 1}"
        if any(value is None for value in row):
            raise unreadable(f"the coordinates of {name} are not given")
        read = [number(value or "") for value in row]
        if any(x is None or abs(x) > 1e6 for x in read):
            raise unreadable(f"the coordinates of {name} are {' '.join(v or '?' for v in row)}")
        x, y, z = (float(v or 0.0) for v in read)
        if kind == "cartn":
            fraction = cell.fractionalize(gemmi.Position(x, y, z))
            x, y, z = fraction.x, fraction.y, fraction.z
        positions.append((x, y, z))
    return positions


def _refuse_transformed(block: Block, cell: gemmi.UnitCell) -> None:
    """Refuse Cartesian coordinates along other axes than the usual: a along x, c* along z."""
    usual = np.array(cell.orth.mat.tolist())
    for i in range(3):
        for j in range(3):
            value = block.one(f"_atom_sites_cartn_tran_matrix_{i + 1}{j + 1}")
            if value is not None and abs((number(value) or 0.0) - usual[i, j]) > 1e-2:
                raise UnusableRecordError(
                    "its Cartesian coordinates have axes of their own; give fractional ones"
                )


def _refuse_missing(labels: list[str | None], displaced: list[str | None]) -> None:
    """Refuse displacement parameters of an atom that is not listed: its row was lost."""
    held = set(labels)
    lost = next((label for label in displaced if label is not None and label not in held), None)
    if lost is not None and held != {None}:
        raise UnusableRecordError(
            f"it has displacement parameters of {lost[:40]} and no such atom site; restore its row"
        )


def _refuse_odd(names: list[str], flags: list[str | None], attached: list[str | None]) -> None:
    for name, flag, hydrogens in zip(names, flags, attached, strict=True):
        if flag is not None and flag.lower() in ("dum", "dummy"):
            raise UnusableRecordError(f"its site {name} is a dummy atom; remove that row")
        if hydrogens is not None and number(hydrogens) != 0:
            raise UnusableRecordError(
                f"its site {name} has {hydrogens} attached hydrogens without positions; add these as atoms"
            )


def _occupancy(name: str, value: str | None) -> float:
    share = 1.0 if value is None else number(value)
    if share is None or not 0 <= share <= 1 + 2 * _FULL:
        raise UnusableRecordError(
            f"the occupancy of {name[:40]} is {(value or '?')[:40]}, not one of 0 to 1; correct it"
        )
    return share


def _multiplicity(value: str | None) -> int | None:
    read = None if value is None else number(value)
    return None if read is None or read != int(read) or read < 1 else int(read)


def _symbols(
    kinds: list[str | None], labels: list[str | None], shares: list[float], formula: frozenset[str] | None
) -> list[str]:
    """Return each site's element, by its type symbol, else by its label; of sites of occupancy 0, nothing.

    Raises:
        UnusableRecordError: naming all that are no element for certain.

    """
    symbols, unknown, unnamed = [], set(), False
    for kind, label, share in zip(kinds, labels, shares, strict=True):
        word = ((label if kind is None else kind) or "without a label")[: _limits.LONGEST_NUMBER]
        read = _elements.of_label if kind is None else _elements.of_type
        found = read(word, formula) if share > 0 else ""
        if found is None:
            unknown.add(word[:20])
            unnamed = unnamed or kind is None
        symbols.append(found or "")
    if unknown and unnamed:
        raise UnusableRecordError(
            f"unknown element {', '.join(sorted(unknown))}: a label counts only where nothing else could be "
            "meant; add _atom_site_type_symbol, or drop the record"
        )
    if unknown:
        raise UnusableRecordError(unknown_elements(unknown))
    return symbols


def full_sites(sites: list[Site], lattice: Float[np.ndarray, "3 3"]) -> list[Site]:
    """Join rows of one element that share one spot (Fe2+ and Fe3+), and refuse what stays partly filled.

    Raises:
        UnusableRecordError: for partial occupancies, and for spots filled more than once.

    """
    partial = [s for s in sites if s.occupancy < 1 - _FULL]
    joined = [s for s in sites if s.occupancy >= 1 - _FULL]
    if len(partial) > _limits.MOST_PARTIAL_SITES:
        raise UnusableRecordError(PARTIAL)
    while partial:
        first, *rest = partial
        here = [first, *(s for s in rest if _distance(s, first, lattice) < 0.05)]
        total = sum(s.occupancy for s in here)
        if total > 1 + 2 * _FULL:
            raise UnusableRecordError(
                f"two atoms on one spot: occupancies at {first.label} sum to more than 1; remove one of them"
            )
        if total < 1 - _FULL or len({s.symbol for s in here}) > 1:
            raise UnusableRecordError(PARTIAL)
        joined.append(first)
        partial = [s for s in rest if s not in here]
    return joined


def _distance(a: Site, b: Site, lattice: Float[np.ndarray, "3 3"]) -> float:
    difference = np.subtract(a.position, b.position)
    return float(np.linalg.norm((difference - np.round(difference)) @ lattice))
