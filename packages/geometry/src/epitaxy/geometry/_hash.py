"""SplitMix64 in wrapping int64 torch operations: the counter-based hash under `RowRng`.

Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, with Stafford's
"variant 13" finaliser. Integer arithmetic only, hence the same bits on every device.
"""

import hashlib

from jaxtyping import Int64
from torch import Tensor

_MASK = (1 << 64) - 1


def _signed(value: int) -> int:
    """The int64 with the same 64 bits."""
    value &= _MASK
    return value - (1 << 64) if value >> 63 else value


# 2^64 over the golden ratio, made odd: SplitMix64's step from one counter to the next.
GOLDEN = _signed(0x9E3779B97F4A7C15)
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB


def _xor_shift_(bits: Int64[Tensor, "*shape"], by: int) -> None:
    """In place: bits ^= bits >>> by. Torch shifts int64 arithmetically; the mask makes the shift logical."""
    bits ^= (bits >> by).bitwise_and_((1 << (64 - by)) - 1)


def mix_(bits: Int64[Tensor, "*shape"]) -> Int64[Tensor, "*shape"]:
    """SplitMix64's finaliser, a bijection of 64-bit words, in place."""
    _xor_shift_(bits, 30)
    bits *= _signed(_FIRST)
    _xor_shift_(bits, 27)
    bits *= _signed(_SECOND)
    _xor_shift_(bits, 31)
    return bits


def mix_int(word: int) -> int:
    """The same finaliser on a Python integer, as an unsigned 64-bit word."""
    word &= _MASK
    word = ((word ^ (word >> 30)) * _FIRST) & _MASK
    word = ((word ^ (word >> 27)) * _SECOND) & _MASK
    return word ^ (word >> 31)


def combine(
    keys: Int64[Tensor, "*shape"], number: "int | Int64[Tensor, '*shape']"
) -> Int64[Tensor, "*shape"]:
    """New keys from keys and a number (or one number a key): the keys are mixed before the number is added,
    so that (key, number) and (key + step, number - 1) do not meet.
    """
    return mix_(
        mix_(keys.clone()).add_(number * GOLDEN if not isinstance(number, int) else _signed(number * GOLDEN))
    )


def stable_hash(text: str) -> int:
    """A signed 64-bit hash of a text that is the same in every process (unlike `hash`)."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)
