"""The numbers that stand for a lattice in flows and networks, and the way back."""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.apps.config import LatticeFormConfig, MatrixFormConfig
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.data import CellLengths, Statistics
from epitaxy.geometry import lattice_from_log, lattice_to_log

_LISTED = 256
"""Numbers of atoms up to which cells' scales are tabulated."""


@runtime_checkable
class LatticeForm(Protocol):
    """A map between lattices and what flows noise."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what stands for one lattice."""
        ...

    def encode(
        self, lattice: Float[Tensor, "graphs 3 3"], counts: Int[Tensor, " graphs"]
    ) -> Float[Tensor, "graphs ..."]:
        """Return what stands for these lattices (angstrom) of cells with these numbers of atoms."""
        ...

    def decode(
        self, code: Float[Tensor, "graphs ..."], counts: Int[Tensor, " graphs"]
    ) -> Float[Tensor, "graphs 3 3"]:
        """Return the lattices, in angstrom."""
        ...


@dataclass(frozen=True, slots=True)
class MatrixForm:
    """The lattice matrix over ``scale`` (angstrom)."""

    scale: float

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""
        return (3, 3)

    def encode(
        self,
        lattice: Float[Tensor, "graphs 3 3"],
        counts: Int[Tensor, " graphs"],  # noqa: ARG002 - part of every form's signature
    ) -> Float[Tensor, "graphs 3 3"]:
        """Divide by the scale."""
        return lattice / self.scale

    def decode(
        self,
        code: Float[Tensor, "graphs 3 3"],
        counts: Int[Tensor, " graphs"],  # noqa: ARG002
    ) -> Float[Tensor, "graphs 3 3"]:
        """Multiply by the scale."""
        return code * self.scale


@dataclass(frozen=True, slots=True)
class ParameterForm:
    """Six invariant numbers: log lengths, standardised by cells with as many atoms, and tangents of angles.

    Angles that no cell can have give a flat cell, which sampling rejects by name.
    """

    lengths: CellLengths
    angle_scale: float
    _on: dict[tuple[torch.dtype, torch.device], tuple[Tensor, Tensor]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def shape(self) -> tuple[int, ...]:
        """Six numbers."""
        return (6,)

    def encode(
        self, lattice: Float[Tensor, "graphs 3 3"], counts: Int[Tensor, " graphs"]
    ) -> Float[Tensor, "graphs 6"]:
        """Standardise the logarithmic form."""
        mean, std = self._scales(counts, lattice)
        return (lattice_to_log(lattice) - mean) / std

    def decode(
        self, code: Float[Tensor, "graphs 6"], counts: Int[Tensor, " graphs"]
    ) -> Float[Tensor, "graphs 3 3"]:
        """Undo it: matrices in the standard orientation."""
        mean, std = self._scales(counts, code)
        return lattice_from_log(code * std + mean)

    def _scales(self, counts: Int[Tensor, " graphs"], like: Tensor) -> tuple[Tensor, Tensor]:
        mean, std = self._tables(like)
        largest = mean.shape[0] - 1
        listed = counts.clamp(max=largest)
        # Beyond the tables sizes are of one density; the logarithm is 0 within them.
        grown = (counts.double() / listed).log() / 3
        lengths = (mean[listed, :3].double() + grown[:, None]).to(like.dtype)
        return torch.cat([lengths, mean[listed, 3:]], dim=1), std[listed]

    def _tables(self, like: Tensor) -> tuple[Float[Tensor, "sizes 6"], Float[Tensor, "sizes 6"]]:
        """Return means and deviations by number of atoms, copied to a device once."""
        key = like.dtype, like.device
        if key not in self._on:
            sizes = range(max(_LISTED, *self.lengths.by_size, 0) + 2)
            found = [self.lengths.of_size(max(n, 1)) for n in sizes]
            mean = [[*one.mean, 0.0, 0.0, 0.0] for one in found]
            std = [[*one.std, *3 * [self.angle_scale]] for one in found]
            with torch.inference_mode(False):  # they may be used in training later
                self._on[key] = (
                    torch.tensor(mean, dtype=like.dtype, device=like.device),
                    torch.tensor(std, dtype=like.dtype, device=like.device),
                )
        return self._on[key]


def lattice_form(config: LatticeFormConfig, statistics: Statistics) -> LatticeForm:
    """Return the form that a recipe asks for, with the scales of the training data.

    Raises:
        UsageError: statistics without cell lengths, from an older version.
    """
    if isinstance(config, MatrixFormConfig):
        return MatrixForm(statistics.lattice_scale)
    if statistics.lengths is None:
        raise UsageError(
            "the model's statistics.json is of an older format, without cell lengths: train again"
        )
    return ParameterForm(statistics.lengths, config.angle_scale)
