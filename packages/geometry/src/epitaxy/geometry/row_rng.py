"""Counter-based random numbers: one stream a row, so that a structure's numbers are its own."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Int, Int64
from torch import Tensor

from epitaxy.geometry._hash import mix_, mix_int, nth, nth_int, stable_hash, steps
from epitaxy.geometry.rng import Level, Retries
from epitaxy.geometry.segments import Segments


class RowRng:
    """Random numbers of which every row has its own stream: f(key of the row, draw, element within the row).

    A row's numbers depend on its key, on the number of draws made before and on the place within the row, and
    on nothing else: neither on the other rows, nor on their order, nor on the device (`normal` agrees across
    devices to rounding, the rest to the bit). A float32 number is the float64 number cut to 24 bits.

    The hash is SplitMix64: for simulation, not for secrets. A draw of n numbers in all meets another draw's
    numbers by accident with a probability of about n^2 / 2^64.

    Args:
        keys: one a row; any integers, such as 0, 1, 2, ....

    """

    def __init__(self, keys: Int64[Tensor, " rows"]) -> None:
        # Neighbouring keys are mixed apart before counters are added to them.
        self._keys = mix_(keys.clone())
        self._draws = 0

    def uniform(self, shape: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Draw uniform numbers in [0, 1), multiples of half the dtype's epsilon; never 1.0.

        Raises:
            ValueError: if `shape[0]` is not the number of keys.

        """
        return _unit(self._bits(shape, device), dtype)

    def normal(self, shape: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Draw standard normal numbers, by inversion of the error function; they end at 8.3.

        Raises:
            ValueError: if `shape[0]` is not the number of keys.

        """
        bits = self._bits(shape, device)
        bits >>= 11
        # Odd multiples of 2^-53 in (-1, 1), exactly: symmetric, and never -1, 0 or 1.
        symmetric = bits.to(torch.float64).add_(0.5).mul_(2.0**-52)
        return symmetric.erfinv_().mul_(math.sqrt(2.0)).to(dtype)

    def integers(self, high: int, shape: Sequence[int], *, device: torch.device) -> Tensor:
        """Draw int64 numbers uniform on 0, 1, ..., high - 1, to a relative bias of high / 2^63.

        Raises:
            ValueError: if `high` is not positive or `shape[0]` is not the number of keys.

        """
        if high < 1:
            raise ValueError(f"high must be at least 1, not {high}")
        return self._bits(shape, device).bitwise_and_((1 << 63) - 1).remainder_(high)

    def retries(self, shape: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Retries:
        """Open a supply in which every element of the tensor has its own stream, indexed by the attempt.

        Raises:
            ValueError: if `shape[0]` is not the number of keys.

        """
        keys, width = self._next_keys(shape, device), math.prod(shape[1:])

        def draw(at: Int[Tensor, " picked"], attempt: int | Int64[Tensor, "attempts 1"]) -> Tensor:
            row = at.div(width, rounding_mode="floor")
            element_keys = mix_(steps(at - row * width).add_(keys[row]))
            return _unit(nth(element_keys, attempt), dtype)

        return draw

    def _bits(self, shape: Sequence[int], device: torch.device) -> Int64[Tensor, "..."]:
        """Draw 64 random bits an element."""
        keys, width = self._next_keys(shape, device), math.prod(shape[1:])
        return mix_(keys.unsqueeze(-1) + steps(torch.arange(width, device=device))).view(tuple(shape))

    def _next_keys(self, shape: Sequence[int], device: torch.device) -> Int64[Tensor, " rows"]:
        """Return the rows' keys for this draw, and count it."""
        rows = self._keys.shape[0]
        if len(shape) == 0 or shape[0] != rows:
            raise ValueError(f"shape {tuple(shape)} must start with the number of rows, {rows}")
        self._draws += 1
        return nth(self._keys.to(device), self._draws)


def _unit(bits: Int64[Tensor, "*shape"], dtype: torch.dtype) -> Tensor:
    """Turn 64 bits into a number in [0, 1) from as many of the highest bits as the dtype holds, in place."""
    digits = 1 - round(math.log2(torch.finfo(dtype).eps))
    bits >>= 64 - digits
    bits &= (1 << digits) - 1
    return bits.to(dtype).mul_(2.0**-digits)


def structure_seed(seed: int, number: int) -> int:
    """Mix a user's seed and a structure's number in the run into that structure's seed, in [0, 2^63)."""
    return nth_int(mix_int(seed), number) >> 1


class StructureRng:
    """An `RngSource` for sampling: one seed a structure, and from it one stream a field and row.

    A structure's numbers depend on its seed alone, so the same seed gives the same structure whatever the
    batch it is made in.

    Raises:
        ValueError: if there is not one seed a structure.

    """

    def __init__(self, seeds: Int64[Tensor, " graphs"], segments: Segments) -> None:
        if seeds.shape[0] != segments.num_graphs:
            raise ValueError(f"{seeds.shape[0]} seeds for {segments.num_graphs} structures")
        self._seeds = mix_(seeds.to(segments.device, copy=True))
        self._segments = segments
        self._made: dict[tuple[str, Level], RowRng] = {}

    def rows(self, field: str, level: Level) -> RowRng:
        """Return the source of a field's numbers: the same object each time, its counter advanced.

        Raises:
            ValueError: if the level is neither "atom" nor "graph".

        """
        if (field, level) not in self._made:
            self._made[field, level] = RowRng(self._keys(field, level))
        return self._made[field, level]

    def _keys(self, field: str, level: Level) -> Int64[Tensor, " rows"]:
        keys = nth(self._seeds, stable_hash(f"{level}:{field}"))
        if level == "graph":
            return keys
        if level == "atom":
            return mix_(keys[self._segments.index] + steps(self._segments.rank))
        raise ValueError(f'level must be "atom" or "graph", not {level!r}')
