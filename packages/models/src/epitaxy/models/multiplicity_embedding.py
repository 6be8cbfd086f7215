"""MultiplicityEmbedding: how many atoms an orbit stands for, as far as its site symmetry is known."""

from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from epitaxy.geometry import Segments
from epitaxy.geometry.symmetry import SITE_AXES, SITE_CLASSES, lattice_points, wyckoff_table
from epitaxy.models._parts import Addition, Sharpness

_GROUPS = 230


@cache
def multiplicities() -> tuple[Int[Tensor, " sizes"], Int[Tensor, "groups rows"]]:
    """Return the multiplicities that orbits have in primitive cells, and which one each kind of site has.

    A kind of site is one of the table's distinct rows of site-symmetry classes. Within a group it settles the
    multiplicity: the order of the group's point group over that of the site's. The second tensor is an index
    into the first, -1 where a group has no such site; its row g - 1 is of group number g.
    """
    with torch.device("cpu"):
        table = wyckoff_table()
        points = torch.tensor([lattice_points(number) for number in range(1, _GROUPS + 1)])
        group = table.number - 1
        sizes, index = torch.unique(table.multiplicity // points[group], return_inverse=True)
        of_row = torch.full((_GROUPS, len(table.site_rows)), -1)
        of_row[group, table.site_row] = index
        return sizes, of_row


class MultiplicityEmbedding(Addition):
    """A vector for each orbit of how many atoms of the primitive cell it probably stands for; of no paper.

    A composition is valid or not by the numbers of its atoms, and a network on orbits sees one point of each,
    however many it stands for. What it is shown of the site symmetry, axis by axis, is summed over the axes
    of each kind of site that the group has; a softmax of the sums, at a sharpness that time decides, is the
    belief about the site, exact by Bayes' rule where logarithms of probabilities are shown at the right
    sharpness; and each multiplicity has the probability of its sites. A linear map of these is the vector.

    Args:
        dim: channels.
        time_dim: channels of the time embedding.

    """

    last = ("weight",)
    rows: Tensor
    absent: Tensor
    size_of: Tensor
    sizes: Tensor

    def __init__(self, dim: int, *, time_dim: int) -> None:
        super().__init__()
        device = torch.get_default_device()
        with torch.device("cpu"):
            sizes, index = multiplicities()
            one_hot = functional.one_hot(wyckoff_table().site_rows, len(SITE_CLASSES)).flatten(1)
            absent = torch.zeros(index.shape).masked_fill(index < 0, -torch.inf)
            size_of = functional.one_hot(index.clamp(min=0), len(sizes))
        self.register_buffer("rows", one_hot.T.float().to(device), persistent=False)
        self.register_buffer("absent", absent.to(device), persistent=False)
        self.register_buffer("size_of", size_of.float().to(device), persistent=False)
        self.register_buffer("sizes", sizes.float().to(device), persistent=False)
        self.sharpness = Sharpness(time_dim)
        self.weight = nn.Linear(len(sizes), dim, bias=False)
        self.silence()

    def belief(
        self,
        segments: Segments,
        space_groups: Int[Tensor, " graphs"],
        symmetry: Float[Tensor, "atoms 15 13"],
        of_time: Float[Tensor, "graphs time_dim"],
    ) -> Float[Tensor, "atoms sizes"]:
        """Return the probability of each multiplicity of each orbit.

        Args:
            segments: which orbits belong to which crystal.
            space_groups: numbers, 1 to 230.
            symmetry: what is shown of the class of each axis: evidence, or `2 theta - 1`.
            of_time: embedding of each crystal's time.

        """
        assert symmetry.shape[1] == len(SITE_AXES)
        dtype = symmetry.dtype  # of sums of evidence: the full one under autocast too
        sharpness = self.sharpness.of_rows(of_time, segments, dtype)
        with torch.autocast(symmetry.device.type, enabled=False):
            evidence = symmetry.flatten(1) @ self.rows.to(dtype)
            group = segments.expand(space_groups) - 1
            absent = self.absent[group].to(dtype)
            # What is common to all kinds is nothing to a softmax, and noise in the slope of the sharpness.
            common = (evidence + absent).detach().amax(-1, keepdim=True)
            sites = (sharpness * (evidence - common) + absent).softmax(-1)
            belief: Tensor = (sites[:, None] @ self.size_of[group].to(dtype))[:, 0]
        return belief

    def expected(self, belief: Float[Tensor, "atoms sizes"]) -> Float[Tensor, " atoms"]:
        """Return how many atoms of the primitive cell each orbit stands for in the mean."""
        return belief @ self.sizes.to(belief.dtype)

    def forward(self, belief: Float[Tensor, "atoms sizes"]) -> Float[Tensor, "atoms dim"]:
        """Embed each orbit's belief."""
        embedded: Tensor = self.weight(belief)
        return embedded
