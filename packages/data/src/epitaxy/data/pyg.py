"""A dataset as `torch_geometric` sees it."""

from typing import TYPE_CHECKING

from torch_geometric.data import Data, Dataset  # type: ignore[import-untyped]  # torch-geometric has no types

from epitaxy.geometry.pyg import to_pyg

if TYPE_CHECKING:
    from epitaxy.data.dataset import CrystalDataset


class PygCrystals(Dataset):  # type: ignore[misc]  # its base has no types
    """A view of a `CrystalDataset` for PyG's DataLoader; attribute names as in `epitaxy.geometry.pyg`."""

    def __init__(self, dataset: "CrystalDataset") -> None:
        super().__init__()
        self.dataset = dataset

    def len(self) -> int:
        """Return the number of crystals."""
        return len(self.dataset)

    def get(self, idx: int) -> Data:
        """One crystal."""
        return to_pyg(self.dataset.batch([idx])).get_example(0)
