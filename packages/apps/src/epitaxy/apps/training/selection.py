"""Which weights become the model: ``training.keep``."""

import copy
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from epitaxy.apps.config import Recipe
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.foundation.progress import Progress, silent
from epitaxy.apps.generative.dataset import Dataset
from epitaxy.apps.generative.kind import AnyModel, kind_of
from epitaxy.apps.generative.trial import Trial
from epitaxy.apps.sampling.generate import generate
from epitaxy.apps.training.module import TrainingModule
from epitaxy.apps.training.watch import check_finite


class Best(Callback):
    """Keeps, in the checkpoint, the weights that were validated with the lowest loss."""

    metric: str | None = None
    """What is measured beside the loss."""

    def __init__(self) -> None:
        self.loss = math.inf
        self.step = 0
        self.weights: dict[str, Tensor] = {}

    @property
    def why(self) -> str:
        """Which weights are kept, and why."""
        if not self.weights:
            return "the last step, for the run ended before anything was chosen"
        return f"step {self.step}, {self.reason}"

    @property
    def reason(self) -> str:
        """What speaks for them."""
        return f"of the lowest validation loss ({self.loss:.4g})"

    def state_dict(self) -> dict[str, Any]:
        """Return the weights, their loss and their step."""
        return {"loss": self.loss, "step": self.step, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take them up from a checkpoint."""
        self.loss, self.step, self.weights = (state_dict[name] for name in ("loss", "step", "weights"))

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep the weights if none had a lower loss."""
        loss = float(trainer.callback_metrics["val/loss"])
        if loss < self.loss:
            self.keep(loss, trainer.global_step, pl_module)

    def keep(self, loss: float, step: int, module: L.LightningModule) -> None:
        """Keep a module's weights, as they are validated."""
        assert isinstance(module, TrainingModule)
        self.loss, self.step = loss, step
        weights = module.validated.state_dict()
        self.weights = {name: value.detach().cpu().clone() for name, value in weights.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """When and what is sampled.

    Attributes:
        trial: what is drawn, and which of it is good.
        every: validations between two rounds.
        steps: network evaluations a sample.
        validations: how many the whole run has; the last has a round, so that the last weights may be chosen.
    """

    trial: Trial
    every: int
    steps: int
    validations: int

    @classmethod
    def of(cls, recipe: Recipe, model: AnyModel, validation: Dataset, *, validations: int) -> "Rounds":
        """Return the recipe's rounds.

        Raises:
            UsageError: a kind of data without such a figure, or fewer steps than the model can do with.
        """
        selection, kind = recipe.training.selection, kind_of(recipe.model)
        if kind.trial is None:
            raise UsageError(f"training.keep=sampled: nothing says which {kind.noun} are good; take best")
        if selection.steps < model.least_steps:
            raise UsageError(
                f"training.selection.steps={selection.steps}: this model needs at least {model.least_steps}"
            )
        trial = kind.trial(model, validation, selection.structures)
        return cls(trial=trial, every=selection.every, steps=selection.steps, validations=validations)

    @property
    def title(self) -> str:
        """The metric in words."""
        return self.trial.metric.replace("_", " ")

    def due(self, validation: int) -> bool:
        """Whether a validation, counted from 1, has a round."""
        return validation % self.every == 0 or validation == self.validations

    def left(self, validation: int) -> int:
        """Return how many rounds come after a validation."""
        return sum(self.due(later) for later in range(validation + 1, self.validations + 1))


class BestSampled(Best):
    """Keeps the weights whose samples are best, of equal ones the later; ``loss`` is the share of bad ones.

    Requests and seeds are the same every time, and sampling touches no generator of training's: a run trains
    as it would without. The figure is a column of the validation's row in ``metrics.csv``.
    """

    def __init__(self, rounds: Rounds, progress: Progress, total_steps: int) -> None:
        super().__init__()
        self.metric = rounds.trial.metric
        self.rounds = rounds
        self.progress = progress
        self.total_steps = total_steps
        self.validations = 0
        self._told = False

    @property
    def reason(self) -> str:
        """What speaks for them."""
        samples = f"{len(self.rounds.trial.requests)} samples at {self.rounds.steps} steps"
        return f"whose samples were best ({self.rounds.title}: {100 * (1 - self.loss):.1f} % of {samples})"

    def state_dict(self) -> dict[str, Any]:
        """Return what was kept, and how many validations there were."""
        return {**super().state_dict(), "validations": self.validations}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it up from a checkpoint."""
        super().load_state_dict(state_dict)
        self.validations = int(state_dict["validations"])

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Sample, if it is time to, and keep the weights if none were better."""
        assert isinstance(pl_module, TrainingModule)
        self.validations += 1
        if not self.rounds.due(self.validations):
            return
        started = time.monotonic()
        share = self._share(trainer, pl_module)
        self._tell_cost(time.monotonic() - started)
        pl_module.log(f"val/{self.metric}", share)
        if 1 - share <= self.loss:
            self.keep(1 - share, trainer.global_step, pl_module)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave the validation loss out of it."""

    def _share(self, trainer: L.Trainer, module: TrainingModule) -> float:
        """Return the share of good samples; each process draws and judges its part of them."""
        requests = self.rounds.trial.requests
        mine, good, done = requests[trainer.global_rank :: trainer.world_size], 0, 0
        check_finite(module.validated.state_dict(), f"at step {trainer.global_step}")
        batch_size = module.model.recipe.sampling.batch_size
        with module.as_published() as model, _in_float32(model):
            drawn = generate(
                model, mine, steps=self.rounds.steps, batch_size=batch_size, device=module.device, redraws=0
            )
            for samples in drawn:
                good += sum(self.rounds.trial.good(samples))
                done += len(samples)
                self.progress(trainer.global_step, self.total_steps, f"sampled {done} of {len(mine)}")
        if trainer.world_size > 1:
            good = int(trainer.strategy.reduce(torch.tensor(good, device=module.device), reduce_op="sum"))
        return good / len(requests)

    def _tell_cost(self, seconds: float) -> None:
        """Say, once, what a round takes and how many are left."""
        left, self._told, told = self.rounds.left(self.validations), True, self._told
        if not told and left:
            notify(
                f"sampling {len(self.rounds.trial.requests)} to choose weights by took {seconds:.0f} s; "
                f"{left} more such rounds, about {left * seconds / 60:.0f} min"
            )


@contextmanager
def _in_float32(model: AnyModel) -> Iterator[None]:
    """Put a copy in float32, which sampling computes in, in place of a network of another type."""
    network = model.network
    if all(weight.dtype == torch.float32 for weight in network.parameters()):
        yield
        return
    try:
        model.network = copy.deepcopy(network).float()
        yield
    finally:
        model.network = network


def choosing(
    recipe: Recipe,
    model: AnyModel,
    validation: Dataset,
    *,
    steps: int,
    validations: int,
    progress: Progress = silent,
) -> Best | None:
    """Return what chooses the weights of a run of so many steps and validations; None keeps the last.

    Raises:
        UsageError: samples that cannot be drawn or judged.
    """
    match recipe.training.keep:
        case "last":
            return None
        case "best":
            return Best()
        case "sampled":
            rounds = Rounds.of(recipe, model, validation, validations=validations)
            return BestSampled(rounds, progress, steps)
