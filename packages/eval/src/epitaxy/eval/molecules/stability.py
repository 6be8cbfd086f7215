"""Which atoms have the bonds that they should, and which molecules are in one piece."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from epitaxy.eval.molecules.bonds import Bonds, bond_orders
from epitaxy.eval.molecules.ragged import Molecules, RaggedMolecules
from epitaxy.eval.molecules.tables import LAST, MOST_BONDS, BondTable, bond_table


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stability:
    """Stability and connectedness of molecules.

    Attributes:
        bonds: The bonds that both are judged by.
        stable_atoms: Whether each atom's bond orders sum to a valence of its element.
        stable: Whether all atoms of a molecule are stable.
        fragments: Into how many pieces its bonds divide each molecule. A stable molecule may have several.

    """

    bonds: Bonds
    stable_atoms: Bool[np.ndarray, " atoms"]
    stable: Bool[np.ndarray, " molecules"]
    fragments: Int64[np.ndarray, " molecules"]

    @property
    def connected(self) -> Bool[np.ndarray, " molecules"]:
        """Whether its bonds hold each molecule in one piece."""
        return np.asarray(self.fragments == 1)


def measure_stability(molecules: RaggedMolecules | Molecules, *, table: str | BondTable = "edm") -> Stability:
    """Judge every atom and molecule by EDM's rule (arXiv:2203.17003, Sec. 5.1).

    Only neutral, closed-shell atoms count as stable, and no bond is aromatic. So QM9's own test molecules
    reach 95.2 % (molecules) and 99.3 % (atoms) where the published tables say 95.2 and 99.0; the same tables
    have 99.3 % of atoms stable in GeoBFN's samples, with 93.3 % of molecules.
    An atom whose bonds the table cannot decide, or of an element without a valence there, is not stable.

    Args:
        molecules: A `MoleculeBatch`, or `Molecules`.
        table: Bond lengths and valences, or their name in `BOND_TABLES`.

    Raises:
        ValueError: If no table has that name.

    """
    held, rule = Molecules.of(molecules), bond_table(table)
    bonds = bond_orders(held, table=rule)
    number = np.where((held.numbers >= 1) & (held.numbers <= LAST), held.numbers, 0)
    right = rule.allowed()[number, np.minimum(bonds.sums(), MOST_BONDS)] & ~bonds.undecided
    return Stability(
        bonds=bonds,
        stable_atoms=right,
        stable=held.sums(right) == held.counts,
        fragments=_fragments(held, bonds),
    )


def _fragments(held: Molecules, bonds: Bonds) -> Int64[np.ndarray, " molecules"]:
    atoms = len(held.numbers)
    graph = coo_matrix((np.ones(len(bonds.i), dtype=np.int8), (bonds.i, bonds.j)), shape=(atoms, atoms))
    _, label = connected_components(graph, directed=False)
    _, first = np.unique(label, return_index=True)
    return np.bincount(held.index[first], minlength=len(held)).astype(np.int64)
