"""Crystal batches to and from `torch_geometric`, the interchange form at the edge.

Attribute names are those of the field's repositories: `frac_coords`, `lattice` (1, 3, 3), `atom_types`,
`num_nodes`; beside them `id` and the mapping `properties`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from epitaxy.geometry.batch import CrystalBatch

if TYPE_CHECKING:
    from torch_geometric.data import Batch, Data  # type: ignore[import-untyped]  # torch-geometric has no types


def to_pyg(batch: CrystalBatch) -> "Batch":
    """Make one `Data` a structure and collate them."""
    return batch.to_pyg()


def from_pyg(data: "Batch | Data | Sequence[Data]") -> CrystalBatch:
    """Read a Batch, one Data or a list of Data; see `CrystalBatch.from_pyg`."""
    return CrystalBatch.from_pyg(data)
