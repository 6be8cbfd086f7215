"""How long work tells how far it is."""

from collections.abc import Callable

Progress = Callable[[int, int | None], None]
"""Called as `progress(done, total)`; total is None where it is not known beforehand."""
