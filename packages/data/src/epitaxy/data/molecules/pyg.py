"""A dataset of molecules as `torch_geometric` sees it."""

from typing import TYPE_CHECKING

from torch_geometric.data import Data, Dataset  # type: ignore[import-untyped]  # torch-geometric has no types

from epitaxy.geometry.molecule_pyg import to_pyg

if TYPE_CHECKING:
    from epitaxy.data.molecules.dataset import MoleculeDataset


class PygMolecules(Dataset):  # type: ignore[misc]  # its base has no types
    """A view of a `MoleculeDataset` for PyG's DataLoader; names as in `epitaxy.geometry.molecule_pyg`."""

    def __init__(self, dataset: "MoleculeDataset") -> None:
        super().__init__()
        self.dataset = dataset

    def len(self) -> int:
        """Return the number of molecules."""
        return len(self.dataset)

    def get(self, idx: int) -> Data:
        """One molecule."""
        return to_pyg(self.dataset.batch([idx])).get_example(0)
