"""Inputs of networks on molecules."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.geometry import Segments
from epitaxy.geometry.testing import counts

# As in `inputs`: what hypothesis's protocol is to the tests' shape hook.
if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn
else:
    DrawFn = Callable[..., Any]

_OF_ATOMS = ("positions", "types", "charges")


@dataclass(frozen=True, kw_only=True, eq=False)
class MoleculeInput:
    """What a network on molecules may be given; None for what this one does not take."""

    segments: Segments
    positions: Float[Tensor, "atoms 3"]
    time: Float[Tensor, " graphs"]
    types: Float[Tensor, "atoms types"] | None = None
    charges: Float[Tensor, "atoms 1"] | None = None
    properties: Float[Tensor, "graphs properties"] | None = None

    def words(self) -> dict[str, Any]:
        """Keyword arguments of the network: all fields but those that are None."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def reordered(self, order: Int[Tensor, " atoms"]) -> "MoleculeInput":
        """Return the atoms in another order, each in its graph."""
        return replace(self, **self._of_atoms(order))

    def of_graph(self, graph: int) -> "MoleculeInput":
        """Return one molecule of the batch alone."""
        one = slice(graph, graph + 1)
        return MoleculeInput(
            segments=Segments.from_counts(self.segments.counts[one]),
            time=self.time[one],
            properties=None if self.properties is None else self.properties[one],
            **self._of_atoms(self.segments.index == graph),
        )

    def _of_atoms(self, which: Tensor) -> dict[str, Any]:
        return {name: value[which] for name, value in self.words().items() if name in _OF_ATOMS}


def random_molecules(
    segments: Segments,
    *,
    rng: torch.Generator,
    types: int = 0,
    charges: bool = True,
    properties: int = 0,
    dtype: torch.dtype = torch.float32,
) -> MoleculeInput:
    """Inputs drawn at random: positions about a bond's length apart, every third property missing.

    Args:
        segments: which atoms belong to which graph.
        rng: source of everything.
        types: channels of types; 0 for none.
        charges: whether there are any.
        properties: numbers a molecule; 0 for none.
        dtype: of everything but indices.

    """
    atoms, graphs = segments.num_atoms, segments.num_graphs
    theta = torch.rand(atoms, max(types, 1), generator=rng, dtype=dtype).softmax(dim=1)
    values = torch.randn(graphs, properties, generator=rng, dtype=dtype)
    missing = torch.rand(graphs, properties, generator=rng) < 1 / 3
    return MoleculeInput(
        segments=segments,
        positions=torch.randn(atoms, 3, generator=rng, dtype=dtype),
        time=torch.rand(graphs, generator=rng, dtype=dtype),
        types=2 * theta - 1 if types else None,
        charges=2 * torch.rand(atoms, 1, generator=rng, dtype=dtype) - 1 if charges else None,
        properties=values.masked_fill(missing, torch.nan) if properties else None,
    )


@st.composite
def molecule_inputs(draw: DrawFn, /, *, dtype: torch.dtype, **words: Any) -> MoleculeInput:
    """Inputs of small ragged batches, at times with coinciding atoms or all in a plane or a line."""
    segments = Segments.from_counts(draw(counts()))
    rng = torch.Generator().manual_seed(draw(st.integers(0, 2**32 - 1)))
    x = random_molecules(segments, rng=rng, dtype=dtype, **words)
    flat = torch.tensor(draw(st.sampled_from([(1, 1, 1), (1, 1, 0), (1, 0, 0), (0, 0, 0)])), dtype=dtype)
    return replace(x, positions=x.positions * flat * draw(st.sampled_from([0.1, 1.0, 3.0])))
