"""How the edges of a batch are cut into blocks that are worked on one after the other."""

from typing import NamedTuple

from torch import Tensor

from epitaxy.models._local_bases import LocalBases, PairGroup
from epitaxy.models.edge_index import EdgeIndex

_BLOCK_BYTES = 2 * 2**20  # of one tensor of a block on a CPU: a few of them fit its last-level cache together


class Block(NamedTuple):
    """Edges worked on together: both directions of some pairs, or some atoms' edges with themselves."""

    rows: slice
    pairs: slice | None
    parts: tuple[tuple[slice, int], ...] = ()
    """Which columns of the pairs' features are for which table of weights."""


def blocks_of(index: EdgeIndex, bases: LocalBases | None, *, like: Tensor) -> list[Block]:
    """Cut the edges: pairs by group and on a CPU by what fits its cache, then the self-edges likewise."""
    pairs, edges = index.num_pairs, index.receiver.shape[0]
    size = max(edges, 2)
    if like.device.type == "cpu":
        size = max(_BLOCK_BYTES // (like.shape[1] * like.element_size()), 2)
    blocks = []
    start = 0
    for group in (PairGroup(pairs, ()),) if bases is None else bases.groups:
        parts = ((slice(None), 0),) if bases is None else bases.parts(group)
        for piece in _cut(start, group.stop, size // 2):
            blocks.append(Block(slice(2 * piece.start, 2 * piece.stop), piece, parts))
        start = group.stop
    return blocks + [Block(rows, None) for rows in _cut(2 * pairs, edges, size)]


def _cut(start: int, stop: int, size: int) -> list[slice]:
    return [slice(first, min(first + size, stop)) for first in range(start, stop, size)]
