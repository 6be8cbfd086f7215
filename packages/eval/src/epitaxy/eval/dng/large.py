"""Cells too large to look for symmetry or copies in."""

from pymatgen.core.structure import Structure

LARGEST_CELL = 3000
"""Atoms beyond which no symmetry is sought and no copy: spglib and the matcher take time and memory by the
square."""


def refuse_large(structure: Structure) -> None:
    """Raise for a cell of more than ``LARGEST_CELL`` atoms.

    Raises:
        ValueError: If it is so large.

    """
    if len(structure) > LARGEST_CELL:
        raise ValueError(f"{len(structure)} atoms in a cell are more than the {LARGEST_CELL} looked at")
