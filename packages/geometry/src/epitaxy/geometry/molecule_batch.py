"""A ragged batch of molecules as plain tensors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.geometry.segments import Segments

if TYPE_CHECKING:
    from torch_geometric.data import Batch, Data  # type: ignore[import-untyped]  # torch-geometric has no types


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MoleculeBatch:
    """Molecules side by side: atoms sorted by molecule, one id and set of properties a molecule.

    Attributes:
        segments: which atoms belong to which molecule.
        positions: angstrom, Cartesian, in whatever frame they were given.
        numbers: atomic numbers.
        ids: the molecules' names.
        properties: one value a molecule by name; NaN where it is unknown.

    Raises:
        ValueError: if the shapes do not agree.

    """

    segments: Segments
    positions: Float[Tensor, "atoms 3"]
    numbers: Int[Tensor, " atoms"]
    ids: tuple[str, ...]
    properties: Mapping[str, Float[Tensor, " graphs"]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        atoms, graphs = self.segments.num_atoms, self.segments.num_graphs
        _check_shape("positions", self.positions, (atoms, 3))
        _check_shape("numbers", self.numbers, (atoms,))
        if len(self.ids) != graphs:
            raise ValueError(f"{len(self.ids)} ids for {graphs} molecules")
        for name, values in self.properties.items():
            _check_shape(f"property {name!r}", values, (graphs,))

    @property
    def num_graphs(self) -> int:
        """Number of molecules."""
        return self.segments.num_graphs

    def __len__(self) -> int:
        return self.segments.num_graphs

    def to(self, device: torch.device | str) -> "MoleculeBatch":
        """Copy to another device."""
        return MoleculeBatch(
            segments=self.segments.to(device),
            positions=self.positions.to(device),
            numbers=self.numbers.to(device),
            ids=self.ids,
            properties={name: values.to(device) for name, values in self.properties.items()},
        )

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
        if isinstance(indices, Tensor) and indices.dtype == torch.bool:
            raise ValueError("select takes positions, not a mask")
        chosen = torch.as_tensor(indices, dtype=torch.int64, device=self.segments.device)
        size = len(self)
        if bool(((chosen < -size) | (chosen >= size)).any()):
            raise IndexError(f"positions must be within a batch of {size} molecules")
        chosen = chosen % max(size, 1)
        segments = Segments.from_counts(self.segments.counts[chosen])
        atoms = segments.expand(self.segments.offsets[chosen]) + segments.rank
        return MoleculeBatch(
            segments=segments,
            positions=self.positions[atoms],
            numbers=self.numbers[atoms],
            ids=tuple(self.ids[i] for i in chosen.tolist()),
            properties={name: values[chosen] for name, values in self.properties.items()},
        )

    @classmethod
    def cat(cls, batches: Sequence["MoleculeBatch"]) -> "MoleculeBatch":
        """Put batches one after the other; a property that one of them lacks is NaN there.

        Raises:
            ValueError: if there is no batch.

        """
        if not batches:
            raise ValueError("no batch to concatenate")
        names = dict.fromkeys(name for batch in batches for name in batch.properties)
        return cls(
            segments=Segments.from_counts(torch.cat([b.segments.counts for b in batches])),
            positions=torch.cat([b.positions for b in batches]),
            numbers=torch.cat([b.numbers for b in batches]),
            ids=tuple(name for b in batches for name in b.ids),
            properties={name: torch.cat([b._property(name) for b in batches]) for name in names},
        )

    def _property(self, name: str) -> Tensor:
        if name in self.properties:
            return self.properties[name]
        return self.positions.new_full((len(self),), torch.nan)

    def to_pyg(self) -> "Batch":
        """Convert to a `torch_geometric` Batch; see `epitaxy.geometry.molecule_pyg`."""
        from epitaxy.geometry import molecule_pyg

        return molecule_pyg.to_pyg(self)

    @staticmethod
    def from_pyg(data: "Batch | Data | Sequence[Data]") -> "MoleculeBatch":
        """Convert from `torch_geometric` data; see `epitaxy.geometry.molecule_pyg`."""
        from epitaxy.geometry import molecule_pyg

        return molecule_pyg.from_pyg(data)


def _check_shape(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != shape:
        raise ValueError(f"{name} must have shape {shape}, not {tuple(tensor.shape)}")
