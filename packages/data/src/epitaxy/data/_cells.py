"""Which cell a crystal is described in, and how that cell is oriented."""

import math
from typing import Literal, get_args

import numpy as np
import spglib
from jaxtyping import Float

from epitaxy.data._crystal import Crystal, from_structure
from epitaxy.data.errors import DataError, UnusableRecordError

Cell = Literal["niggli", "primitive", "as_given"]
"""`niggli`: reduced form of the lattice given; `primitive`: of the primitive lattice; `as_given`: as is."""


def check_cell(cell: str) -> None:
    """Refuse an unknown kind of cell.

    Raises:
        DataError: if `cell` is none of `Cell`.

    """
    if cell not in get_args(Cell):
        raise DataError(f"cell={cell!r} is unknown; use one of {', '.join(get_args(Cell))}")


def to_cell(crystal: Crystal, cell: Cell) -> Crystal:
    """Describe a crystal in the cell asked for: lattice in standard form, positions in [0, 1).

    Standard form is that of pymatgen's `Lattice.from_parameters`: c along z, a in the xz plane, right-handed.
    A chiral crystal keeps its hand: a left-handed basis is inverted together with the positions.

    Raises:
        UnusableRecordError: if the lattice cannot be reduced.

    """
    if cell == "primitive":
        crystal = from_structure(crystal.structure().get_primitive_structure())
    if cell != "as_given":
        crystal = _niggli(crystal)
    lattice, positions, numbers = crystal
    if np.linalg.det(lattice) < 0:
        positions = -positions
    return Crystal(_standard_form(lattice), wrap(positions), numbers)


def wrap(positions: Float[np.ndarray, "atoms 3"]) -> Float[np.ndarray, "atoms 3"]:
    """Positions in [0, 1): a remainder that rounds to 1, as that of -1e-27 does, becomes 0."""
    wrapped = positions % 1.0
    wrapped[wrapped >= 1.0] = 0.0
    return wrapped


def _niggli(crystal: Crystal) -> Crystal:
    """Reduce a lattice to Niggli's form by spglib; positions follow by an integer change of basis.

    Where entries of the Gram matrix are equal to within the eight decimals of a CIF, pymatgen stops short of
    the Niggli conditions for some 6 % of mp_20; the crystal is the same, its basis is another one there.
    """
    try:
        reduced = spglib.niggli_reduce(crystal.lattice)
    except Exception:  # what spglib returned None for, later versions raise for, by classes of their own
        reduced = None
    if reduced is None:
        raise UnusableRecordError(
            "its lattice has no Niggli reduction that spglib can find; use cell='as_given'"
        )
    change = np.round(reduced @ np.linalg.inv(crystal.lattice))
    if abs(abs(np.linalg.det(change)) - 1.0) > 1e-6:
        raise UnusableRecordError("its Niggli cell is numerically unreliable; use cell='as_given'")
    # change @ lattice, not spglib's own matrix: the lattice is then exactly the one the positions belong to
    return Crystal(change @ crystal.lattice, crystal.positions @ np.linalg.inv(change), crystal.numbers)


def _standard_form(lattice: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3 3"]:
    a, b, c = (math.sqrt(float(row @ row)) for row in lattice)
    alpha, beta, gamma = (
        math.acos(max(-1.0, min(1.0, float(lattice[i] @ lattice[j]) / lengths)))
        for i, j, lengths in ((1, 2, b * c), (0, 2, a * c), (0, 1, a * b))
    )
    return lattice_matrix(a, b, c, alpha, beta, gamma)


def lattice_matrix(
    a: float, b: float, c: float, alpha: float, beta: float, gamma: float
) -> Float[np.ndarray, "3 3"]:
    """Lattice rows from lengths in angstrom and angles in radians, in pymatgen's standard form."""
    cosine = (math.cos(alpha) * math.cos(beta) - math.cos(gamma)) / (math.sin(alpha) * math.sin(beta))
    gamma_star = math.acos(max(-1.0, min(1.0, cosine)))
    return np.array(
        [
            [a * math.sin(beta), 0.0, a * math.cos(beta)],
            [
                -b * math.sin(alpha) * math.cos(gamma_star),
                b * math.sin(alpha) * math.sin(gamma_star),
                b * math.cos(alpha),
            ],
            [0.0, 0.0, c],
        ]
    )
