"""Molecule batches to and from `torch_geometric`, the interchange form at the edge.

Attribute names are those of PyG's own QM9: `pos` (angstrom), `z` (atomic numbers), `num_nodes`; beside them
`id` and the mapping `properties`.
"""

from collections.abc import Sequence

import torch

from epitaxy.geometry.molecule_batch import MoleculeBatch
from epitaxy.geometry.segments import Segments

try:
    from torch_geometric.data import Batch, Data  # type: ignore[import-untyped]  # torch-geometric has no types
except ImportError as error:
    raise ImportError("torch_geometric is missing: pip install torch-geometric") from error


def to_pyg(batch: MoleculeBatch) -> Batch:
    """Make one `Data` a molecule and collate them."""
    return Batch.from_data_list([_data(batch, graph) for graph in range(len(batch))])


def _data(batch: MoleculeBatch, graph: int) -> Data:
    first, end = batch.segments.offsets[graph : graph + 2].tolist()
    return Data(
        pos=batch.positions[first:end],
        z=batch.numbers[first:end],
        num_nodes=end - first,
        id=batch.ids[graph],
        properties={name: values[graph : graph + 1] for name, values in batch.properties.items()},
    )


def from_pyg(data: Batch | Data | Sequence[Data]) -> MoleculeBatch:
    """Read a Batch, one Data or a list of Data.

    Without `id` the molecules are named by their position; without `properties` they have none.

    Raises:
        ValueError: if `pos` or `z` is missing.

    """
    if not isinstance(data, Batch):
        data = Batch.from_data_list([data] if isinstance(data, Data) else list(data))
    missing = [name for name in ("pos", "z") if name not in data]
    if missing:
        raise ValueError(f"the torch_geometric data has no {', '.join(missing)}")
    counts = data.ptr.diff()
    ids = data.id if "id" in data else range(counts.shape[0])
    return MoleculeBatch(
        segments=Segments.from_counts(counts),
        positions=data.pos,
        numbers=data.z.to(torch.int64),
        ids=tuple(str(name) for name in ids),
        properties=dict(data.properties) if "properties" in data else {},
    )
