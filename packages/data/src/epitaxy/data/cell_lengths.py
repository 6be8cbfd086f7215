"""How long cell edges are, by the number of atoms: what standardises a lattice's logarithmic form."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

ENOUGH_CRYSTALS = 40
"""So many crystals of one size give that size length statistics of its own."""

TRIMMED = 0.025
"""This share of lengths is left out at either end, lest a few odd cells set the scale."""

LEAST_STD = 0.01
"""Floor of a logarithmic length's standard deviation: 1 %, where all cells have the same edge."""

Three = tuple[float, float, float]
"""One value for each of a, b, c."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthStatistics:
    """Natural logarithms of the cell edges a, b, c (angstrom), axis by axis, without the `TRIMMED` ends."""

    mean: Three
    std: Three

    @classmethod
    def of(cls, log_lengths: Float[Tensor, "crystals 3"]) -> "LengthStatistics":
        """Return the statistics of these cells."""
        ordered = log_lengths.double().sort(dim=0).values
        ends = int(TRIMMED * len(ordered))
        middle = ordered[ends : len(ordered) - ends]
        std = middle.std(dim=0, unbiased=False).clamp(min=LEAST_STD)
        return cls(mean=_three(middle.mean(dim=0)), std=_three(std))


@dataclass(frozen=True, slots=True, kw_only=True)
class CellLengths:
    """How long cell edges are for a number of atoms N.

    Attributes:
        by_size: for each N with at least `ENOUGH_CRYSTALS` crystals.
        rest: for all other N, of ln a - ln(N) / 3 over all crystals: edges of cells of one density.

    """

    by_size: Mapping[int, LengthStatistics]
    rest: LengthStatistics

    @classmethod
    def of(cls, lattice: Float[Tensor, "crystals 3 3"], counts: Int[Tensor, " crystals"]) -> "CellLengths":
        """Return the statistics of these cells with these numbers of atoms."""
        logs = lattice.norm(dim=-1).log()
        sizes = [n for n, seen in sorted(Counter(counts.tolist()).items()) if seen >= ENOUGH_CRYSTALS]
        return cls(
            by_size={n: LengthStatistics.of(logs[counts == n]) for n in sizes},
            rest=LengthStatistics.of(logs - counts.to(logs.dtype).log()[:, None] / 3),
        )

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> "CellLengths":
        """Return what `dataclasses.asdict` made, after JSON."""

        def one(fields: Mapping[str, Any]) -> LengthStatistics:
            mean, std = (_three(torch.tensor(fields[name], dtype=torch.float64)) for name in ("mean", "std"))
            return LengthStatistics(mean=mean, std=std)

        by_size = {int(n): one(values) for n, values in fields["by_size"].items()}
        return cls(by_size=by_size, rest=one(fields["rest"]))

    def of_size(self, n: int) -> LengthStatistics:
        """Return the statistics for cells of n atoms."""
        if n in self.by_size:
            return self.by_size[n]
        a, b, c = (mean + math.log(n) / 3 for mean in self.rest.mean)
        return LengthStatistics(mean=(a, b, c), std=self.rest.std)


def _three(values: Float64[Tensor, " axes"]) -> Three:
    a, b, c = values.tolist()
    return a, b, c
