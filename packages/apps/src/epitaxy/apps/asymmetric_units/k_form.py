"""The six numbers k of a cell as flows see them."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from epitaxy.apps.config import KVectorFormConfig
from epitaxy.data.wyckoff import WyckoffStatistics
from epitaxy.geometry import constant
from epitaxy.geometry.symmetry import constrain_k, lattice_bias, lattice_from_k, lattice_mask, lattice_to_k


@dataclass(frozen=True, slots=True)
class KForm:
    """k minus a mean, over a deviation, component by component."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, config: KVectorFormConfig, statistics: WyckoffStatistics) -> "KForm":
        """Return the form that a recipe asks for, with the scales of the training data."""
        if config.standardised:
            return cls(tuple(statistics.k_mean), tuple(statistics.k_std))
        return cls((0.0,) * 6, (1.0,) * 6)

    def encode(self, lattice: Float[Tensor, "graphs 3 3"]) -> Float[Tensor, "graphs 6"]:
        """Return what stands for these cells (angstrom)."""
        return self._scaled(lattice_to_k(lattice))

    def decode(
        self, code: Float[Tensor, "graphs 6"], space_groups: Int[Tensor, " graphs"]
    ) -> Float[Tensor, "graphs 3 3"]:
        """Return the cells: components that the space group fixes have their values exactly."""
        mean, std = self._scales(code)
        return lattice_from_k(constrain_k(code * std + mean, space_groups))

    def fixed(
        self, space_groups: Int[Tensor, " graphs"], dtype: torch.dtype
    ) -> tuple[Bool[Tensor, "graphs 6"], Float[Tensor, "graphs 6"]]:
        """Return which components are free, and what stands for the values of the others."""
        return lattice_mask(space_groups), self._scaled(lattice_bias(space_groups, dtype))

    def _scaled(self, k: Float[Tensor, "graphs 6"]) -> Float[Tensor, "graphs 6"]:
        mean, std = self._scales(k)
        return (k - mean) / std

    def _scales(self, like: Tensor) -> tuple[Tensor, Tensor]:
        return constant(self.mean, like.dtype, like.device), constant(self.std, like.dtype, like.device)
