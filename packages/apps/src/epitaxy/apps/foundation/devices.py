"""Where work is done: what the words of ``--device`` mean, in training and in sampling alike."""

from typing import Any, Literal, cast

import torch
from torch import nn

from epitaxy.apps.foundation.checks import check_device_word
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.names import NO_MPS


def chosen_device(name: str) -> Literal["cpu", "cuda"]:
    """Return the device that a word means: ``auto`` is a CUDA GPU where there is one, else the CPU.

    Raises:
        UsageError: another word, mps, or cuda where there is none.
    """
    check_device_word(name)
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
        raise UsageError(f"device {device}: {NO_MPS}")
    return made


def sent(batch: Any, device: torch.device) -> Any:
    """Return a batch on a device; by pinned memory to a GPU, so that the host need not wait for the copy."""
    if device.type == "cuda":
        return batch.pin_memory().to(device, non_blocking=True)
    return batch.to(device)


def multiplies_bfloat16(device: str) -> bool | None:
    """Whether a kind of device has instructions for products of bfloat16; None of processors other than x86.

    Without them a product takes some twenty times as long as in float32.
    """
    if device != "cpu":
        return True
    able = torch.cpu.get_capabilities()
    if not str(able.get("architecture", "")).startswith("x86"):
        return None
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def compile_network(network: nn.Module, backend: str = "inductor") -> None:
    """Have ``torch.compile`` make faster code of a network when it is first called, for batches of any sizes.

    Weights and what they are called in checkpoints stay the same.
    """
    network.compile(backend=backend, dynamic=True)
