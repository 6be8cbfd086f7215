"""A molecule's bonds as a structural formula in the plane, drawn by RDKit where it is installed."""

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rdkit.Chem import Mol

MOST_ATOMS = 200
MOST_BONDS = 2
"""Bonds an atom. RDKit's layout takes seconds for nets of more atoms or bonds, and crashes on dense ones."""

_OPTIONS = {
    "clearBackground": False, "explicitMethyl": True, "scalingFactor": 34, "padding": 0.1,
    "highlightColour": [1.0, 0.82, 0.45],
}  # fmt: skip
_PROLOGUE = re.compile(r"^\s*<\?xml[^>]*\?>\s*")


class Depiction(NamedTuple):
    """A drawing, and what RDKit has against the bonds.

    Attributes:
        svg: an SVG element without prologue; None if there is no drawing.
        refusal: why RDKit's sanitisation refuses the molecule; None if it accepts it.

    """

    svg: str | None
    refusal: str | None


def can_depict() -> bool:
    """Whether RDKit is installed, with what it draws by."""
    try:
        from rdkit.Chem import Draw  # noqa: F401 - only whether it is there
    except ImportError:
        return False
    return True


def depict(numbers: Sequence[int], bonds: Sequence[tuple[int, int, int]]) -> Depiction:
    """Draw the bonds of a molecule as they are: a hydrogen that is missing is not filled in.

    An atom with too few bonds (it has a dot for each electron without a partner) or too many is marked.
    Hydrogens stand in the labels of the atoms they are bonded to. What sanitisation refuses is drawn all the
    same, hydrogens apart, where it is not too large or dense for that.

    Args:
        numbers: atomic numbers.
        bonds: first atom, second atom (counted from 0) and order 1, 2 or 3.

    Raises:
        ImportError: if RDKit is not installed; ask `can_depict` first.

    """
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        try:
            whole = _build(numbers, bonds)
        except (ValueError, RuntimeError, OverflowError, KeyError) as error:
            return Depiction(None, _first_line(error))
        try:
            sound = Chem.Mol(whole)
            Chem.SanitizeMol(sound)
            refusal, shown = None, Chem.RemoveHs(sound)
        except (ValueError, RuntimeError) as error:
            refusal, shown = _first_line(error), whole
        try:
            return Depiction(_draw(shown, sound=refusal is None), refusal)
        except (ValueError, RuntimeError) as error:
            return Depiction(None, refusal or _first_line(error))


def _build(numbers: Sequence[int], bonds: Sequence[tuple[int, int, int]]) -> "Mol":
    from rdkit import Chem

    orders = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}
    made = Chem.RWMol()
    for number in numbers:
        atom = Chem.Atom(number)
        atom.SetNoImplicit(True)
        made.AddAtom(atom)
    for i, j, order in bonds:
        made.AddBond(i, j, orders[order])
    return made.GetMol()


def _draw(mol: "Mol", *, sound: bool) -> str | None:
    from rdkit import Chem
    from rdkit.Chem import rdDepictor
    from rdkit.Chem.Draw import rdMolDraw2D

    if mol.GetNumAtoms() > MOST_ATOMS or mol.GetNumBonds() > MOST_BONDS * mol.GetNumAtoms():
        return None
    if not sound:
        mol.UpdatePropertyCache(strict=False)
        Chem.FastFindRings(mol)
        Chem.AssignRadicals(mol)
    rdDepictor.Compute2DCoords(mol)
    drawer = rdMolDraw2D.MolDraw2DSVG(-1, -1)  # as large as the drawing
    options = {**_OPTIONS, "prepareMolsBeforeDrawing": sound}
    rdMolDraw2D.UpdateDrawerParamsFromJSON(drawer, json.dumps(options))
    drawer.DrawMolecule(mol, highlightAtoms=_wrong(mol), highlightBonds=[])
    drawer.FinishDrawing()
    return _PROLOGUE.sub("", drawer.GetDrawingText())


def _wrong(mol: "Mol") -> list[int]:
    """Return the atoms with too few bonds or too many."""
    from rdkit import Chem

    problems = Chem.DetectChemistryProblems(mol)
    crowded = [p.GetAtomIdx() for p in problems if p.GetType() == "AtomValenceException"]
    return sorted({*crowded, *(atom.GetIdx() for atom in mol.GetAtoms() if atom.GetNumRadicalElectrons())})


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
