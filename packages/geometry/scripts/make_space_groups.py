"""Make the frozen table of space groups that `epitaxy.geometry.symmetry` ships.

    pip install pyxtal==1.1.5 spglib==2.8.0
    python packages/geometry/scripts/make_space_groups.py            # compare with the shipped file
    python packages/geometry/scripts/make_space_groups.py --write    # replace it

PyXtal gives the operators and the coordinates of the Wyckoff positions (International Tables A, as text);
everything else is derived here in exact integers: the site-symmetry group of each position, its projector,
its operator for each orbit member, its site-symmetry classes. Every group's operators are compared with
spglib's database, and the letter and multiplicity of every position with what spglib finds in a crystal.

Translations are integers in units of 1/24, projectors in units of 1/144. PyXtal is under the MIT licence,
copyright Scott Fredericks, Qiang Zhu and its other authors.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION = 1
CELL = 24  # translations are integers in units of 1/24 of a lattice vector
UNIT = 144  # projectors are integers in units of 1/144
TARGET = Path(__file__).parents[1] / "src" / "epitaxy" / "geometry" / "symmetry" / "space_groups.npz"

LETTERS = "abcdefghijklmnopqrstuvwxyzA"  # letter A, the 27th, is the International Tables' alpha

Ints = NDArray[np.int64]

# The directions of the conventional cell that an axis of a site can have, [uvw] in its lattice vectors.
AXES = (
    (1, 0, 0), (0, 1, 0), (0, 0, 1),
    (1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1),
    (1, -1, 0), (1, 1, 0), (0, 1, -1), (0, 1, 1), (-1, 0, 1), (1, 0, 1),
    (1, 2, 0), (2, 1, 0),
)  # fmt: skip

# Class of an axis by the operations about it: rotations by their order, rotoinversions by its negative.
CLASSES = {
    frozenset(): 0,  # 1
    frozenset({-1}): 1,  # -1
    frozenset({2}): 2,  # 2
    frozenset({-2}): 3,  # m
    frozenset({3}): 4,  # 3
    frozenset({2, 4}): 5,  # 4
    frozenset({2, -4}): 6,  # -4
    frozenset({-1, 2, -2}): 7,  # 2/m
    frozenset({-1, 3, -3}): 8,  # -3
    frozenset({2, 3, 6}): 9,  # 6
    frozenset({-2, 3, -6}): 10,  # -6
    frozenset({-1, 2, -2, 4, -4}): 11,  # 4/m
    frozenset({-1, 2, -2, 3, -3, 6, -6}): 12,  # 6/m
}


SITE_ARRAYS = (
    "multiplicity",
    "freedom",
    "map",  # the first member's parametrisation, as International Tables A print it
    "offset",
    "projector",
    "projector_offset",
    "lift",
    "site_class",
)


def affine(operations: Iterable[Any]) -> tuple[Ints, Ints]:
    """Read pyxtal's operations as integers: matrices, and translations in units of 1/24."""
    matrices = np.array([operation.affine_matrix for operation in operations])
    rotations, translations = matrices[:, :3, :3], matrices[:, :3, 3] * CELL
    for part in (rotations, translations):
        if np.abs(part - part.round()).max() > 1e-6:
            raise SystemExit("an operation of pyxtal is no integer matrix with translations in 1/24")
    return rotations.round().astype(int), translations.round().astype(int)


def kind(rotation: Ints) -> int:
    """Order of a rotation, or minus that of the rotation in a rotoinversion: 1, 2, 3, 4, 6, -1, ..., -6."""
    sign = round(np.linalg.det(rotation))
    return sign * {3: 1, -1: 2, 0: 3, 1: 4, 2: 6}[sign * int(np.trace(rotation))]


