"""How datasets are split that do not come split."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from epitaxy.data.errors import DataError
from epitaxy.data.locations import split_of


def random_parts(size: int, fractions: Sequence[int | float], seed: int) -> list[Int[Tensor, " _part"]]:
    """Draw the indices 0 ... size - 1 into parts of these sizes, relative to each other; each ascending."""
    shares = torch.tensor(fractions, dtype=torch.float64).clamp(min=0.0)
    ends = (shares.cumsum(0) / shares.sum() * size).round().to(torch.int64).tolist()
    order = torch.randperm(size, generator=torch.Generator().manual_seed(seed))
    starts = [0, *ends[:-1]]
    return [order[a:b].sort().values for a, b in zip(starts, ends, strict=True)]


def hashed_part(ids: Sequence[str], split: str, noun: str, key: Callable[[str], str] = str) -> list[int]:
    """Return the indices of the records that a hash of their ids puts in a split.

    Args:
        ids: the records' names.
        split: train, val or test.
        noun: what the records are, for the message.
        key: the part of an id that counts.

    Raises:
        DataError: if there are none.

    """
    chosen = [i for i, name in enumerate(ids) if split_of(key(name)) == split]
    if not chosen:
        raise DataError(
            f"none of the {len(ids)} {noun} falls into the {split} split (80/10/10 by a hash of the id); "
            f"give more {noun}, or files called train, val and test"
        )
    return chosen
