"""How a network sees a lattice, and what it says of it: as a matrix that turns, or as invariant numbers."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

Lattice = Float[Tensor, "graphs 3 3"] | Float[Tensor, "graphs 6"]


@runtime_checkable
class LatticeView(Protocol):
    """One way to give lattices to a network. It holds no parameters: the network's head does."""

    shape: tuple[int, ...]
    """Of one graph's lattice."""
    channels: int
    """Invariant features of a lattice."""
    outputs: int
    """Numbers that the head must give for a lattice."""

    def features(self, lattice: Lattice) -> Float[Tensor, "graphs channels"]:
        """What every edge of a graph sees of its lattice."""

    def read_out(self, head: Float[Tensor, "graphs outputs"], lattice: Lattice) -> Lattice:
        """The network's output, of the shape of its input."""


class MatrixLattice:
    """Lattice vectors as rows: edges see their Gram matrix; the output is `M @ lattice`, M free."""

    shape: tuple[int, ...] = (3, 3)
    channels = 9
    outputs = 9

    def features(self, lattice: Lattice) -> Float[Tensor, "graphs channels"]:
        """Products of each two lattice vectors: invariant under `lattice @ Q`, Q in O(3)."""
        return (lattice @ lattice.mT).flatten(1)

    def read_out(self, head: Float[Tensor, "graphs outputs"], lattice: Lattice) -> Lattice:
        """`M @ lattice`, which turns with the lattice."""
        return head.view(-1, 3, 3) @ lattice.to(head.dtype)


class ParameterLattice:
    """Six invariant numbers, such as log lengths and tangents of angles: seen and given as they are."""

    shape: tuple[int, ...] = (6,)
    channels = 6
    outputs = 6

    def features(self, lattice: Lattice) -> Float[Tensor, "graphs channels"]:
        """The numbers themselves."""
        return lattice

    def read_out(self, head: Float[Tensor, "graphs outputs"], lattice: Lattice) -> Lattice:
        """The head's numbers themselves."""
        return head.view_as(lattice)
