"""Atomic writes: a file is there whole, or as it was before."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` atomically."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` atomically."""
    replace_with(path, lambda temporary: _write(temporary, content))


def replace_with(path: Path, write: Callable[[Path], object]) -> None:
    """Call ``write`` with a temporary path beside ``path``, then move the result to ``path``.

    A failure leaves the old file and no temporary one, and an OSError names ``path``. The data reach the disk
    before the name does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        try:
            write(temporary)
        except OSError as error:  # a full disk does not say where; the temporary file is nobody's concern
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
