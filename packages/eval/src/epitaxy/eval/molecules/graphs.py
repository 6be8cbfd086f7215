"""Bond graphs to chemistry, by RDKit: is it a molecule, and which."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rdkit.Chem import Mol


@dataclass(frozen=True, slots=True)
class BondGraph:
    """One molecule's atoms and bonds, small enough to be sent to another process.

    Attributes:
        numbers: Atomic numbers.
        bonds: First atom, second atom (counted from 0 in this molecule) and order 1, 2 or 3.
        doubt: Why the graph is not to be judged at all; None if it is.

    """

    numbers: tuple[int, ...]
    bonds: tuple[tuple[int, int, int], ...]
    doubt: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """What RDKit says of one molecule.

    Attributes:
        smiles: Canonical SMILES of the largest fragment, hydrogens explicit; None if it is invalid.
        reason: Why it is invalid; None if it is valid.

    """

    smiles: str | None = None
    reason: str | None = None

    def __bool__(self) -> bool:
        return self.smiles is not None


def require_rdkit() -> None:
    """Say how to get RDKit if it is not here.

    Raises:
        ImportError: If RDKit is missing.

    """
    try:
        import rdkit  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise ImportError("RDKit is missing: pip install rdkit") from error


def identify(graph: BondGraph) -> Identity:
    """Sanitise a bond graph and name its largest fragment, as EDM does.

    Valid is what RDKit's sanitisation accepts: no atom has more bonds than it can, and aromatic rings can be
    kekulised. An atom with too few bonds passes, because RDKit fills it up with implicit hydrogens; so a heap
    of loose atoms is valid too, which is why connectedness is reported beside validity. Of several fragments
    of one size the first is named. Bonds have the orders that the table gives, as EDM's have on QM9; on
    GEOM-Drugs EDM makes all of them single here, so that its validity there is another figure.
    """
    from rdkit import Chem, rdBase

    if graph.doubt is not None:
        return Identity(reason=graph.doubt)
    with rdBase.BlockLogs():
        try:
            whole = _build(graph)
            Chem.SanitizeMol(whole)
            largest = max(Chem.GetMolFrags(whole, asMols=True), key=lambda part: part.GetNumAtoms())
            return Identity(smiles=str(Chem.MolToSmiles(largest)))
        except (ValueError, RuntimeError) as error:
            return Identity(reason=str(error).strip() or type(error).__name__)


def _build(graph: BondGraph) -> "Mol":
    from rdkit import Chem

    orders = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}
    mol = Chem.RWMol()
    for number in graph.numbers:
        mol.AddAtom(Chem.Atom(number))
    for i, j, order in graph.bonds:
        mol.AddBond(i, j, orders[order])
    return mol


def canonical_smiles(smiles: Iterable[str]) -> frozenset[str]:
    """Write SMILES as `identify` does: hydrogens explicit, no stereo, the largest fragment.

    For a training set that is given as SMILES. What RDKit cannot read, or has no atoms, is left out. Some
    molecules are never met again: those with charges, since `identify` knows neutral atoms only, and those
    whose bonds a table tells otherwise from their distances, such as many aromatic rings. Novelty against
    such a set is too high: where there are positions, take `reference_smiles`.

    Raises:
        ImportError: If RDKit is missing.

    """
    require_rdkit()
    from rdkit import Chem, rdBase

    found = set()
    with rdBase.BlockLogs():
        for text in smiles:
            mol = Chem.MolFromSmiles(text)
            if mol is None:
                continue  # type: ignore[unreachable]  # RDKit's stubs hide that it gives None
            if mol.GetNumAtoms() == 0:  # an empty line is a molecule of no atoms
                continue
            largest = max(Chem.GetMolFrags(Chem.AddHs(mol), asMols=True), key=lambda part: part.GetNumAtoms())
            Chem.RemoveStereochemistry(largest)
            found.add(str(Chem.MolToSmiles(largest)))
    return frozenset(found)
