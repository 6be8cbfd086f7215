"""A ragged batch of asymmetric units: one atom of each orbit of each crystal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.geometry._batches import (
    cat_properties,
    cat_segments,
    check_graphs,
    check_real,
    check_whole,
    choose,
    mapped,
    summary,
)
from epitaxy.geometry.batch import CrystalBatch
from epitaxy.geometry.lattice import gram
from epitaxy.geometry.segments import Segments
from epitaxy.geometry.symmetry.orbits import expand_orbits
from epitaxy.geometry.symmetry.projection import project_to_wyckoff
from epitaxy.geometry.symmetry.table import check_numbers, wyckoff_table

OFF_POSITION = 0.01
"""Angstrom: a point farther than this from its Wyckoff position is not on it; rounding is far below."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class WyckoffBatch:
    """Crystals side by side as space groups and occupied Wyckoff positions; "atoms" are orbits here.

    Attributes:
        segments: which orbits belong to which structure.
        space_groups: 1 to 230, in the setting of `SpaceGroup`.
        sites: Wyckoff position of each orbit, 0 to 1730, as `wyckoff_table` numbers them.
        positions: fractional coordinates in [0, 1) in the conventional cell: a point of each orbit. It lies
            on one of the members of the position, not necessarily on the first.
        lattice: angstrom, the conventional cell as `lattice_from_k` gives it; rows are lattice vectors.
        numbers: atomic numbers.
        ids: the structures' names.
        properties: one value a structure by name; NaN where it is unknown.

    Raises:
        ValueError: if shapes, kinds of numbers or devices do not agree. Values are not looked at, which would
            wait for an accelerator.

    """

    segments: Segments
    space_groups: Int[Tensor, " graphs"]
    sites: Int[Tensor, " atoms"]
    positions: Float[Tensor, "atoms 3"]
    lattice: Float[Tensor, "graphs 3 3"]
    numbers: Int[Tensor, " atoms"]
    ids: tuple[str, ...]
    properties: Mapping[str, Float[Tensor, " graphs"]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        atoms, graphs = self.segments.num_atoms, self.segments.num_graphs
        check_whole("space_groups", self.space_groups, (graphs,), self.segments)
        check_whole("sites", self.sites, (atoms,), self.segments)
        check_real("positions", self.positions, (atoms, 3), self.segments)
        check_real("lattice", self.lattice, (graphs, 3, 3), self.segments)
        check_whole("numbers", self.numbers, (atoms,), self.segments)
        check_graphs(self.segments, "structures", self.ids, self.properties)

    @property
    def num_graphs(self) -> int:
        """Number of structures."""
        return self.segments.num_graphs

    def __len__(self) -> int:
        return self.segments.num_graphs

    def __repr__(self) -> str:
        return summary(self, "structures", "orbits")

    def to(
        self,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        non_blocking: bool = False,
    ) -> "WyckoffBatch":
        """Copy to another device, and what is real to another type; from pinned memory nothing waits."""
        return mapped(
            self,
            lambda x: x.to(
                device=device, dtype=dtype if x.is_floating_point() else None, non_blocking=non_blocking
            ),
        )

    def pin_memory(self) -> "WyckoffBatch":
        """Copy to pinned memory, from which copies to a GPU do not block."""
        return mapped(self, torch.Tensor.pin_memory)

    def select(self, indices: Sequence[int] | Int[Tensor, " chosen"]) -> "WyckoffBatch":
        """Pick the structures at these positions, in this order; a position may occur more than once.

        Raises:
            ValueError: if given a mask.
            IndexError: if a position is outside [-len, len).

        """
        graphs, segments, atoms = choose(self.segments, indices, "structures")
        return WyckoffBatch(
            segments=segments,
            space_groups=self.space_groups[graphs],
            sites=self.sites[atoms],
            positions=self.positions[atoms],
            lattice=self.lattice[graphs],
            numbers=self.numbers[atoms],
            ids=tuple(self.ids[i] for i in graphs.tolist()),
            properties={name: values[graphs] for name, values in self.properties.items()},
        )

    @classmethod
    def cat(cls, batches: Sequence["WyckoffBatch"]) -> "WyckoffBatch":
        """Put batches one after the other; a property that one of them lacks is NaN there.

        Raises:
            ValueError: if there is no batch.

        """
        return cls(
            segments=cat_segments([b.segments for b in batches]),
            space_groups=torch.cat([b.space_groups for b in batches]),
            sites=torch.cat([b.sites for b in batches]),
            positions=torch.cat([b.positions for b in batches]),
            lattice=torch.cat([b.lattice for b in batches]),
            numbers=torch.cat([b.numbers for b in batches]),
            ids=tuple(name for b in batches for name in b.ids),
            properties=cat_properties(
                [b.properties for b in batches], [b.positions.new_full((len(b),), torch.nan) for b in batches]
            ),
        )

    def expand(self) -> CrystalBatch:
        """List every atom of the conventional cells: each orbit's, orbit after orbit, in [0, 1).

        An orbit has as many atoms as its position's multiplicity says, by the group's operators; nothing is
        compared. Points are first moved to the closest point of their position, which undoes rounding.

        Raises:
            ValueError: if a space group or site does not exist or they do not belong together, if a point is
                more than `OFF_POSITION` from its site, or if a cell does not have the form of its group.

        """
        table = wyckoff_table(self.positions.device).to(dtype=self.positions.dtype)
        self._check_sites(table.number)
        placed = project_to_wyckoff(
            table, self.sites, self.positions, self.segments.expand(gram(self.lattice))
        )
        off = placed.distance > OFF_POSITION
        if bool(off.any()):
            orbit = int(off.nonzero()[0, 0])
            raise ValueError(
                f"structure {self.ids[int(self.segments.index[orbit])]} has a point "
                f"{float(placed.distance[orbit]):.3f} angstrom off its Wyckoff position "
                f"{table.label(int(self.sites[orbit]))}; move it there by project_to_wyckoff"
            )
        orbits = expand_orbits(table, self.sites, placed.coordinates, placed.member)
        return CrystalBatch(
            segments=Segments.from_counts(self.segments.sum(orbits.segments.counts)),
            positions=orbits.coordinates,
            lattice=self.lattice,
            numbers=orbits.segments.expand(self.numbers),
            ids=self.ids,
            properties=self.properties,
        )

    def _check_sites(self, number: Tensor) -> None:
        check_numbers(self.space_groups)
        if bool(((self.sites < 0) | (self.sites >= len(number))).any()):
            raise ValueError(f"sites have the numbers 0 to {len(number) - 1} of wyckoff_table()")
        group = self.segments.expand(self.space_groups)
        foreign = number[self.sites] != group
        if bool(foreign.any()):
            orbit = int(foreign.nonzero()[0, 0])
            raise ValueError(
                f"structure {self.ids[int(self.segments.index[orbit])]} of space group {int(group[orbit])} "
                f"has site {int(self.sites[orbit])}, which belongs to group {int(number[self.sites[orbit]])}"
            )
