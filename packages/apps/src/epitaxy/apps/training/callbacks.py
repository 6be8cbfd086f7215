"""What happens beside the steps: resumable checkpoints and progress."""

from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from epitaxy.apps.foundation.progress import Progress
from epitaxy.apps.training.records import MetricsCsv
from epitaxy.apps.training.watch import LossWatch, check_finite

_EVERY = 10  # steps between two looks at what the device has found


class Resumable(Callback):
    """Writes ``last.ckpt`` atomically at the end of every chunk; rewinds the loss curve on resuming.

    A checkpoint knows how many rows the curve had when it was written. Rows written after it are written
    again; those before it, the validation at the very step among them, are not.
    """

    def __init__(self, path: Path, metrics: MetricsCsv, watch: LossWatch) -> None:
        self.path = path
        self.metrics = metrics
        self.watch = watch
        self._rows = 0

    def state_dict(self) -> dict[str, Any]:
        """Return how many rows the curve has."""
        return {"rows": self.metrics.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it up from a checkpoint."""
        self._rows = int(state_dict["rows"])

    def on_save_checkpoint(
        self,
        trainer: L.Trainer,  # noqa: ARG002
        pl_module: L.LightningModule,  # noqa: ARG002
        checkpoint: dict[str, Any],
    ) -> None:
        """Count the chunk as done: Lightning counts an epoch only after this hook."""
        progress = checkpoint["loops"]["fit_loop"]["epoch_progress"]
        for counts in progress.values():
            counts["completed"] = counts["processed"]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Drop the rows that will be written again, and begin the next chunk.

        Lightning takes every run that is limited in steps for one that was stopped within an epoch. It would
        look for the rest of the last chunk, and leave out the validation after the next.
        """
        self.metrics.rewind(self._rows)
        trainer.fit_loop.epoch_loop.restarting = False

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save, if losses and weights are numbers: every rank takes part, rank 0 writes."""
        self.watch.look(trainer, strict=True)
        check_finite(pl_module.state_dict(), f"after step {trainer.global_step}")
        trainer.save_checkpoint(self.path, weights_only=False)


class Reporting(Callback):
    """Watches every step's loss, and tells the progress callback how far the run is.

    Args:
        progress: receives steps done and the latest figures.
        total_steps: the length of the run.
        watch: looks at the losses.
        metric: what validations measure beside the loss, see :class:`epitaxy.apps.generative.trial.Trial`.
    """

    def __init__(
        self, progress: Progress, total_steps: int, watch: LossWatch, metric: str | None = None
    ) -> None:
        self.progress = progress
        self.metric = metric
        self.total_steps = total_steps
        self.watch = watch
        self._words = ""

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,  # noqa: ARG002
        outputs: Any,
        *_: Any,
    ) -> None:
        """Note the step's loss on the device; look at what was noted, and report, every tenth step."""
        self.watch.add(outputs["loss"].detach())
        if trainer.global_step % _EVERY == 0:
            loss = self.watch.look(trainer)
            self.progress(trainer.global_step, self.total_steps, f"loss {loss:.3f} {self._words}")

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Keep what validation found for the progress line."""
        found = trainer.callback_metrics
        self._words = f"val {float(found['val/loss']):.3f}" if "val/loss" in found else ""
        if self.metric is not None and (share := found.get(f"val/{self.metric}")) is not None:
            self._words += f", {self.metric.replace('_', ' ')} {100 * float(share):.1f} %"


class Slowdown(Callback):
    """Halves the learning rate each time that a run goes back to its last checkpoint, ``training.recover``.

    The rate is the optimiser's and the schedule's own, so that later checkpoints have it.

    Args:
        times: how often in all; at least as often as the checkpoint had it.
    """

    def __init__(self, times: int = 0) -> None:
        self.times = times
        self._done = 0

    def state_dict(self) -> dict[str, Any]:
        """Return how often it was."""
        return {"times": self.times}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it up from a checkpoint."""
        self._done = int(state_dict["times"])
        self.times = max(self.times, self._done)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Lower the rates by as many halvings as the checkpoint has not had yet."""
        factor = 0.5 ** (self.times - self._done)
        for optimiser in trainer.optimizers:
            for group in optimiser.param_groups:
                group["lr"] *= factor
        for config in trainer.lr_scheduler_configs:
            scheduler: Any = config.scheduler
            if hasattr(scheduler, "base_lrs"):
                scheduler.base_lrs = [rate * factor for rate in scheduler.base_lrs]
