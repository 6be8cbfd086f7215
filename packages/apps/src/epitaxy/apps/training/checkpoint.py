"""``last.ckpt``: tensors and plain values behind their checksum, so that reading one runs no code."""

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO
from torch import Tensor

from epitaxy.apps.foundation.errors import WorkError
from epitaxy.apps.foundation.files import write_bytes

MAGIC = b"epitaxy checkpoint 1\n"
"""What a checkpoint begins with; then the SHA-256 of the rest, then what ``torch.save`` made of it."""


class CheckedCheckpoints(CheckpointIO):
    """Lightning's way to checkpoints: written atomically, read only if whole and free of code."""

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: Any = None,  # noqa: ARG002 - part of Lightning's signature
    ) -> None:
        """Write a checkpoint in place of the old one."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        content = buffer.getvalue()
        write_bytes(Path(path), MAGIC + hashlib.sha256(content).digest() + content)

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Any = None,  # noqa: ARG002 - part of Lightning's signature
        weights_only: bool | None = None,  # noqa: ARG002 - always
    ) -> dict[str, Any]:
        """Read a checkpoint, see :func:`read_checkpoint`."""
        return read_checkpoint(Path(path))

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete a checkpoint."""
        Path(path).unlink(missing_ok=True)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint, on the CPU.

    Raises:
        WorkError: a file that is none, is damaged, or holds more than tensors and plain values.
    """
    content = path.read_bytes()
    remedy = "delete it to begin this run again"
    if not content.startswith(MAGIC):
        raise WorkError(f"{path} is no checkpoint of this version of epitaxy: {remedy}")
    rest = memoryview(content)[len(MAGIC) :]
    digest, payload = rest[:32], rest[32:]
    if hashlib.sha256(payload).digest() != digest:
        raise WorkError(f"{path} is damaged, its checksum differs: {remedy}, or restore a copy")
    try:
        state = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling what is not ours raises whatever it likes
        raise WorkError(f"{path} holds more than tensors and plain values: {remedy}") from error
    if not isinstance(state, dict) or not isinstance(state.get("global_step"), int):
        raise WorkError(f"{path} is no checkpoint of a training run: {remedy}")
    return state


def check_fits(path: Path, state: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Refuse a checkpoint of another model than the one whose weights these are.

    Raises:
        WorkError: a weight that is missing, too many, or of another shape.
    """
    theirs = state.get("state_dict")
    shapes = {name: value.shape for name, value in weights.items()}
    found = {name: value.shape for name, value in theirs.items()} if isinstance(theirs, dict) else {}
    if found != shapes:
        raise WorkError(
            f"{path} is the checkpoint of another model than recipe.json beside it: restore one of them"
        )
