"""What training asks of a dataset, of whatever kind."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Int
from torch import Tensor


@runtime_checkable
class Dataset(Protocol):
    """Structures that can be drawn as batches."""

    @property
    def ids(self) -> tuple[str, ...]:
        """One name a structure."""
        ...

    @property
    def counts(self) -> Int[Tensor, " structures"]:
        """Rows of each structure."""
        ...

    @property
    def numbers(self) -> Int[Tensor, " rows"]:
        """Atomic number of each row."""
        ...

    def __len__(self) -> int: ...

    def batch(self, indices: Sequence[int] | Int[Tensor, " graphs"]) -> Any:
        """Return these structures, in this order, as one batch."""
        ...

    def subset(self, indices: Sequence[int] | Int[Tensor, " chosen"]) -> "Dataset":
        """Return these structures, in this order, as a dataset."""
        ...
