"""Bases in which the Fourier features of nearby displacements have few coefficients."""

from dataclasses import dataclass
from functools import lru_cache
from math import pi
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

_PAIRS_A_GROUP = 256  # on average, so that each group's matrix products are worth their calls
_MOST_STRETCHES = 4
_WORTHWHILE = 0.75  # coefficients over frequencies: above this, compressing saves too little


class PairGroup(NamedTuple):
    """Consecutive pairs whose displacements lie in the same stretch along each axis."""

    stop: int
    stretches: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocalBases:
    """An orthonormal basis for each stretch of |d| in [0, 1/2], and the pairs' groups."""

    odd: Float[Tensor, "stretches rank frequencies"]
    even: Float[Tensor, "stretches rank frequencies"]
    groups: tuple[PairGroup, ...]

    def compress(
        self, features: Float[Tensor, "pairs full"], basis: Float[Tensor, "stretches rank frequencies"]
    ) -> Float[Tensor, "pairs coefficients"]:
        """Coefficients of full features, axis by axis."""
        by_axis = features.unflatten(1, (-1, basis.shape[2]))
        result = features.new_empty(*by_axis.shape[:2], basis.shape[1])
        start = 0
        for group in self.groups:
            for axis, stretch in enumerate(group.stretches):
                torch.mm(
                    by_axis[start : group.stop, axis], basis[stretch].T, out=result[start : group.stop, axis]
                )
            start = group.stop
        return result.flatten(1)

    def tables(
        self, weight: Float[Tensor, "hidden full"], basis: Float[Tensor, "stretches rank frequencies"]
    ) -> Float[Tensor, "tables hidden rank"]:
        """Weights that act on coefficients as `weight` does on full features: one table an axis and stretch."""
        by_axis = weight.unflatten(1, (-1, basis.shape[2]))
        return torch.einsum("hak,srk->ashr", by_axis, basis).flatten(0, 1)

    def parts(self, group: PairGroup) -> tuple[tuple[slice, int], ...]:
        """Which columns of a group's coefficients are for which table."""
        stretches, rank, _ = self.odd.shape
        return tuple(
            (slice(axis * rank, (axis + 1) * rank), axis * stretches + stretch)
            for axis, stretch in enumerate(group.stretches)
        )


def local_bases(
    displacement: Float[Tensor, "pairs axes"], frequencies: int
) -> tuple[LocalBases | None, Tensor | slice]:
    """Choose bases for these displacements and the order to put the pairs in; None if they would not pay."""
    pairs, axes = displacement.shape
    stretches = min(int((pairs / _PAIRS_A_GROUP + 1e-9) ** (1 / axes)), _MOST_STRETCHES)
    if stretches < 2:
        return None, slice(None)
    odd, even = _bases(frequencies, stretches, displacement.dtype)
    if odd.shape[1] > _WORTHWHILE * frequencies:
        return None, slice(None)
    distance = (displacement - displacement.round()).abs()
    stretch = (distance * (2 * stretches)).long().clamp_(max=stretches - 1)
    group = stretch[:, 0]
    for axis in range(1, axes):
        group = group * stretches + stretch[:, axis]
    order = group.argsort(stable=True)
    sizes = group.bincount(minlength=stretches**axes)
    groups = tuple(
        PairGroup(stop, tuple(number // stretches**power % stretches for power in reversed(range(axes))))
        for number, (stop, size) in enumerate(zip(sizes.cumsum(0).tolist(), sizes.tolist(), strict=True))
        if size
    )
    return LocalBases(odd=odd, even=even, groups=groups), order


@lru_cache(maxsize=16)
def _bases(frequencies: int, stretches: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Orthonormal bases (stretches, rank, frequencies) of the sines and of the cosines on each stretch.

    The right singular vectors of the features at closely spaced displacements; as many, in every basis, as
    leave out no feature vector's part longer than a few roundings of the whole.
    """
    steps = 8 * frequencies
    tolerance = 8 * torch.finfo(dtype).eps
    d = (torch.arange(stretches * steps, dtype=torch.float64) + 0.5) / (2 * stretches * steps)
    phase = 2 * pi * d[:, None] * torch.arange(frequencies, dtype=torch.float64)
    u, s, v = torch.linalg.svd(
        torch.stack([phase.sin(), phase.cos()]).unflatten(1, (stretches, steps)), full_matrices=False
    )
    left_out = (u * s.unsqueeze(-2)).square().flip(-1).cumsum(-1).flip(-1).sqrt().amax(dim=(0, 1, 2))
    rank = int((left_out > tolerance * frequencies**0.5).sum())
    odd, even = v[..., :rank, :].to(dtype)
    return odd.contiguous(), even.contiguous()
