"""Features of a space group, from what it does to space and not from its number alone."""

import math
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from epitaxy.geometry.symmetry import wyckoff_table

_GROUPS = 230
_CELL = 24  # translations of the operators are integers in units of 1/24
_TURNS = 12  # a multiple of the order of every crystallographic rotation


@cache
def space_group_descriptor() -> Float[Tensor, "groups channels"]:
    """Describe all 230 space groups by zeros and ones, each group differently.

    Two blocks. First the symmetry elements that a group has: the matrix of an operator in the conventional
    cell together with its intrinsic translation, so that a twofold axis and a screw along it, a mirror and
    the glides on its plane, threefold screws of either hand, and the centring translations (of the identity)
    are channels of their own. No choice of origin enters. Then the site symmetries that its Wyckoff positions
    have, each of the distinct 15 x 13 matrices one channel: they tell I222 from I2_1 2_1 2_1 and I23 from
    I2_1 3, which have the same elements, and are what the network predicts.

    SymmCD's 397 channels are of the first kind. It comes from the frozen table of `epitaxy.geometry.symmetry`
    and not from an installed crystallography package, and row g - 1 is of group number g.
    """
    # Under torch.device("meta"), where networks may be built, there is nothing to compute with.
    with torch.device("cpu"):
        table = wyckoff_table()
        group = torch.arange(_GROUPS).repeat_interleave(table.operator_first.diff())
        number, element = _elements(table.operator)
        elements = _occurring(group.repeat_interleave(element.shape[1]), element.flatten(), number)
        sites = _occurring(table.number - 1, table.site_row, len(table.site_rows))
        return torch.cat([elements, sites], dim=1)


def _elements(operator: Float[Tensor, "operators 3 4"]) -> tuple[int, Int[Tensor, "operators shifts"]]:
    """Number the distinct symmetry elements; which ones each operator has, up to translations by the lattice.

    x -> R x + t with R of order n is R x about some axis, centre or plane, followed by the intrinsic
    translation (1 + R + ... + R^(n-1)) t / n. Adding lattice vectors to t gives all elements parallel to it.
    """
    rotation = operator[..., :3].round().to(torch.int64)
    translation = (operator[..., 3] * _CELL).round().to(torch.int64)
    power, total = torch.eye(3, dtype=torch.int64).expand_as(rotation), torch.zeros_like(rotation)
    for _ in range(_TURNS):
        power, total = power @ rotation, total + power
    shifts = _CELL * torch.cartesian_prod(*[torch.arange(-1, 2)] * 3)
    intrinsic = (total[:, None] @ (translation[:, None] + shifts)[..., None])[..., 0] % (_CELL * _TURNS)
    matrix = rotation.flatten(1)[:, None].expand(-1, len(shifts), -1)
    distinct, of = torch.unique(
        torch.cat([matrix, intrinsic], dim=-1).flatten(0, 1), dim=0, return_inverse=True
    )
    return len(distinct), of.view(len(rotation), len(shifts))


def _occurring(
    group: Int[Tensor, " entries"], which: Int[Tensor, " entries"], number: int
) -> Float[Tensor, "groups number"]:
    found = torch.zeros(_GROUPS, number)
    found[group, which] = 1.0
    return found


class SpaceGroupEmbedding(nn.Module):
    """A linear map of the group's `space_group_descriptor` plus a learned vector of the group's own.

    What is learned on one group reaches others through the elements and sites that they share. The vectors
    start at zero: a group that training never shows has its descriptor alone, while vectors drawn at random
    would hide it. The descriptor is centred over the groups and its rows brought to one length, for P1 has a
    single element and Fm-3m has 125. The paper writes f_sg(G) and no more; SymmCD has a perceptron of its
    397 channels, for which the network's first layers stand here.

    Args:
        dim: channels.

    """

    descriptor: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        described = space_group_descriptor()
        centred = described - described.mean(dim=0)
        rows = math.sqrt(described.shape[1]) * functional.normalize(centred)
        self.register_buffer("descriptor", rows.to(torch.get_default_device()), persistent=False)
        self.shared = nn.Linear(described.shape[1], dim)
        self.own = nn.Embedding(_GROUPS, dim)
        nn.init.zeros_(self.own.weight)

    def forward(self, space_groups: Int[Tensor, " graphs"]) -> Float[Tensor, "graphs dim"]:
        """Embed the groups with these numbers, 1 to 230.

        Raises:
            ValueError: if a number is another. On accelerators, and compiled, torch's own check answers, as
                asking would wait for the device.

        """
        index = space_groups - 1
        asking = index.device.type == "cpu" and not torch.compiler.is_compiling()
        if asking and bool(((index < 0) | (index >= _GROUPS)).any()):
            wrong = space_groups[(index < 0) | (index >= _GROUPS)]
            raise ValueError(f"space groups have the numbers 1 to {_GROUPS}, not {int(wrong[0])}")
        embedded: Tensor = self.shared(self.descriptor[index]) + self.own(index)
        return embedded
