"""MoleculeTransformer: attention in place of EGNN's perceptrons of edges, with the same symmetries."""

from jaxtyping import Float
from torch import Tensor, nn

from epitaxy.geometry import Segments
from epitaxy.models.egnn import EGNNOutput
from epitaxy.models.molecule_attention import Geometry, MoleculeLayer, RadialBasis
from epitaxy.models.widths import check_width

_DIRECTED = 8
"""Functions of the distance that directions are weighed by."""


class MoleculeTransformer(nn.Module):
    """Moves a molecule's atoms and maps their features, as `EGNN` does, by attention.

    A transformer (pre-norm) with a bias of distances, as Graphormer's (Ying et al., NeurIPS 2021), whose
    atoms carry vectors beside their features, as PaiNN's do (Schütt et al., ICML 2021); `MoleculeLayer` has
    the formulas. Unlike `EGNN` it looks at the positions once: what layers refine is the vectors, of which
    the displacement is made at the end. No perceptron runs over pairs: their cost is that of attention.

    Symmetries: those of `EGNN` with `equivariance="E(3)"`. It cannot tell mirror images.

    Args:
        features: channels of the input features of each atom.
        outputs: channels of the output features.
        conditions: channels of what is known of each molecule, by which every layer is modulated.
        hidden: width, a multiple of the heads.
        layers: number of layers.
        heads: of the attention.
        radial: functions of the distance, `RadialBasis`.
        reach: where the last of them stands, in the unit of the positions.
        expansion: width of the perceptrons, in widths.

    Raises:
        ValueError: if the width is no multiple of the heads, or there is one radial function or none.

    """

    def __init__(
        self,
        *,
        features: int,
        outputs: int,
        conditions: int,
        hidden: int = 128,
        layers: int = 6,
        heads: int = 8,
        radial: int = 32,
        reach: float = 8.0,
        expansion: int = 4,
    ) -> None:
        super().__init__()
        check_width(hidden, heads)
        if radial < 2:
            raise ValueError(f"distances need two radial functions or more, not {radial}")
        self.embedding = nn.Linear(features, hidden)
        self.of_molecule = nn.Sequential(
            nn.Linear(conditions, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU()
        )
        self.vectors = hidden // 2 // heads * heads or heads
        self.basis = RadialBasis(radial, reach)
        self.directed = nn.Linear(radial, _DIRECTED, bias=False)
        self.layers = nn.ModuleList(
            MoleculeLayer(
                hidden=hidden,
                heads=heads,
                vectors=self.vectors,
                radial=radial,
                directed=_DIRECTED,
                expansion=expansion,
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(hidden)
        self.head = nn.Linear(hidden, outputs)
        self.step = nn.Linear(hidden, self.vectors)

    def forward(
        self,
        *,
        segments: Segments,
        positions: Float[Tensor, "atoms 3"],
        features: Float[Tensor, "atoms channels"],
        conditions: Float[Tensor, "graphs conditions"],
    ) -> EGNNOutput:
        """Run the network on a batch.

        Args:
            segments: which atoms belong to which graph.
            positions: Cartesian, in a unit of about a bond's length.
            features: input features of each atom.
            conditions: what is known of each molecule.

        """
        geometry = Geometry.of(segments, positions, self.basis, self.directed)
        of_molecule = self.of_molecule(conditions)
        # Features and vectors are added up in full precision under autocast too.
        atoms = self.embedding(features).to(features.dtype)
        vectors = positions.new_zeros(positions.shape[0], 3, self.vectors)
        for layer in self.layers:
            atoms, vectors = layer(atoms, vectors, of_molecule, segments, geometry)
        atoms = self.norm(atoms)
        displacement = (vectors * self.step(atoms)[:, None, :]).mean(2)
        return EGNNOutput(displacement=displacement, features=self.head(atoms))
