"""Losses and weights that are no numbers any more, found before they are kept."""

import math
from collections.abc import Mapping

import lightning as L
import torch
from torch import Tensor

from epitaxy.apps.foundation.errors import WorkError

BEYOND = 1e9
"""A loss above this at every step between two looks has left its range for good."""


class DivergedError(WorkError):
    """Training ran away: the loss or a weight is no number, or the loss has left its range.

    Args:
        what: what was found, as the beginning of a sentence.
    """

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}: begin again with a lower training.learning_rate or with training.gradient_clip, or let "
            "it go back by itself with training.recover=3"
        )
        self.what = what


class LossWatch:
    """Notes every step's loss where it is computed; only looking at what was noted waits for the device."""

    def __init__(self) -> None:
        self._noted: Tensor | None = None
        self._last = math.nan

    def add(self, loss: Tensor) -> None:
        """Note one step's loss: the last, the least, and whether all were numbers."""
        bad = (~loss.isfinite()).to(loss.dtype)
        fresh = torch.stack([loss, loss, bad])
        if self._noted is not None:
            least = torch.minimum(self._noted[1], loss)
            fresh = torch.stack([loss, least, torch.maximum(self._noted[2], bad)])
        self._noted = fresh

    def look(self, trainer: L.Trainer, *, strict: bool = False) -> float:
        """Return the last loss, and forget what was noted; processes that train together agree on it.

        Args:
            trainer: what trains.
            strict: whether one loss beyond 1e9, the last, is enough: what is kept must be good.

        Raises:
            DivergedError: a loss since the last look was no number, or all were beyond 1e9.
        """
        if self._noted is None:
            return self._last
        last, least, bad = self._noted.tolist()
        self._noted, self._last = None, last
        least = last if strict else least
        if trainer.world_size > 1:
            signs = torch.tensor([bad, least], device=trainer.strategy.root_device)
            bad, least = trainer.strategy.reduce(signs, reduce_op="sum").tolist()
        step = trainer.global_step
        if bad:
            raise DivergedError(f"the loss is no number any more at step {step}")
        if least > BEYOND:
            raise DivergedError(f"the loss is {last:.3g} at step {step}, out of its range for good")
        return float(last)


def check_finite(weights: Mapping[str, Tensor], when: str) -> None:
    """Refuse weights that are no numbers.

    Raises:
        DivergedError: naming one.
    """
    real = {name: value for name, value in weights.items() if value.is_floating_point()}
    finite = torch.stack([value.isfinite().all() for value in real.values()])
    if not bool(finite.all()):
        name = list(real)[int(finite.int().argmin())]
        raise DivergedError(f"the weight {name} is no number any more {when}")
