"""A ragged batch of molecules as plain tensors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
from epitaxy.geometry.segments import Segments

if TYPE_CHECKING:
    from torch_geometric.data import Batch, Data  # type: ignore[import-untyped]  # torch-geometric has no types


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MoleculeBatch:
    """Molecules side by side: atoms sorted by molecule, one id and set of properties a molecule.

    Attributes:
        segments: which atoms belong to which molecule.
        positions: angstrom, Cartesian, in whatever frame they were given.
        numbers: atomic numbers.
        ids: the molecules' names.
        properties: one value a molecule by name; NaN where it is unknown.

    Raises:
        ValueError: if shapes, kinds of numbers or devices do not agree. Values are not looked at, which would
            wait for an accelerator.

    """

    segments: Segments
    positions: Float[Tensor, "atoms 3"]
    numbers: Int[Tensor, " atoms"]
    ids: tuple[str, ...]
    properties: Mapping[str, Float[Tensor, " graphs"]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        atoms = self.segments.num_atoms
        check_real("positions", self.positions, (atoms, 3), self.segments)
        check_whole("numbers", self.numbers, (atoms,), self.segments)
        check_graphs(self.segments, "molecules", self.ids, self.properties)

    @property
    def num_graphs(self) -> int:
        """Number of molecules."""
        return self.segments.num_graphs

    def __len__(self) -> int:
        return self.segments.num_graphs

    def __repr__(self) -> str:
        return summary(self, "molecules")

    def to(
        self,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        non_blocking: bool = False,
    ) -> "MoleculeBatch":
        """Copy to another device, and what is real to another type; from pinned memory nothing waits."""
        return mapped(
            self,
            lambda x: x.to(
                device=device, dtype=dtype if x.is_floating_point() else None, non_blocking=non_blocking
            ),
        )

    def pin_memory(self) -> "MoleculeBatch":
        """Copy to pinned memory, from which copies to a GPU do not block."""
        return mapped(self, torch.Tensor.pin_memory)

    def centered(self) -> "MoleculeBatch":
        """Move each molecule so that the mean of its positions is the origin."""
        return MoleculeBatch(
            segments=self.segments,
            positions=self.segments.center(self.positions),
            numbers=self.numbers,
            ids=self.ids,
            properties=self.properties,
        )

    def select(self, indices: Sequence[int] | Int[Tensor, " chosen"]) -> "MoleculeBatch":
        """Pick the molecules at these positions, in this order; a position may occur more than once.

        Raises:
            ValueError: if given a mask.
            IndexError: if a position is outside [-len, len).

        """
        graphs, segments, atoms = choose(self.segments, indices, "molecules")
        return MoleculeBatch(
            segments=segments,
            positions=self.positions[atoms],
            numbers=self.numbers[atoms],
            ids=tuple(self.ids[i] for i in graphs.tolist()),
            properties={name: values[graphs] for name, values in self.properties.items()},
        )

    @classmethod
    def cat(cls, batches: Sequence["MoleculeBatch"]) -> "MoleculeBatch":
        """Put batches one after the other; a property that one of them lacks is NaN there.

        Raises:
            ValueError: if there is no batch.

        """
        return cls(
            segments=cat_segments([b.segments for b in batches]),
            positions=torch.cat([b.positions for b in batches]),
            numbers=torch.cat([b.numbers for b in batches]),
            ids=tuple(name for b in batches for name in b.ids),
            properties=cat_properties(
                [b.properties for b in batches], [b.positions.new_full((len(b),), torch.nan) for b in batches]
            ),
        )

    def to_pyg(self) -> "Batch":
        """Convert to a `torch_geometric` Batch; see `epitaxy.geometry.molecule_pyg`."""
        from epitaxy.geometry import molecule_pyg

        return molecule_pyg.to_pyg(self)

    @staticmethod
    def from_pyg(data: "Batch | Data | Sequence[Data]") -> "MoleculeBatch":
        """Convert from `torch_geometric` data; see `epitaxy.geometry.molecule_pyg`."""
        from epitaxy.geometry import molecule_pyg

        return molecule_pyg.from_pyg(data)
