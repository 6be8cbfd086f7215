"""SplitMix64 in wrapping int64 torch operations: the counter-based hash under `RowRng`.

Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, with Stafford's "variant
13" finaliser. Integer arithmetic only, hence the same bits on every device.
"""

import hashlib

from jaxtyping import Int64
from torch import Tensor

_MASK = (1 << 64) - 1


def signed(word: int) -> int:
    """Return the int64 with the same 64 bits as a word modulo 2^64."""
    word &= _MASK
    return word - (1 << 64) if word >> 63 else word


# 2^64 over the golden ratio, made odd: SplitMix64's step from one counter to the next.
_GOLDEN = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB


def _xor_shift_(bits: Int64[Tensor, "*shape"], by: int) -> None:
    """Do bits ^= bits >>> by in place: torch shifts int64 arithmetically, the mask makes it logical."""
    bits ^= (bits >> by).bitwise_and_((1 << (64 - by)) - 1)


def mix_(bits: Int64[Tensor, "*shape"]) -> Int64[Tensor, "*shape"]:
    """Apply SplitMix64's finaliser, a bijection of 64-bit words, in place."""
    _xor_shift_(bits, 30)
    bits *= signed(_FIRST)
    _xor_shift_(bits, 27)
    bits *= signed(_SECOND)
    _xor_shift_(bits, 31)
    return bits


def mix_int(word: int) -> int:
    """Apply the same finaliser to a Python integer; an unsigned 64-bit word comes back."""
    word &= _MASK
    word = ((word ^ (word >> 30)) * _FIRST) & _MASK
    word = ((word ^ (word >> 27)) * _SECOND) & _MASK
    return word ^ (word >> 31)


def nth(keys: Int64[Tensor, "*#shape"], n: int | Int64[Tensor, "*#shape"]) -> Int64[Tensor, "*shape"]:
    """Return the n-th word of the SplitMix64 stream that starts at each key. The keys must be well mixed."""
    return mix_(keys + (steps(n) if isinstance(n, Tensor) else signed(n * _GOLDEN)))


def steps(n: Int64[Tensor, "*shape"]) -> Int64[Tensor, "*shape"]:
    """Return what to add to keys, before `mix_`, for words number n of their streams."""
    return n * signed(_GOLDEN)


def nth_int(key: int, n: int) -> int:
    """Return the n-th word of one stream, unsigned."""
    return mix_int(key + n * _GOLDEN)


def stable_hash(text: str) -> int:
    """Hash a text to an unsigned 64-bit word, the same one in every process (unlike `hash`)."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
