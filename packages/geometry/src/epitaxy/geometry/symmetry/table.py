"""All Wyckoff positions of all groups as stacked tensors, for batches of atoms of different groups."""

from dataclasses import dataclass, fields
from functools import cache
from typing import SupportsIndex

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.geometry.devices import require
from epitaxy.geometry.symmetry._frozen import CELL, LETTERS, UNIT, FrozenTable, frozen_table
from epitaxy.geometry.symmetry.groups import space_group
from epitaxy.geometry.symmetry.symbols import NUM_GROUPS


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class WyckoffTable:
    """The 1,731 Wyckoff positions, numbered 0 to 1730 by group and by letter within the group.

    Get it with `wyckoff_table()`. Affine maps are 3 x 4: a matrix and, last, a translation. Positions of
    group g are `position_first[g - 1]` to `position_first[g] - 1`, the general position last; operators and
    members of orbits are found in the same way.

    Attributes:
        number: the space group of each position.
        multiplicity: members of its orbit.
        freedom: free parameters, 0 to 3.
        site_class: class of each of the 15 axes.
        site_row: which of the distinct rows of classes it has; equal rows are common within a group.
        site_rows: the distinct rows.
        operator: x -> R x + t of every group's operators.
        inverse: the operators' inverses.
        member_operator: row of `operator` that makes each member of the first one.
        search_member: member, within its orbit, of each subspace that differs from the earlier ones.
        parametrise: idempotent integer map of all space on the first member (International Tables A).
        project: orthogonal projection on the first member in every metric of the group.
        lift: integer columns whose components across the first member are a basis of the lattice's; zero
            columns follow.
        basis: these components.
        components: coordinates in that basis of a vector across the member.

    """

    number: Int[Tensor, " positions"]
    multiplicity: Int[Tensor, " positions"]
    freedom: Int[Tensor, " positions"]
    site_class: Int[Tensor, "positions 15"]
    site_row: Int[Tensor, " positions"]
    site_rows: Int[Tensor, "rows 15"]
    position_first: Int[Tensor, " starts"]
    operator_first: Int[Tensor, " starts"]
    operator: Float[Tensor, "operators 3 4"]
    inverse: Float[Tensor, "operators 3 4"]
    member_first: Int[Tensor, " positions+1"]
    member_operator: Int[Tensor, " members"]
    search_first: Int[Tensor, " positions+1"]
    search_member: Int[Tensor, " searched"]
    parametrise: Float[Tensor, "positions 3 4"]
    project: Float[Tensor, "positions 3 4"]
    lift: Float[Tensor, "positions 3 3"]
    basis: Float[Tensor, "positions 3 3"]
    components: Float[Tensor, "positions 3 3"]

    def __repr__(self) -> str:
        return f"WyckoffTable({len(self.number)} positions, {self.number.device}, {self.operator.dtype})"

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> "WyckoffTable":
        """Copy to another device, and the maps to another floating dtype. What is there already is shared."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return WyckoffTable(
            **{
                name: value.to(device=device, dtype=dtype if value.is_floating_point() else None)
                for name, value in values.items()
            }
        )

    def index(self, number: SupportsIndex | str, letter: str) -> int:
        """Find a position by its group, a number or symbol, and its letter.

        Raises:
            ValueError: if there is no such group or letter.

        """
        group = space_group(number)
        group.position(letter)
        return int(self.position_first[group.number - 1]) + LETTERS.index(letter)

    def label(self, position: int) -> str:
        """Name a position by multiplicity and letter, such as 4a."""
        first = int(self.position_first[int(self.number[position]) - 1])
        return f"{int(self.multiplicity[position])}{LETTERS[position - first]}"


def check_numbers(number: Tensor) -> None:
    """Refuse what is no number of a space group."""
    exists = (number >= 1) & (number <= NUM_GROUPS)
    require(
        exists,
        lambda: ValueError(f"space groups have the numbers 1 to {NUM_GROUPS}, not {int(number[~exists][0])}"),
    )


def apply(affine: Float[Tensor, "*batch 3 4"], x: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    """Move points by affine maps."""
    return (affine[..., :3] @ x[..., None])[..., 0] + affine[..., 3]


@cache
def wyckoff_table(device: torch.device | None = None) -> WyckoffTable:
    """Return the table in float64, on the CPU or on a device; every call returns the same one."""
    if device is not None:
        with torch.inference_mode(False):  # it may be used in training later
            return wyckoff_table() if device.type == "cpu" else wyckoff_table().to(device)
    frozen = frozen_table()
    counts = frozen.position_first.diff()
    number = torch.arange(1, NUM_GROUPS + 1).repeat_interleave(counts)
    first_operator = frozen.operator_first[number - 1]
    rows, row = torch.unique(frozen.site_class, dim=0, return_inverse=True)
    operator = _affine(frozen.rotation, frozen.translation, 1, CELL)
    project = _affine(frozen.projector, frozen.projector_offset, UNIT, UNIT)
    lift = frozen.lift.to(torch.float64)
    basis = lift - project[..., :3] @ lift
    return WyckoffTable(
        number=number,
        multiplicity=frozen.multiplicity,
        freedom=frozen.freedom,
        site_class=frozen.site_class,
        site_row=row,
        site_rows=rows,
        position_first=frozen.position_first,
        operator_first=frozen.operator_first,
        operator=operator,
        inverse=_inverse(frozen.rotation, frozen.translation),
        member_first=frozen.member_first,
        member_operator=frozen.member_operator + first_operator.repeat_interleave(frozen.multiplicity),
        **_search(frozen),
        parametrise=_affine(frozen.map, frozen.offset, 1, CELL),
        project=project,
        lift=lift,
        basis=basis,
        components=torch.linalg.pinv(basis),
    )


def _affine(matrix: Tensor, shift: Tensor, unit: int, shift_unit: int) -> Tensor:
    parts = [matrix.to(torch.float64) / unit, shift[..., None].to(torch.float64) / shift_unit]
    return torch.cat(parts, dim=-1)


def _inverse(rotation: Tensor, translation: Tensor) -> Tensor:
    # The inverse of an integer matrix of determinant 1 or -1 is one, too.
    undone = torch.linalg.inv(rotation.to(torch.float64)).round().to(torch.int64)
    return _affine(undone, -(undone @ translation[..., None])[..., 0], 1, CELL)


def _search(frozen: FrozenTable) -> dict[str, Tensor]:
    """List the members with subspaces of their own: the others need no search for the closest point."""
    owner = torch.arange(len(frozen.multiplicity)).repeat_interleave(frozen.multiplicity)
    chosen = frozen.member_distinct.nonzero()[:, 0]
    counts = torch.bincount(owner[chosen])
    return {
        "search_first": torch.cat([counts.new_zeros(1), counts.cumsum(0)]),
        "search_member": chosen - frozen.member_first[owner[chosen]],
    }
