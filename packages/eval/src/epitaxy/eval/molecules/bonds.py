"""Bond orders from distances, for all molecules at once."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from epitaxy.eval.molecules.ragged import Molecules, RaggedMolecules
from epitaxy.eval.molecules.tables import LAST, REACH_MARGIN, BondTable, bond_table, covalent_radii, symbol

PAIRS_AT_ONCE = 1 << 21
"""So many pairs of atoms are measured at once, in some 200 MB."""

_PICOMETRES = 100.0


@dataclass(frozen=True, slots=True)
class UnknownPairs:
    """Pairs of atoms of two elements whose bond length the table does not have.

    Attributes:
        pairs: How many there are in the molecules, at whatever distance.
        near: How many of them are near enough to be bonded: within the sum of their covalent radii and
            `REACH_MARGIN`. Whether they are, the table cannot tell.

    """

    pairs: int
    near: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bonds:
    """The bonds of a set of molecules.

    Attributes:
        i: First atom of each bond, numbered through all molecules.
        j: Second atom; i < j.
        order: 1, 2 or 3.
        undecided: Atoms near an atom that the table knows no bond length to: their bonds are not known.
        unknown: Pairs without a bond length, by name ("B-C").

    """

    i: Int64[np.ndarray, " bonds"]
    j: Int64[np.ndarray, " bonds"]
    order: Int64[np.ndarray, " bonds"]
    undecided: Bool[np.ndarray, " atoms"]
    unknown: Mapping[str, UnknownPairs]

    def rows(self) -> Int64[np.ndarray, "bonds 3"]:
        """First atom, second atom and order, as the writers of SDF files take them."""
        return np.stack([self.i, self.j, self.order], axis=1)

    def sums(self) -> Int64[np.ndarray, " atoms"]:
        """Sum of each atom's bond orders."""
        both, orders = np.concatenate([self.i, self.j]), np.concatenate([self.order, self.order])
        return np.bincount(both, weights=orders, minlength=len(self.undecided)).astype(np.int64)


def bond_orders(molecules: RaggedMolecules | Molecules, *, table: str | BondTable = "edm") -> Bonds:
    """Find the bonds of molecules by their distances alone; see `BondTable` for the rule.

    Distances are taken in float64. One that is not finite makes no bond. A pair of elements without a bond
    length makes no bond either, but is counted by name, and where it is near its two atoms are `undecided`.

    Args:
        molecules: A `MoleculeBatch`, or `Molecules`.
        table: Bond lengths and valences, or their name in `BOND_TABLES`.

    Raises:
        ValueError: If no table has that name.

    """
    held = Molecules.of(molecules)
    bounds, radii = bond_table(table).bounds(), covalent_radii()
    number = np.where((held.numbers >= 1) & (held.numbers <= LAST), held.numbers, 0)
    undecided = np.zeros(len(held.numbers), dtype=bool)
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    pairs: Counter[str] = Counter()
    near: Counter[str] = Counter()
    for i, j in held.pairs(PAIRS_AT_ONCE):
        a, b = number[i], number[j]
        with np.errstate(invalid="ignore", over="ignore"):
            distance = np.sqrt(np.square(held.positions[i] - held.positions[j]).sum(axis=1))
            picometres = _PICOMETRES * distance
            single = picometres < bounds[0, a, b]
            double = single & (picometres < bounds[1, a, b])
            triple = double & (picometres < bounds[2, a, b])
            unknown = np.isnan(bounds[0, a, b])
            close = unknown & (distance < radii[a] + radii[b] + REACH_MARGIN)
        found.append((i[single], j[single], (1 + double.astype(np.int64) + triple)[single]))
        undecided[i[close]] = undecided[j[close]] = True
        pairs += _names(held.numbers, i[unknown], j[unknown])
        near += _names(held.numbers, i[close], j[close])
    i, j, order = (_joined([bond[n] for bond in found]) for n in range(3))
    return Bonds(
        i=i,
        j=j,
        order=order,
        undecided=undecided,
        unknown={name: UnknownPairs(count, near[name]) for name, count in sorted(pairs.items())},
    )


def _joined(parts: list[np.ndarray]) -> Int64[np.ndarray, " bonds"]:
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])


def _names(numbers: np.ndarray, i: np.ndarray, j: np.ndarray) -> Counter[str]:
    """Count pairs by the names of their elements, the lighter one first."""
    ordered = np.sort(np.stack([numbers[i], numbers[j]], axis=1), axis=1)
    kinds, counts = np.unique(ordered, axis=0, return_counts=True)
    return Counter(
        {f"{symbol(a)}-{symbol(b)}": n for (a, b), n in zip(kinds.tolist(), counts.tolist(), strict=True)}
    )
