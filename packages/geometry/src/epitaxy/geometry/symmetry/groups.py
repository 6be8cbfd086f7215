"""One space group and one Wyckoff position at a time, in exact integers."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Literal, SupportsIndex, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.geometry.symmetry._frozen import CELL, LETTERS, UNIT, FrozenTable, frozen_table
from epitaxy.geometry.symmetry.symbols import space_group_number

CrystalSystem: TypeAlias = Literal[
    "triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic"
]

# The first group of each system, in the order of the numbers.
_SYSTEMS: tuple[tuple[int, CrystalSystem], ...] = (
    (195, "cubic"),
    (168, "hexagonal"),
    (143, "trigonal"),
    (75, "tetragonal"),
    (16, "orthorhombic"),
    (3, "monoclinic"),
    (1, "triclinic"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class WyckoffPosition:
    """A Wyckoff position: a point, line, plane or all of space, and its images under the group.

    Orbit member j of the free parameters u is the point `maps[j] @ u + offsets[j] / 24`. The parameters are
    the coordinates x, y, z of International Tables A themselves: `maps[0]` is idempotent, so a point on the
    first member is its own parameters.

    Attributes:
        number: the space group's.
        letter: Wyckoff letter, a to z; the 27th of Pmmm (alpha in the International Tables) is A.
        multiplicity: number of members, points in the conventional cell.
        freedom: number of free parameters, 0 to 3.
        operators: for each member, the group's operator that makes it of the first one.
        maps: matrix of each member.
        offsets: translation of each member, in units of 1/24 of a lattice vector.
        site_classes: class of each of the 15 axes, see `SITE_AXES` and `SITE_CLASSES`.
        projector: matrix of the orthogonal projection on the first member, in the metric of any cell that has
            the group's symmetry: the mean of the site-symmetry operations.
        projector_offset: its translation.

    """

    number: int
    letter: str
    multiplicity: int
    freedom: int
    operators: Int[Tensor, " members"]
    maps: Int[Tensor, "members 3 3"]
    offsets: Int[Tensor, "members 3"]
    site_classes: Int[Tensor, "15"]
    projector: Float[Tensor, "3 3"]
    projector_offset: Float[Tensor, "3"]

    def __repr__(self) -> str:
        return f"WyckoffPosition({self.number}, {self.label!r})"

    @property
    def label(self) -> str:
        """Multiplicity and letter, such as 4a."""
        return f"{self.multiplicity}{self.letter}"

    def xyz(self) -> tuple[str, ...]:
        """Write each member as International Tables A do, the first one first.

        >>> space_group("Pnma").position("c").xyz()[0]
        'x,1/4,z'
        """
        return tuple(
            ",".join(_written(row, shift) for row, shift in zip(matrix, offset, strict=True))
            for matrix, offset in zip(self.maps.tolist(), self.offsets.tolist(), strict=True)
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SpaceGroup:
    """A space group in the standard setting: its operators on the conventional cell and its positions.

    The setting is that of International Tables A: unique axis b and cell choice 1 for monoclinic groups,
    origin choice 2 (on an inversion centre) where there are two, hexagonal axes for rhombohedral groups. It
    is PyXtal's; for spglib it is `hall_number`, which is not the one that spglib takes by itself for the 24
    groups with two origins.

    Attributes:
        number: 1 to 230.
        symbol: short Hermann-Mauguin symbol.
        hall_number: spglib's number of this setting, 1 to 530.
        crystal_system: one of the seven.
        rotations: matrices of the operators x -> R x + t on fractional coordinates (columns), centrings
            included, the identity first.
        translations: in units of 1/24 of a lattice vector, in [0, 24). Convert them to float64 before
            dividing: torch divides integers in float32.
        positions: Wyckoff positions from letter a to the general position.

    """

    number: int
    symbol: str
    hall_number: int
    crystal_system: CrystalSystem
    rotations: Int[Tensor, "operators 3 3"]
    translations: Int[Tensor, "operators 3"]
    positions: tuple[WyckoffPosition, ...]

    def __repr__(self) -> str:
        return f"SpaceGroup({self.number}, {self.symbol!r})"

    @property
    def order(self) -> int:
        """Number of operators, the multiplicity of the general position."""
        return self.rotations.shape[0]

    def position(self, letter: str) -> WyckoffPosition:
        """Find a Wyckoff position by its letter.

        Raises:
            ValueError: if the group has no such position.

        """
        for position in self.positions:
            if position.letter == letter:
                return position
        last = self.positions[-1].letter
        raise ValueError(f"space group {self.number} has the Wyckoff letters a to {last}, not {letter!r}")

    def site_symmetry(self, letter: str) -> tuple[Int[Tensor, "operations 3 3"], Int[Tensor, "operations 3"]]:
        """List the operations that leave the points of a position's first member where they are.

        Returns:
            Matrices, and translations in units of 1/24 with the whole cells that the group's lack.

        """
        position = self.position(letter)
        matrix, offset = position.maps[0], position.offsets[0]
        moved = self.rotations @ offset + self.translations - offset
        fixed = (self.rotations @ matrix == matrix).flatten(1).all(1) & (moved % CELL == 0).all(1)
        return self.rotations[fixed], (self.translations - moved)[fixed]


def _written(row: Sequence[int], shift: int) -> str:
    """Write one coordinate: integer multiples of x, y and z, and a fraction of the cell."""
    terms = [
        f"{'+' if factor > 0 else '-'}{abs(factor) if abs(factor) > 1 else ''}{axis}"
        for factor, axis in zip(row, "xyz", strict=True)
        if factor
    ]
    if shift or not terms:
        terms.append(f"+{Fraction(shift, CELL)}")
    return "".join(terms).removeprefix("+")


def lattice_points(number: int) -> int:
    """Return how many lattice points the conventional cell has: 1 of P, 2 of A, C and I, 3 of R, 4 of F.

    Raises:
        ValueError: if the number is outside 1 to 230.

    """
    same = space_group(number).rotations == torch.eye(3, dtype=torch.int64)
    return int(same.flatten(1).all(1).sum())


def crystal_system(group: SupportsIndex | str) -> CrystalSystem:
    """Name the crystal system of a space group, given as `space_group_number` takes it.

    Raises:
        ValueError: if there is no such group.

    """
    number = space_group_number(group)
    return next(system for first, system in _SYSTEMS if number >= first)


def space_group(group: SupportsIndex | str) -> SpaceGroup:
    """Look up a space group by its number or by a symbol, as `space_group_number` takes it.

    Raises:
        ValueError: if there is no such group.

    """
    return _space_group(space_group_number(group))


@cache
def _space_group(number: int) -> SpaceGroup:
    table = frozen_table()
    operators = slice(*table.operator_first[number - 1 : number + 1].tolist())
    first, end = table.position_first[number - 1 : number + 1].tolist()
    return SpaceGroup(
        number=number,
        symbol=table.symbols[number - 1],
        hall_number=int(table.hall_number[number - 1]),
        crystal_system=crystal_system(number),
        rotations=table.rotation[operators],
        translations=table.translation[operators],
        positions=tuple(_position(table, number, first, index) for index in range(first, end)),
    )


def _position(table: FrozenTable, number: int, first: int, index: int) -> WyckoffPosition:
    members = slice(*table.member_first[index : index + 2].tolist())
    operators = table.member_operator[members]
    rotations = table.rotation[table.operator_first[number - 1] + operators]
    translations = table.translation[table.operator_first[number - 1] + operators]
    return WyckoffPosition(
        number=number,
        letter=LETTERS[index - first],
        multiplicity=int(table.multiplicity[index]),
        freedom=int(table.freedom[index]),
        operators=operators,
        maps=rotations @ table.map[index],
        offsets=(rotations @ table.offset[index] + translations) % CELL,
        site_classes=table.site_class[index],
        projector=table.projector[index].to(torch.float64) / UNIT,
        projector_offset=table.projector_offset[index].to(torch.float64) / UNIT,
    )
