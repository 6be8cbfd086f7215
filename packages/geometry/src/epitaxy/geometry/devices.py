"""What keeps the host from waiting for a device: constants that are there, checks that need no answer."""

from collections.abc import Callable, MutableMapping
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary


@lru_cache(maxsize=256)
def constant(
    numbers: tuple[Any, ...], dtype: torch.dtype | None, device: torch.device
) -> Shaped[Tensor, "..."]:
    """Return a tensor of these numbers (a tuple, of tuples for more dimensions), copied to a device once.

    Every call returns the same tensor: not to be written to.
    """
    with torch.inference_mode(False):  # it may be used in training later
        return torch.tensor(numbers, dtype=dtype, device=device)


_NUMBERS: MutableMapping[Tensor, float] = WeakTensorKeyDictionary()


def filled(
    number: float, size: int, *, dtype: torch.dtype = torch.float32, device: torch.device
) -> Float[Tensor, " size"]:
    """Return a vector of one number, which `number_of` tells as long as it lives: not to be written to."""
    made = torch.full((size,), number, dtype=dtype, device=device)
    _NUMBERS[made] = number
    return made


def number_of(x: Tensor) -> float | None:
    """Return the number that a tensor was `filled` with, without asking its device; None of any other."""
    return _NUMBERS.get(x)


def require(holds: Bool[Tensor, "..."], error: Callable[[], Exception]) -> None:
    """Raise an error unless everything holds. What is not on the CPU is not waited for.

    There the check is the device's own: it stops at the next use of the device, with torch's message.
    """
    if holds.device.type == "cpu":
        if not bool(holds.all()):
            raise error()
    else:
        torch._assert_async(holds.all())