def axis_of(rotation: Ints) -> tuple[int, int, int]:
    """Direction [uvw] that a rotation keeps and a rotoinversion inverts, up to its sign."""
    sign = round(np.linalg.det(rotation))
    # The mean of a rotation's powers is the projector on its axis.
    power, total = np.eye(3, dtype=int), np.zeros((3, 3), dtype=int)
    for _ in range(12):
        power = power @ (sign * rotation)
        total += power
    column = total[:, np.abs(total).sum(0).argmax()]
    return tuple(column // np.gcd.reduce(column))


def site_classes(rotations: Ints) -> Ints:
    """Class of each of the 15 axes: the group of the site operations about it; an inversion is about all."""
    about: dict[tuple[int, ...], set[int]] = {axis: set() for axis in AXES}
    for rotation in rotations:
        order = kind(rotation)
        if order == -1:
            for orders in about.values():
                orders.add(-1)
        elif order != 1:
            axis = axis_of(rotation)
            about[axis if axis in about else tuple(-u for u in axis)].add(order)
    return np.array([CLASSES[frozenset(about[axis])] for axis in AXES])


def stabiliser(rotations: Ints, shifts: Ints, matrix: Ints, offset: Ints) -> tuple[Ints, Ints]:
    """Operators, with whole translations taken off, that leave every point of the first member in place."""
    moved = (rotations @ offset + shifts - offset) % CELL
    fixed = ((rotations @ matrix == matrix).all((1, 2))) & (moved == 0).all(1)
    kept = rotations[fixed]
    return kept, offset - kept @ offset


def projector(rotations: Ints, shifts: Ints) -> tuple[Ints, Ints]:
    """Mean of the site-symmetry operations: the orthogonal projection in every metric of the group."""
    total, shift, order = rotations.sum(0) * UNIT, shifts.sum(0) * UNIT, len(rotations)
    if (total % order).any() or (shift % (order * CELL)).any():
        raise SystemExit("a projector has a denominator that does not divide 144")
    return total // order, shift // (order * CELL)


def lift(projection: Ints) -> Ints:
    """Integer columns whose residuals are a basis of those of all lattice vectors; zero columns follow.

    The residual of v is v - P v. Elementary column operations bring 144 (1 - P) into echelon form; the same
    operations on the unit matrix are the lift.
    """
    residual, steps = UNIT * np.eye(3, dtype=int) - projection, np.eye(3, dtype=int)
    done = 0
    for row in range(3):
        while True:
            nonzero = [c for c in range(done, 3) if residual[row, c]]
            if not nonzero:
                break
            pivot = min(nonzero, key=lambda c: abs(residual[row, c]))
            for table in (residual, steps):
                table[:, [done, pivot]] = table[:, [pivot, done]]
            if len(nonzero) == 1:
                done += 1
                break
            for c in range(done + 1, 3):
                times = residual[row, c] // residual[row, done]
                residual[:, c] -= times * residual[:, done]
                steps[:, c] -= times * steps[:, done]
    steps[:, done:] = 0
    return steps


def members(rotations: Ints, shifts: Ints, maps: Ints, offsets: Ints) -> list[int]:
    """First operator that takes the first member's parametrisation to each member's, up to whole cells."""
    images, moved = rotations @ maps[0], rotations @ offsets[0] + shifts
    found = []
    for matrix, offset in zip(maps, offsets, strict=True):
        same = (images == matrix).all((1, 2)) & ((moved - offset) % CELL == 0).all(1)
        if not same.any():
            raise SystemExit("an orbit member is no image of the first")
        found.append(int(same.argmax()))
    return found


def distinct(chosen: tuple[Ints, Ints], offset: Ints, projection: Ints, lifted: Ints) -> list[bool]:
    """Mark the members whose subspace, whole cells apart, is not that of an earlier member.

    Member j's subspace is member i's if g = g_i^-1 g_j keeps the first member's: if its rotation keeps the
    directions, and the residual of its shift is one of the residuals of the lattice vectors.
    """
    rotations, shifts = chosen
    residual = UNIT * np.eye(3, dtype=int) - projection
    basis = residual @ lifted
    inverse = np.linalg.pinv(basis)
    first: list[bool] = []
    for rotation, shift in zip(rotations, shifts, strict=True):
        undone = np.rint(np.linalg.inv(rotations[: len(first)])).astype(int)
        back = undone @ rotation
        keeps = (residual @ back @ projection == 0).all((1, 2))
        moved = undone @ (rotation @ offset + shift - shifts[: len(first)])[..., None]
        apart = (moved[..., 0] - offset) @ residual.T
        whole = np.rint(apart @ inverse.T / CELL).astype(int)
        first.append(not (keeps & (CELL * whole @ basis.T == apart).all(1)).any())
    return first


def make_table() -> dict[str, NDArray[np.generic]]:
    """Build all arrays. Positions run from letter a upwards, the general position last."""
    import spglib
    from pyxtal.symmetry import Group, Hall

    groups: dict[str, list[object]] = {"hall_number": [], "symbol": [], "operators": [], "positions": []}
    operators: dict[str, list[object]] = {"rotation": [], "translation": []}
    sites: dict[str, list[object]] = {name: [] for name in SITE_ARRAYS}
    member_operator: list[int] = []
    member_distinct: list[bool] = []
    for number in range(1, 231):
        group = Group(number)
        rotations, shifts = affine(group[0].ops)
        hall = Hall(number).hall_default
        groups["hall_number"].append(hall)
        groups["symbol"].append(spglib.get_spacegroup_type(hall).international_short)
        groups["operators"].append(len(rotations))
        groups["positions"].append(len(group))
        operators["rotation"].extend(rotations)
        operators["translation"].extend(shifts % CELL)
        for position in reversed(list(group)):
            maps, offsets = affine(position.ops)
            kept, kept_shifts = stabiliser(rotations, shifts, maps[0], offsets[0])
            if len(kept) * len(maps) != len(rotations):
                raise SystemExit(f"{number}{position.letter}: orbit times site symmetry is not the group")
            matrix, offset = projector(kept, kept_shifts)
            check_projector(maps[0], offsets[0], matrix, offset)
            sites["multiplicity"].append(len(maps))
            sites["freedom"].append(np.linalg.matrix_rank(maps[0]))
            sites["map"].append(maps[0])
            sites["offset"].append(offsets[0])
            sites["projector"].append(matrix)
            sites["projector_offset"].append(offset)
            sites["lift"].append(lift(matrix))
            sites["site_class"].append(site_classes(kept))
            chosen = members(rotations, shifts, maps, offsets)
            member_operator.extend(chosen)
            of_members = (rotations[chosen], shifts[chosen])
            member_distinct.extend(distinct(of_members, offsets[0], matrix, lift(matrix)))
    return {
        "version": np.array(VERSION, dtype=np.int16),
        "hall_number": np.array(groups["hall_number"], dtype=np.int16),
        "symbol": np.array(groups["symbol"], dtype="S10"),
        "operators": np.array(groups["operators"], dtype=np.int16),
        "positions": np.array(groups["positions"], dtype=np.int16),
        **{name: np.array(values, dtype=np.int8) for name, values in operators.items()},
        **{name: np.array(values, dtype=np.int16) for name, values in sites.items()},
        "member_operator": np.array(member_operator, dtype=np.int16),
        "member_distinct": np.array(member_distinct),
    }


def check_projector(matrix: Ints, offset: Ints, projection: Ints, shift: Ints) -> None:
    """Parametrisation M and projector P of the same subspace: MM = M, PP = P, MP = P, PM = M, exactly."""
    m = [[Fraction(int(v)) for v in row] for row in matrix]
    w = [Fraction(int(v), CELL) for v in offset]
    p = [[Fraction(int(v), UNIT) for v in row] for row in projection]
    q = [Fraction(int(v), UNIT) for v in shift]
    for (a, s), (b, t), expected in (
        ((m, w), (m, w), (m, w)),
        ((p, q), (p, q), (p, q)),
        ((m, w), (p, q), (p, q)),
        ((p, q), (m, w), (m, w)),
    ):
        product = [[sum(a[i][k] * b[k][j] for k in range(3)) for j in range(3)] for i in range(3)]
        moved = [sum(a[i][k] * t[k] for k in range(3)) + s[i] for i in range(3)]
        if (product, moved) != expected:
            raise SystemExit("a parametrisation and its projector disagree")


def checksum(table: dict[str, NDArray[np.generic]]) -> str:
    """SHA-256 of names, types, shapes and bytes of the arrays, whatever the compression."""
    digest = hashlib.sha256()
    for name in sorted(table):
        array = np.ascontiguousarray(table[name])
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def check_operators(table: dict[str, NDArray[np.generic]]) -> None:
    """Compare every group's operators with spglib's database."""
    import spglib

    ends = table["operators"].cumsum()
    for number, (end, size) in enumerate(zip(ends, table["operators"], strict=True), start=1):
        hall = int(table["hall_number"][number - 1])
        theirs = spglib.get_symmetry_from_database(hall)
        if spglib.get_spacegroup_type(hall).number != number:
            raise SystemExit(f"Hall number {hall} is not one of space group {number}")
        moved = np.rint(theirs["translations"] * CELL).astype(int) % CELL
        expected = {
            (*r.ravel().tolist(), *t.tolist()) for r, t in zip(theirs["rotations"], moved, strict=True)
        }
        mine = slice(int(end) - int(size), int(end))
        pairs = zip(table["rotation"][mine], table["translation"][mine], strict=True)
        if {(*r.ravel().tolist(), *t.tolist()) for r, t in pairs} != expected or len(expected) != size:
            raise SystemExit(f"space group {number}: operators differ from spglib's")


def example_cell(number: int) -> NDArray[np.float64]:
    """A cell of the group's crystal family that has no more symmetry; rows are lattice vectors, angstrom."""
    if number <= 2:
        return np.array([[15.3, 0.9, 0.6], [-2.1, 18.9, 1.2], [1.5, -2.7, 23.1]])
    if number <= 15:
        return np.array([[15.3, 0.0, 0.0], [0.0, 18.9, 0.0], [-3.9, 0.0, 23.1]])
    if 143 <= number <= 194:
        return np.array([[15.3, 0.0, 0.0], [-7.65, 7.65 * 3**0.5, 0.0], [0.0, 0.0, 23.1]])
    a, b, c = (15.3, 18.9, 23.1) if number <= 74 else (15.3, 15.3, 23.1) if number <= 142 else (15.3,) * 3
    return np.diag([a, b, c])


def check_letters(table: dict[str, NDArray[np.generic]]) -> None:
    """Let spglib find the letters of crystals with one orbit in general position and one on each position."""
    import spglib

    rng = np.random.default_rng(0)
    operator = position = member = 0
    for number in range(1, 231):
        mine = slice(operator, operator + int(table["operators"][number - 1]))
        operator = mine.stop
        rotations, shifts = table["rotation"][mine].astype(int), table["translation"][mine] / CELL
        for letter in LETTERS[: table["positions"][number - 1]]:
            chosen = table["member_operator"][member : member + table["multiplicity"][position]]
            x = table["map"][position] @ rng.random(3) + table["offset"][position] / CELL
            orbit, general = rotations[chosen] @ x + shifts[chosen], rotations @ rng.random(3) + shifts
            species = [1] * len(general) + [2] * len(orbit)
            crystal = (example_cell(number), np.concatenate([general, orbit]), species)
            hall = int(table["hall_number"][number - 1])
            found = spglib.get_symmetry_dataset(crystal, symprec=1e-5, hall_number=hall)
            if found is None or found.number != number or set(found.wyckoffs[len(general) :]) != {letter}:
                raise SystemExit(f"spglib does not find {number}{letter} in a crystal made of it")
            position, member = position + 1, member + len(chosen)


def main() -> None:
    """Make the table, check it, and compare it with the shipped one or replace that."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="replace the shipped file")
    arguments = parser.parse_args()
    table = make_table()
    check_operators(table)
    check_letters(table)
    if arguments.write:
        np.savez_compressed(TARGET, **table)
    with np.load(TARGET, allow_pickle=False) as shipped:
        same = checksum(dict(shipped)) == checksum(table)
    sys.stdout.write(
        f"{checksum(table)}  {len(table['multiplicity'])} positions, {len(table['rotation'])} operators\n"
    )
    sys.exit(0 if same else "the shipped table differs")


if __name__ == "__main__":
    main()
