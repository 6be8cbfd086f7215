"""Counter-based random numbers: one stream a row, so that a structure's numbers are its own."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Int, Int64
from torch import Tensor

from epitaxy.geometry._hash import GOLDEN, combine, mix_, mix_int, stable_hash
from epitaxy.geometry.rng import Level
from epitaxy.geometry.segments import Segments


class RowRng:
    """Random numbers of which every row has its own stream: f(key of the row, draw, element in the row).

    A row's numbers depend on its key, on how many draws were made before and on the row's own width, and on
    nothing else: neither on the other rows of the batch, nor on their order, nor on the device (`normal` agrees
    across devices to rounding; everything else to the bit). A float32 number is the float64 number cut to 24 bits.

    The hash is SplitMix64; it is for simulation, not for secrets.
    """

    def __init__(self, keys: Int64[Tensor, " rows"]) -> None:
        self._keys = keys
        self._draws = 0

    @property
    def keys(self) -> Int64[Tensor, " rows"]:
        """The rows' keys."""
        return self._keys

    def uniform(
        self,
        shape: Sequence[int],
        *,
        dtype: torch.dtype,
        device: torch.device,
        at: Int[Tensor, " picked"] | None = None,
    ) -> Tensor:
        """Uniform numbers in [0, 1), as multiples of the dtype's epsilon over two.

        With `at`, the same numbers as `uniform(shape).flatten()[at]`, without the others being made.

        Raises:
            ValueError: if `shape[0]` is not the number of keys.

        """
        digits = 1 - round(math.log2(torch.finfo(dtype).eps))
        bits = self._bits(shape, device, at)
        bits >>= 64 - digits
        bits &= (1 << digits) - 1
        return bits.to(dtype).mul_(2.0**-digits)

    def normal(self, shape: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Standard normal numbers by inversion of the distribution function, within 8.3 standard deviations."""
        uniform = self.uniform(shape, dtype=torch.float64, device=device)
        # Half a step up: from 2^-54 to 1 - 2^-54, symmetric and never 0, where the inverse is infinite. The last
        # step would round to 1 and is kept below it.
        centred = uniform.add_(2.0**-54).clamp_(max=1.0 - 2.0**-53)
        return torch.special.ndtri(centred).to(dtype)

    def integers(self, high: int, shape: Sequence[int], *, device: torch.device) -> Tensor:
        """Int64 numbers uniform on 0, 1, ..., high - 1, to a relative bias of high / 2^63.

        Raises:
            ValueError: if `high` is not positive or `shape[0]` is not the number of keys.

        """
        if high < 1:
            raise ValueError(f"high must be at least 1, not {high}")
        bits = self._bits(shape, device, None)
        bits >>= 1
        bits &= (1 << 63) - 1
        return bits.remainder_(high)

    def fork(self) -> "RowRng":
        """Independent streams for work of unknown length; costs this source one draw whatever is drawn there."""
        child = RowRng(combine(self._keys, -1 - self._draws))
        self._draws += 1
        return child

    def _bits(self, shape: Sequence[int], device: torch.device, at: Int[Tensor, " picked"] | None) -> Tensor:
        """64 random bits an element, and one draw more on the counter."""
        rows, width = self._rows(shape), math.prod(shape[1:])
        keys = combine(self._keys.to(device), self._draws)
        self._draws += 1
        if at is not None:
            row = at.div(width, rounding_mode="floor")
            return mix_((at - row * width).mul_(GOLDEN).add_(keys[row]))
        elements = torch.arange(width, device=device).mul_(GOLDEN)
        return mix_(keys.view(rows, 1) + elements).view(tuple(shape))

    def _rows(self, shape: Sequence[int]) -> int:
        rows = self._keys.shape[0]
        if len(shape) == 0 or shape[0] != rows:
            raise ValueError(f"shape {tuple(shape)} must start with the number of rows, {rows}")
        return rows


def structure_seed(seed: int, number: int) -> int:
    """Mix a user's seed and a structure's number in the run into that structure's seed, in [0, 2^63)."""
    return mix_int(mix_int(seed) + number * GOLDEN) >> 1


class StructureRng:
    """An `RngSource` for sampling: one seed a structure, and from it one stream a field and row.

    A structure's numbers depend on its seed alone, so the same seed gives the same structure whatever the batch
    it is made in.
    """

    def __init__(self, seeds: Int64[Tensor, " graphs"], segments: Segments) -> None:
        if seeds.shape[0] != segments.num_graphs:
            raise ValueError(f"{seeds.shape[0]} seeds for {segments.num_graphs} structures")
        self._seeds = seeds
        self._segments = segments
        self._made: dict[tuple[str, Level], RowRng] = {}

    def rows(self, field: str, level: Level) -> RowRng:
        """The source of a field's numbers; asked for again it is the same object, its counter advanced.

        Raises:
            ValueError: if the level is neither "atom" nor "graph".

        """
        if (field, level) not in self._made:
            self._made[field, level] = RowRng(self._keys(field, level))
        return self._made[field, level]

    def _keys(self, field: str, level: Level) -> Int64[Tensor, " rows"]:
        keys = combine(self._seeds, stable_hash(f"{level}:{field}"))
        if level == "graph":
            return keys
        if level == "atom":
            return combine(keys[self._segments.index], self._segments.rank)
        raise ValueError(f'level must be "atom" or "graph", not {level!r}')
