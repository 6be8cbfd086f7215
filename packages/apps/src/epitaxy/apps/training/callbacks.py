"""What happens beside the steps: resumable checkpoints and progress."""

import math
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from epitaxy.apps.errors import WorkError
from epitaxy.apps.progress import Progress
from epitaxy.apps.training.records import MetricsCsv


class Resumable(Callback):
    """Writes ``last.ckpt`` atomically at the end of every chunk; rewinds the loss curve on resuming."""

    def __init__(self, path: Path, metrics: MetricsCsv) -> None:
        self.path = path
        self.metrics = metrics

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Drop the rows that will be written again; the step is known once the checkpoint is restored."""
        self.metrics.rewind(trainer.global_step)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Save: every rank takes part, rank 0 writes beside the old file and then takes its place."""
        fresh = self.path.with_suffix(".new")
        try:
            trainer.save_checkpoint(fresh, weights_only=False)
            if trainer.is_global_zero:
                fresh.replace(self.path)
        finally:
            if trainer.is_global_zero:
                fresh.unlink(missing_ok=True)


class Reporting(Callback):
    """Tells the progress callback how far the run is; stops a run whose loss is no longer a number."""

    def __init__(self, progress: Progress, total_steps: int) -> None:
        self.progress = progress
        self.total_steps = total_steps
        self._words = ""

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,  # noqa: ARG002
        outputs: Any,
        *_: Any,
    ) -> None:
        """Report the step."""
        if trainer.global_step % 10 == 0:
            loss = float(outputs["loss"])
            if not math.isfinite(loss):
                raise WorkError(
                    f"the loss is {loss} at step {trainer.global_step}: begin again with a lower "
                    "training.learning_rate or with training.gradient_clip"
                )
            self.progress(trainer.global_step, self.total_steps, f"loss {loss:.3f} {self._words}")

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Keep the validation loss for the progress line."""
        value = trainer.callback_metrics.get("val/loss")
        self._words = "" if value is None else f"val {float(value):.3f}"
