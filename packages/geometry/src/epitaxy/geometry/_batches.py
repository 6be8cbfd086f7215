"""How graphs are picked out of a ragged batch, and batches put one after the other."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.geometry.segments import INTEGERS, Segments


class Chosen(NamedTuple):
    """Some graphs of a batch, in some order.

    Attributes:
        graphs: their places in the batch, 0 ... len - 1.
        segments: the index of the smaller batch.
        atoms: their atoms' places in the batch.

    """

    graphs: Int[Tensor, " chosen"]
    segments: Segments
    atoms: Int[Tensor, " atoms"]


def choose(segments: Segments, indices: Sequence[int] | Int[Tensor, " chosen"], noun: str) -> Chosen:
    """Look up the graphs at these positions, which count from the end where they are negative.

    Raises:
        ValueError: if given a mask, or what is no vector of whole numbers.
        IndexError: if a position is outside [-graphs, graphs).

    """
    given = torch.as_tensor(indices)
    if given.dtype == torch.bool:
        raise ValueError("select takes positions, not a mask")
    if given.ndim != 1 or not (given.dtype in INTEGERS or len(given) == 0):
        raise ValueError(
            f"select takes a vector of whole numbers, not {given.dtype} of shape {tuple(given.shape)}"
        )
    graphs = given.to(segments.device, torch.int64)
    size = segments.num_graphs
    if bool(((graphs < -size) | (graphs >= size)).any()):
        raise IndexError(f"positions must be within a batch of {size} {noun}")
    graphs = graphs % max(size, 1)
    chosen = Segments.from_counts(segments.counts[graphs])
    return Chosen(graphs, chosen, chosen.expand(segments.offsets[graphs]) + chosen.rank)


def cat_segments(parts: Sequence[Segments]) -> Segments:
    """Put graphs one after the other.

    Raises:
        ValueError: if there is nothing to concatenate.

    """
    if not parts:
        raise ValueError("no batch to concatenate")
    return Segments.from_counts(torch.cat([part.counts for part in parts]))


def cat_properties(
    parts: Sequence[Mapping[str, Tensor]], unknown: Sequence[Float[Tensor, " _graphs"]]
) -> dict[str, Tensor]:
    """Put properties one after the other; where a part lacks one it has its `unknown`, NaN a graph."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {
        name: torch.cat([part.get(name, none) for part, none in zip(parts, unknown, strict=True)])
        for name in names
    }
