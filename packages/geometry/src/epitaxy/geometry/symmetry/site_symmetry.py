"""The 15 x 13 representation of site symmetry: for each axis, the class of the operations about it."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

SITE_AXES = (
    (1, 0, 0), (0, 1, 0), (0, 0, 1),
    (1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1),
    (1, -1, 0), (1, 1, 0), (0, 1, -1), (0, 1, 1), (-1, 0, 1), (1, 0, 1),
    (1, 2, 0), (2, 1, 0),
)  # fmt: skip
"""Axes [uvw] in the vectors of the conventional cell.

PyXtal and the papers that use it write 1-20 and 2-10 for the last two. With gamma = 120 degrees no operation
has such an axis: the secondary and tertiary axes of hexagonal cells are [100], [010], [110] and [1-10],
[120], [210]. PyXtal 1.1.5 misplaces the axes of 121 positions in 29 trigonal and hexagonal groups and drops
twofold axes that it takes to share one with a mirror; other releases give other tables. Here the axis is the
vector that the integer matrix keeps, and nothing has to be dropped.
"""

SITE_CLASSES = ("1", "-1", "2", "m", "3", "4", "-4", "2/m", "-3", "6", "-6", "4/m", "6/m")
"""The group of the operations about an axis: an inversion is about every axis, a mirror about its normal."""


def site_symmetry_matrix(
    classes: Int[Tensor, "*batch 15"], dtype: torch.dtype = torch.float32
) -> Float[Tensor, "*batch 15 13"]:
    """Write classes as one-hot rows.

    SymmCD, and SymmBFN after it (section 2.1), represent the symmetry of a site so.
    """
    return torch.nn.functional.one_hot(classes, len(SITE_CLASSES)).to(dtype)
