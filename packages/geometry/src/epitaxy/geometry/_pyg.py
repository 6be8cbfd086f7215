"""Batches to and from `torch_geometric`, the interchange form at the edge; the one place that imports it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from epitaxy.geometry.ragged_batch import RaggedBatch
from epitaxy.geometry.segments import Segments

if TYPE_CHECKING:
    from torch_geometric.data import Batch, Data  # type: ignore[import-untyped]  # torch-geometric has no types


class Foreign(NamedTuple):
    """What `torch_geometric` data hold.

    Attributes:
        segments: which nodes belong to which graph.
        tensors: by our names.
        ids: theirs, or else their positions.
        properties: theirs, if they have any.

    """

    segments: Segments
    tensors: dict[str, Tensor]
    ids: tuple[str, ...]
    properties: dict[str, Tensor]


def write(batch: RaggedBatch, names: Mapping[str, str]) -> "Batch":
    """Make one `Data` a graph and collate them; `names` has the attribute's name for each of ours."""
    parts = [_data(batch, names, graph) for graph in range(len(batch))]
    return _torch_geometric().Batch.from_data_list(parts)


def _data(batch: RaggedBatch, names: Mapping[str, str], graph: int) -> "Data":
    first, end = batch.segments.offsets[graph : graph + 2].tolist()
    atoms, row = slice(first, end), slice(graph, graph + 1)
    tensors = {
        theirs: getattr(batch, ours)[atoms if batch.COLUMNS[ours].level == "atom" else row]
        for ours, theirs in names.items()
    }
    return _torch_geometric().Data(
        **tensors,
        num_nodes=end - first,
        id=batch.ids[graph],
        properties={name: values[row] for name, values in batch.properties.items()},
    )


def read(data: "Batch | Data | Sequence[Data]", names: Mapping[str, str]) -> Foreign:
    """Read a Batch, one Data or a list of Data; `names` has the attribute's name for each of ours.

    Raises:
        ValueError: if an attribute is missing.

    """
    pyg = _torch_geometric()
    if not isinstance(data, pyg.Batch):
        data = pyg.Batch.from_data_list([data] if isinstance(data, pyg.Data) else list(data))
    missing = [theirs for theirs in names.values() if theirs not in data]
    if missing:
        raise ValueError(f"the torch_geometric data has no {', '.join(missing)}")
    counts = data.ptr.diff()
    ids = data.id if "id" in data else range(counts.shape[0])
    tensors = {ours: data[theirs] for ours, theirs in names.items()}
    return Foreign(
        segments=Segments.from_counts(counts),
        tensors=tensors | {"numbers": tensors["numbers"].to(torch.int64)},
        ids=tuple(str(name) for name in ids),
        properties=dict(data.properties) if "properties" in data else {},
    )


def _torch_geometric() -> Any:
    try:
        import torch_geometric.data  # type: ignore[import-untyped]  # torch-geometric has no types
    except ImportError as error:
        raise ImportError("torch_geometric is missing: pip install torch-geometric") from error
    return torch_geometric.data
