"""The one place where parameters are checked and promoted, when an object is made from them.

Values are looked at only where that is free: of Python's numbers and of tensors on the CPU. On an
accelerator the look would wait for all work under way, every time that an object is made in a loop; there
only shapes and dtypes are checked, which are known without asking.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def floating(x: Tensor | int | float) -> Tensor:
    """Return floating numbers as they are, and whole ones in torch's default dtype.

    Raises:
        TypeError: if they are complex or no numbers.

    """
    if isinstance(x, Tensor):
        if x.is_complex():
            raise TypeError(f"real numbers are wanted, not {x.dtype}")
        return x if x.is_floating_point() else x.to(torch.get_default_dtype())
    return torch.tensor(_number(x), dtype=torch.get_default_dtype())


def checked(x: Tensor, allowed: Callable[[Tensor], Tensor], message: str) -> Tensor:
    """Return the tensor if every value is finite and allowed, as far as that can be seen for free.

    Raises:
        ValueError: if one is not.

    """
    if x.device.type == "cpu" and not bool((allowed(x) & x.isfinite()).all()):
        raise ValueError(message)
    return x


def positive(name: str, value: int | float) -> float:
    """Return a number that must be positive and finite.

    Raises:
        ValueError: if it is not.
        TypeError: if it is no number.

    """
    number = _number(value)
    if not 0.0 < number < math.inf:
        raise ValueError(f"{name} must be positive and finite, not {value}")
    return number


def _number(value: object) -> float:
    if isinstance(value, bool | str | bytes | complex) or not hasattr(value, "__float__"):
        raise TypeError(f"a real number is wanted, not {value!r}")
    try:
        return float(value)
    except OverflowError:  # a whole number beyond every double
        return math.inf
