"""Whether weights that a package brought are still those of its wheel: they are pickles, which run code."""

import base64
import hashlib
from functools import lru_cache
from importlib import metadata

PICKLED = (".pth", ".pt", ".tar", ".pkl", ".ckpt", ".model")
"""Endings of files that torch unpickles."""


@lru_cache(maxsize=8)
def check_wheel_files(distribution: str) -> None:
    """Compare an installed package's pickled weights with the hashes that its wheel was installed with.

    Loading a potential unpickles them. They come with the package and from nowhere else; one that was changed
    or put there since is not loaded.

    Args:
        distribution: the package's name, such as ``chgnet``.

    Raises:
        ValueError: a file that is not as the wheel brought it, or one whose hash the wheel does not have.

    """
    for file in metadata.files(distribution) or ():
        if not file.name.endswith(PICKLED):
            continue
        known = file.hash
        content = file.read_binary() if known is not None else b""
        if known is None or _digest(content, known.mode) != known.value:
            raise ValueError(
                f"{file.locate()} is not the file that {distribution}'s wheel brought, and loading it could "
                f"run code: install {distribution} anew (pip install --force-reinstall --no-deps)"
            )


def _digest(content: bytes, algorithm: str) -> str:
    """Hash as a wheel's RECORD does: base64 for addresses, without its padding."""
    return base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest()).rstrip(b"=").decode()
