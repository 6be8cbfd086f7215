"""Sources of random numbers: one protocol over a shared `torch.Generator` and over one stream a row."""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Int
from torch import Tensor

Level: TypeAlias = Literal["atom", "graph"]


@runtime_checkable
class Rng(Protocol):
    """A source of numbers for tensors whose first dimension is "rows"."""

    def uniform(
        self,
        shape: Sequence[int],
        *,
        dtype: torch.dtype,
        device: torch.device,
        at: Int[Tensor, " picked"] | None = None,
    ) -> Tensor:
        """Uniform numbers in [0, 1), never 1.0.

        With `at` (flat positions into `shape`) only the numbers of those positions are made, as a vector:
        what a rejection sampler needs for the few elements it still has to fill.
        """
        ...

    def normal(self, shape: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Standard normal numbers."""
        ...

    def integers(self, high: int, shape: Sequence[int], *, device: torch.device) -> Tensor:
        """Int64 numbers uniform on 0, 1, ..., high - 1."""
        ...

    def fork(self) -> "Rng":
        """A source for work whose number of draws is not known beforehand (rejection sampling).

        However much is drawn from the fork, what this source gives next is the same.
        """
        ...


AnyRng: TypeAlias = torch.Generator | Rng


class RngSource(Protocol):
    """Gives the source of numbers of one field of a product of fields."""

    def rows(self, field: str, level: Level) -> Rng:
        """The source whose rows are the atoms or the graphs; the same one each time it is asked for."""
        ...


class GeneratorRng:
    """Numbers from one `torch.Generator`, shared by all rows.

    Numbers are drawn on the generator's device and moved to the device asked for, so that a CPU generator
    serves any device and gives the same numbers there.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def uniform(
        self,
        shape: Sequence[int],
        *,
        dtype: torch.dtype,
        device: torch.device,
        at: Int[Tensor, " picked"] | None = None,
    ) -> Tensor:
        """Uniform numbers in [0, 1); with `at`, as many fresh ones as there are positions."""
        size = tuple(shape) if at is None else (at.shape[0],)
        return torch.rand(size, dtype=dtype, device=self.generator.device, generator=self.generator).to(
            device
        )

    def normal(self, shape: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Standard normal numbers."""
        size = tuple(shape)
        return torch.randn(size, dtype=dtype, device=self.generator.device, generator=self.generator).to(
            device
        )

    def integers(self, high: int, shape: Sequence[int], *, device: torch.device) -> Tensor:
        """Int64 numbers uniform on 0, 1, ..., high - 1."""
        size = tuple(shape)
        return torch.randint(high, size, device=self.generator.device, generator=self.generator).to(device)

    def fork(self) -> "GeneratorRng":
        """The same source: a generator's numbers already depend on everything drawn before them."""
        return self


def as_rng(rng: AnyRng) -> Rng:
    """Wrap a `torch.Generator`; hand back an `Rng` as it is.

    Raises:
        TypeError: for anything else (a seed, None, a numpy generator).

    """
    if isinstance(rng, torch.Generator):
        return GeneratorRng(rng)
    if isinstance(rng, Rng):
        return rng
    raise TypeError(f"rng must be a torch.Generator or an epitaxy.geometry.Rng, not {type(rng).__name__}")


class SharedRng:
    """An `RngSource` for training: every field and level draws from the same generator."""

    def __init__(self, generator: torch.Generator) -> None:
        self._rng = GeneratorRng(generator)

    def rows(self, field: str, level: Level) -> Rng:  # noqa: ARG002 - the protocol's signature
        """The generator's source, whatever the field and the level."""
        return self._rng
