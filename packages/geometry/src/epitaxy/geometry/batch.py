"""A ragged batch of crystals as plain tensors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor

from epitaxy.geometry import _pyg
from epitaxy.geometry.columns import per_graph
from epitaxy.geometry.ragged_batch import RaggedBatch
from epitaxy.geometry.torus import FlatTorus

if TYPE_CHECKING:
    from torch_geometric.data import Batch, Data  # type: ignore[import-untyped]  # torch-geometric has no types

_PYG_NAMES = {"positions": "frac_coords", "lattice": "lattice", "numbers": "atom_types"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CrystalBatch(RaggedBatch):
    """Crystals side by side: atoms sorted by structure, one lattice, id and set of properties a structure.

    Attributes:
        segments: which atoms belong to which structure.
        positions: fractional coordinates in [0, 1).
        lattice: angstrom; rows are lattice vectors, `cart = frac @ lattice`.
        numbers: atomic numbers.
        ids: the structures' names.
        properties: one value a structure by name; NaN where it is unknown.

    Raises:
        ValueError: if shapes, kinds of numbers or devices do not agree, or, on the CPU, if a number is not
            finite or no element's; elsewhere a look at values would wait for the accelerator.

    """

    COLUMNS = RaggedBatch.COLUMNS | {"lattice": per_graph(3, 3)}
    GRAPHS = "structures"

    lattice: Float[Tensor, "graphs 3 3"]

    def to_pyg(self) -> "Batch":
        """Convert to a `torch_geometric` Batch; see `epitaxy.geometry.pyg`."""
        return _pyg.write(self, _PYG_NAMES)

    @staticmethod
    def from_pyg(data: "Batch | Data | Sequence[Data]") -> "CrystalBatch":
        """Convert from `torch_geometric` data: a Batch, one Data or a list of Data.

        Coordinates are wrapped into [0, 1). Without `id` the structures are named by their position; without
        `properties` they have none.

        Raises:
            ValueError: if `frac_coords`, `lattice` or `atom_types` is missing.

        """
        read = _pyg.read(data, _PYG_NAMES)
        return CrystalBatch(
            segments=read.segments,
            positions=FlatTorus().project(read.tensors["positions"]),
            lattice=read.tensors["lattice"].reshape(-1, 3, 3),
            numbers=read.tensors["numbers"],
            ids=read.ids,
            properties=read.properties,
        )
