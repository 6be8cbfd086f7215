"""The numbers that training computes in: what Lightning is told of them, and where they are slow."""

from typing import Any

import torch
from lightning.pytorch.plugins import DoublePrecision, Precision

from epitaxy.apps.foundation.devices import multiplies_bfloat16
from epitaxy.apps.foundation.messages import notify


class DoubleBatches(DoublePrecision):
    """Everything in float64; Lightning's own refuses to look into a frozen dataclass."""

    def convert_input(self, data: Any) -> Any:
        """Return a batch with its real numbers in float64."""
        return data.to(dtype=torch.float64)


def warn_of_slow_numbers(word: Any, device: str) -> None:
    """Say so if a processor is to compute in bfloat16 and is known to have no instructions for it."""
    if str(word).startswith("bf16") and multiplies_bfloat16(device) is False:
        notify(
            f"--precision {word}: this processor has no instructions for bfloat16 (avx512_bf16, amx_bf16) "
            "and is several times slower with it; use 32-true"
        )


def in_precision(word: Any) -> dict[str, Any]:
    """Return what a trainer is told of precision, from Lightning's word for it."""
    plugins: list[Precision] = [DoubleBatches()]
    return {"plugins": plugins} if word == "64-true" else {"precision": word}
