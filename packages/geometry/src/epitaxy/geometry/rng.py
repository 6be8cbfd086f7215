"""Sources of random numbers: one protocol over a shared `torch.Generator` and over one stream a row."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Int, Int64
from torch import Tensor

Level: TypeAlias = Literal["atom", "graph"]

# (flat positions, attempt) -> one uniform number in [0, 1) a position; of a column of attempts a row of each.
Retries: TypeAlias = Callable[[Int[Tensor, " picked"], int | Int64[Tensor, "attempts 1"]], Tensor]


@runtime_checkable
class Rng(Protocol):
    """A source of numbers for tensors whose first dimension is "rows"."""

    def uniform(self, shape: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Draw uniform numbers in [0, 1), never 1.0."""
        ...

    def normal(self, shape: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Draw standard normal numbers."""
        ...

    def integers(self, high: int, shape: Sequence[int], *, device: torch.device) -> Tensor:
        """Draw int64 numbers uniform on 0, 1, ..., high - 1."""
        ...

    def retries(self, shape: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Retries:
        """Open a supply of uniform numbers for rejection sampling into a tensor of this shape.

        The supply is called with the flat positions still to be filled and the number of the attempt, or of
        several in a column. However often it is called, it counts as one draw of this source, so that how
        many rounds one row needs never shifts the numbers another row gets.
        """
        ...


AnyRng: TypeAlias = torch.Generator | Rng


@runtime_checkable
class RngSource(Protocol):
    """Gives the source of numbers of one field of a product of fields."""

    def rows(self, field: str, level: Level) -> Rng:
        """Return the source whose rows are the atoms or the graphs: the same object each time."""
        ...


class GeneratorRng:
    """Numbers from one `torch.Generator`, shared by all rows.

    Numbers are drawn on the generator's device and moved to the device asked for: a CPU generator serves any
    device and gives the same numbers there.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def uniform(self, shape: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Draw uniform numbers in [0, 1)."""
        source = self.generator
        return torch.rand(tuple(shape), dtype=dtype, device=source.device, generator=source).to(device)

    def normal(self, shape: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Draw standard normal numbers."""
        source = self.generator
        return torch.randn(tuple(shape), dtype=dtype, device=source.device, generator=source).to(device)

    def integers(self, high: int, shape: Sequence[int], *, device: torch.device) -> Tensor:
        """Draw int64 numbers uniform on 0, 1, ..., high - 1."""
        source = self.generator
        return torch.randint(high, tuple(shape), device=source.device, generator=source).to(device)

    def retries(
        self,
        shape: Sequence[int],  # noqa: ARG002 - a generator's numbers do not know where they go
        *,
        dtype: torch.dtype,
        device: torch.device,
    ) -> Retries:
        """Open a supply of fresh numbers, whatever the positions and the attempt."""

        def draw(at: Int[Tensor, " picked"], attempt: int | Int64[Tensor, "attempts 1"]) -> Tensor:
            several = (len(attempt),) if isinstance(attempt, Tensor) else ()
            return self.uniform((*several, *at.shape), dtype=dtype, device=device)

        return draw


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
        """Return the generator's source, whatever the field and the level."""
        return self._rng
