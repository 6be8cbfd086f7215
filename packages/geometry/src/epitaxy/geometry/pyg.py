"""Crystal batches to and from `torch_geometric`, the interchange form at the edge.

Attribute names are those of the field's repositories: `frac_coords`, `lattice` (1, 3, 3), `atom_types`,
`num_nodes`; beside them `id` and the mapping `properties`.
"""

from collections.abc import Sequence

import torch

from epitaxy.geometry.batch import CrystalBatch
from epitaxy.geometry.segments import Segments
from epitaxy.geometry.torus import FlatTorus

try:
    from torch_geometric.data import Batch, Data  # type: ignore[import-untyped]  # torch-geometric has no types
except ImportError as error:
    raise ImportError("torch_geometric is missing: pip install torch-geometric") from error


def to_pyg(batch: CrystalBatch) -> Batch:
    """Make one `Data` a structure and collate them."""
    return Batch.from_data_list([_data(batch, graph) for graph in range(len(batch))])


def _data(batch: CrystalBatch, graph: int) -> Data:
    first, end = batch.segments.offsets[graph : graph + 2].tolist()
    return Data(
        frac_coords=batch.positions[first:end],
        lattice=batch.lattice[graph : graph + 1],
        atom_types=batch.numbers[first:end],
        num_nodes=end - first,
        id=batch.ids[graph],
        properties={name: values[graph : graph + 1] for name, values in batch.properties.items()},
    )


def from_pyg(data: Batch | Data | Sequence[Data]) -> CrystalBatch:
    """Read a Batch, one Data or a list of Data.

    Coordinates are wrapped into [0, 1). Without `id` the structures are named by their position; without
    `properties` they have none.

    Raises:
        ValueError: if `frac_coords`, `lattice` or `atom_types` is missing.

    """
    if not isinstance(data, Batch):
        data = Batch.from_data_list([data] if isinstance(data, Data) else list(data))
    missing = [name for name in ("frac_coords", "lattice", "atom_types") if name not in data]
    if missing:
        raise ValueError(f"the torch_geometric data has no {', '.join(missing)}")
    counts = data.ptr.diff()
    ids = data.id if "id" in data else range(counts.shape[0])
    return CrystalBatch(
        segments=Segments.from_counts(counts),
        positions=FlatTorus().project(data.frac_coords),
        lattice=data.lattice.reshape(-1, 3, 3),
        numbers=data.atom_types.to(torch.int64),
        ids=tuple(str(name) for name in ids),
        properties=dict(data.properties) if "properties" in data else {},
    )
