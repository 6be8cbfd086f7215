"""Where work is done: what the words of ``--device`` mean, in training and in sampling alike."""

from typing import Any, Literal, cast

import torch
from torch import nn

from epitaxy.apps.foundation.errors import UsageError

DEVICES = ("auto", "cpu", "cuda")
_NO_MPS = "Apple's GPUs (mps) have no float64, which noise and geometry are computed in: use cpu"


def chosen_device(name: str) -> Literal["cpu", "cuda"]:
    """Return the device that a word means: ``auto`` is a CUDA GPU where there is one, else the CPU.

    Raises:
        UsageError: another word, mps, or cuda where there is none.
    """
    if name == "mps":
        raise UsageError(f"--device mps: {_NO_MPS}")
    if name not in DEVICES:
        raise UsageError(f"--device {name}: choose auto, cpu or cuda")
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise UsageError("--device cuda: no CUDA device is visible here; leave --device out or say cpu")
    if name == "auto":
        return "cuda" if found else "cpu"
    return cast('Literal["cpu", "cuda"]', name)


def usable(device: torch.device | str) -> torch.device:
    """Return a device that sampling from Python may use.

    Raises:
        UsageError: Apple's.
    """
    made = torch.device(device)
    if made.type == "mps":
        raise UsageError(f"device {device}: {_NO_MPS}")
    return made


def sent(batch: Any, device: torch.device) -> Any:
    """Return a batch on a device; by pinned memory to a GPU, so that the host need not wait for the copy."""
    if device.type == "cuda":
        return batch.pin_memory().to(device, non_blocking=True)
    return batch.to(device)


def compile_network(network: nn.Module, backend: str = "inductor") -> None:
    """Have ``torch.compile`` make faster code of a network when it is first called, for batches of any sizes.

    Weights and what they are called in checkpoints stay the same.
    """
    network.compile(backend=backend, dynamic=True)
