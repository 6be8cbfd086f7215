"""Numbers of atoms, named by the user or drawn as training had them."""

from collections.abc import Mapping, Sequence

from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.requests.elements import Palette


def named_sizes(sizes: int | Sequence[int] | None) -> list[int]:
    """Return the numbers that are named, one or several, as a list."""
    return [sizes] if isinstance(sizes, int) else list(sizes or ())


def check_sizes(sizes: Sequence[int], seen: Mapping[int, int], palette: Palette, *, noun: str) -> None:
    """Refuse numbers of atoms that cannot be, and say aloud which ones training never saw.

    Raises:
        UsageError: a number below one, or below the number of elements that must be there.
    """
    for size in sizes:
        if size < 1:
            raise UsageError(f"--num-atoms {size}: a {noun} has at least one atom")
        palette.check_size(size)
    low, high = min(seen), max(seen)
    had = f"{low} to {high}" if low < high else f"{low}"
    for size in sizes:
        if not low <= size <= high:
            notify(f"--num-atoms {size}: training had {had}; this is a guess beyond them")
