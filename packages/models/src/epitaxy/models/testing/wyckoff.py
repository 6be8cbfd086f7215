"""WyckoffNet with its edges written out one by one, and inputs for both forms."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import hypothesis.strategies as st
import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.geometry import Segments
from epitaxy.geometry.testing import counts, fractional_coordinates
from epitaxy.models.orbit_net import WyckoffNetOutput
from epitaxy.models.testing.edge_list import edge_list_fourier, edge_list_layers
from epitaxy.models.testing.inputs import CrystalInput, random_properties
from epitaxy.models.wyckoff_net import WyckoffNet

# As in `inputs`: what hypothesis's protocol is to the tests' shape hook.
if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn
else:
    DrawFn = Callable[..., Any]


class EdgeListWyckoffNet(WyckoffNet):
    """The modules, parameters and results of `WyckoffNet`, computed as `EdgeListCSPNet` does."""

    def forward(  # type: ignore[override]  # there are no pairs to pass
        self,
        *,
        segments: Segments,
        space_groups: Int[Tensor, " graphs"],
        positions: Float[Tensor, "atoms 3"],
        lattice: Float[Tensor, "graphs 6"],
        species: Float[Tensor, "atoms species"],
        symmetry: Float[Tensor, "atoms 15 13"],
        time: Float[Tensor, " graphs"],
        properties: Float[Tensor, "graphs properties"] | None = None,
    ) -> WyckoffNetOutput:
        """Run the network on a batch, as `WyckoffNet.forward` does."""
        self.check(lattice, species, symmetry, properties)
        # Phases of absolute coordinates are large, and few enough to be taken in float64.
        of_positions = edge_list_fourier(positions.double(), self.frequencies).to(positions.dtype)
        of_time = self.time_embedding(time)
        of_crystal = self.embed_crystals(space_groups, of_time, properties)
        atoms = self.embed(
            segments, space_groups, of_time, of_crystal, positions, of_positions, species, symmetry
        )
        atoms = edge_list_layers(self.layers, atoms, lattice, segments, positions, self.frequencies)
        return self.read_out(segments, atoms, positions, species, of_time)


@dataclass(frozen=True, kw_only=True, eq=False)
class WyckoffInput(CrystalInput):
    """What `WyckoffNet` is given."""

    OF_GRAPHS: ClassVar[tuple[str, ...]] = (*CrystalInput.OF_GRAPHS, "space_groups")
    OF_ATOMS: ClassVar[tuple[str, ...]] = (*CrystalInput.OF_ATOMS, "symmetry")

    space_groups: Int[Tensor, " graphs"]
    symmetry: Float[Tensor, "atoms 15 13"]


def random_asymmetric_units(
    segments: Segments,
    *,
    rng: torch.Generator,
    species: int,
    properties: int = 0,
    dtype: torch.dtype = torch.float32,
) -> WyckoffInput:
    """Inputs drawn at random: means on both sides of the cell's borders, every third property missing.

    Args:
        segments: which orbits belong to which crystal.
        rng: source of everything.
        species: classes of species.
        properties: numbers a crystal; 0 for none.
        dtype: of everything but indices.

    """
    atoms, graphs = segments.num_atoms, segments.num_graphs

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng, dtype=dtype)

    told = random_properties(graphs, properties, rng=rng, dtype=dtype)
    return WyckoffInput(
        segments=segments,
        space_groups=torch.randint(1, 231, (graphs,), generator=rng),
        positions=0.5 + 0.4 * normal(atoms, 3),
        lattice=normal(graphs, 6),
        species=2 * normal(atoms, species).softmax(dim=1) - 1,
        symmetry=2 * normal(atoms, 15, 13).softmax(dim=2) - 1,
        time=torch.rand(graphs, generator=rng, dtype=dtype),
        properties=told,
    )


@st.composite
def wyckoff_inputs(draw: DrawFn, /, *, dtype: torch.dtype, **words: Any) -> WyckoffInput:
    """Inputs of small ragged batches, positions at the edges of the cell; words as for random ones."""
    segments = Segments.from_counts(draw(counts()))
    rng = torch.Generator().manual_seed(draw(st.integers(0, 2**32 - 1)))
    positions = draw(fractional_coordinates(segments.num_atoms, wrapped=True, dtype=dtype))
    return replace(random_asymmetric_units(segments, rng=rng, dtype=dtype, **words), positions=positions)
