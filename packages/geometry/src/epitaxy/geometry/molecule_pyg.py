"""Molecule batches to and from `torch_geometric`, the interchange form at the edge.

Attribute names are those of PyG's own QM9: `pos` (angstrom), `z` (atomic numbers), `num_nodes`; beside them
`id` and the mapping `properties`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from epitaxy.geometry.molecule_batch import MoleculeBatch

if TYPE_CHECKING:
    from torch_geometric.data import Batch, Data  # type: ignore[import-untyped]  # torch-geometric has no types


def to_pyg(batch: MoleculeBatch) -> "Batch":
    """Make one `Data` a molecule and collate them."""
    return batch.to_pyg()


def from_pyg(data: "Batch | Data | Sequence[Data]") -> MoleculeBatch:
    """Read a Batch, one Data or a list of Data; see `MoleculeBatch.from_pyg`."""
    return MoleculeBatch.from_pyg(data)
