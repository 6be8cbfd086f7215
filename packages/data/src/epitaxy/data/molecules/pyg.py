"""A dataset of molecules as `torch_geometric` sees it."""

from epitaxy.data.pyg import PygView


class PygMolecules(PygView):
    """A view of a `MoleculeDataset`; attribute names as in `epitaxy.geometry.molecule_pyg`."""
