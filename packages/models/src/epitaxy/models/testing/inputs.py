"""Inputs of networks on crystals."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import hypothesis.strategies as st
import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.geometry import Segments
from epitaxy.geometry.testing import counts, fractional_coordinates

# hypothesis's protocol cannot be checked at run time, which the tests' shape hook does.
if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn
else:
    DrawFn = Callable[..., Any]

_Input = TypeVar("_Input", bound="CrystalInput")


@dataclass(frozen=True, kw_only=True, eq=False)
class CrystalInput:
    """What a network on crystals may be given; None for what this one does not take."""

    OF_GRAPHS: ClassVar[tuple[str, ...]] = ("lattice", "time", "properties")
    OF_ATOMS: ClassVar[tuple[str, ...]] = ("positions", "species", "conditions", "velocities")

    segments: Segments
    positions: Float[Tensor, "atoms 3"]
    lattice: Float[Tensor, "graphs 3 3"] | Float[Tensor, "graphs 6"]
    species: Int[Tensor, " atoms"] | Float[Tensor, "atoms species"]
    time: Float[Tensor, " graphs"]
    conditions: Float[Tensor, "atoms channels"] | None = None
    velocities: Float[Tensor, "atoms 3"] | None = None
    properties: Float[Tensor, "graphs properties"] | None = None

    def words(self) -> dict[str, Any]:
        """Keyword arguments of the network: all fields but those that are None."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def reordered(self: _Input, order: Int[Tensor, " atoms"]) -> _Input:
        """Return the atoms in another order, each in its graph."""
        return replace(self, **self._chosen(self.OF_ATOMS, order))

    def of_graph(self: _Input, graph: int) -> _Input:
        """Return one crystal of the batch alone."""
        one = slice(graph, graph + 1)
        return replace(
            self,
            segments=Segments.from_counts(self.segments.counts[one]),
            **self._chosen(self.OF_GRAPHS, one),
            **self._chosen(self.OF_ATOMS, self.segments.index == graph),
        )

    def _chosen(self, names: tuple[str, ...], which: Tensor | slice) -> dict[str, Any]:
        return {name: value[which] for name, value in self.words().items() if name in names}


def random_crystals(
    segments: Segments,
    *,
    rng: torch.Generator,
    species: int,
    probabilities: bool = False,
    channels: int = 3,
    lattice: Literal["matrix", "parameters"] = "matrix",
    velocities: bool = False,
    properties: int = 0,
    dtype: torch.dtype = torch.float32,
) -> CrystalInput:
    """Inputs drawn at random, lattices of any handedness.

    Args:
        segments: which atoms belong to which graph.
        rng: source of everything.
        species: number of indices or of probabilities.
        probabilities: whether species are vectors.
        channels: of conditions; 0 for none.
        lattice: its form.
        velocities: whether there are any.
        properties: numbers a graph, as `random_properties`; 0 for none.
        dtype: of everything but indices.

    """
    atoms, graphs = segments.num_atoms, segments.num_graphs
    index = torch.randint(species, (atoms,), generator=rng)
    theta = torch.rand(atoms, species, generator=rng, dtype=dtype).softmax(dim=1)
    shape = (3, 3) if lattice == "matrix" else (6,)
    return CrystalInput(
        segments=segments,
        positions=torch.rand(atoms, 3, generator=rng, dtype=dtype),
        lattice=torch.randn(graphs, *shape, generator=rng, dtype=dtype),
        species=2 * theta - 1 if probabilities else index,
        time=torch.rand(graphs, generator=rng, dtype=dtype),
        conditions=torch.rand(atoms, channels, generator=rng, dtype=dtype) if channels else None,
        velocities=torch.randn(atoms, 3, generator=rng, dtype=dtype) if velocities else None,
        properties=random_properties(graphs, properties, rng=rng, dtype=dtype),
    )


def random_properties(
    graphs: int, properties: int, *, rng: torch.Generator, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "graphs properties"] | None:
    """Properties of so many graphs, every third of them missing; None if there are none."""
    values = torch.randn(graphs, properties, generator=rng, dtype=dtype)
    values.view(-1)[::3] = torch.nan
    return values if properties else None


@st.composite
def crystal_inputs(draw: DrawFn, /, *, dtype: torch.dtype, **words: Any) -> CrystalInput:
    """Inputs of small ragged batches, positions at the edges of the cell; words as `random_crystals`."""
    segments = Segments.from_counts(draw(counts()))
    rng = torch.Generator().manual_seed(draw(st.integers(0, 2**32 - 1)))
    positions = draw(fractional_coordinates(segments.num_atoms, wrapped=True, dtype=dtype))
    return replace(random_crystals(segments, rng=rng, dtype=dtype, **words), positions=positions)
