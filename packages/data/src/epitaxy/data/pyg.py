"""A dataset as `torch_geometric` sees it."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from torch_geometric.data import Data, Dataset  # type: ignore[import-untyped]  # torch-geometric has no types


@runtime_checkable
class _Batch(Protocol):
    """What `torch_geometric` can have."""

    def to_pyg(self) -> Any: ...


@runtime_checkable
class _Batched(Protocol):
    """A dataset whose batches `torch_geometric` can have."""

    def __len__(self) -> int: ...

    def batch(self, indices: Sequence[int]) -> _Batch: ...


class PygView(Dataset):  # type: ignore[misc]  # its base has no types
    """A view of a dataset for PyG's DataLoader; attribute names are those of its batches' `to_pyg`."""

    def __init__(self, dataset: _Batched) -> None:
        super().__init__()
        self.dataset = dataset

    def len(self) -> int:
        """Return the number of records."""
        return len(self.dataset)

    def get(self, idx: int) -> Data:
        """One record."""
        return self.dataset.batch([idx]).to_pyg().get_example(0)


class PygCrystals(PygView):
    """A view of a `CrystalDataset`; attribute names as in `epitaxy.geometry.pyg`."""
