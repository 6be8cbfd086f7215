"""Lightning's double precision, for batches that are frozen dataclasses."""

from typing import Any

import torch
from lightning.pytorch.plugins import DoublePrecision, Precision


class DoubleBatches(DoublePrecision):
    """Everything in float64; Lightning's own refuses to look into a frozen dataclass."""

    def convert_input(self, data: Any) -> Any:
        """Return a batch with its real numbers in float64."""
        return data.to(dtype=torch.float64)


def in_precision(word: Any) -> dict[str, Any]:
    """Return what a trainer is told of precision, from Lightning's word for it."""
    plugins: list[Precision] = [DoubleBatches()]
    return {"plugins": plugins} if word == "64-true" else {"precision": word}
