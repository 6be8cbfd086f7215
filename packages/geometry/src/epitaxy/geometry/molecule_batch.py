"""A ragged batch of molecules as plain tensors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from epitaxy.geometry import _pyg
from epitaxy.geometry.ragged_batch import RaggedBatch

if TYPE_CHECKING:
    from torch_geometric.data import Batch, Data  # type: ignore[import-untyped]  # torch-geometric has no types

_PYG_NAMES = {"positions": "pos", "numbers": "z"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MoleculeBatch(RaggedBatch):
    """Molecules side by side: atoms sorted by molecule, one id and set of properties a molecule.

    Attributes:
        segments: which atoms belong to which molecule.
        positions: angstrom, Cartesian, in whatever frame they were given.
        numbers: atomic numbers.
        ids: the molecules' names.
        properties: one value a molecule by name; NaN where it is unknown.

    Raises:
        ValueError: if shapes, kinds of numbers or devices do not agree, or, on the CPU, if a number is not
            finite or no element's; elsewhere a look at values would wait for the accelerator.

    """

    GRAPHS = "molecules"

    def centered(self) -> "MoleculeBatch":
        """Move each molecule so that the mean of its positions is the origin."""
        return replace(self, positions=self.segments.center(self.positions))

    def to_pyg(self) -> "Batch":
        """Convert to a `torch_geometric` Batch; see `epitaxy.geometry.molecule_pyg`."""
        return _pyg.write(self, _PYG_NAMES)

    @staticmethod
    def from_pyg(data: "Batch | Data | Sequence[Data]") -> "MoleculeBatch":
        """Convert from `torch_geometric` data: a Batch, one Data or a list of Data.

        Without `id` the molecules are named by their position; without `properties` they have none.

        Raises:
            ValueError: if `pos` or `z` is missing.

        """
        read = _pyg.read(data, _PYG_NAMES)
        return MoleculeBatch(segments=read.segments, ids=read.ids, properties=read.properties, **read.tensors)
