"""The Lightning module: a model, its optimiser, its averaged weights, its noise."""

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lightning as L
import torch
from jaxtyping import Float
from torch import Tensor, nn

from epitaxy.apps.config import PlateauSchedule, UniformTimes
from epitaxy.apps.foundation.devices import sent
from epitaxy.apps.generative.kind import AnyModel
from epitaxy.apps.generative.model import Batch
from epitaxy.apps.training.averaging import AveragedNetwork
from epitaxy.apps.training.optimiser import optimiser
from epitaxy.apps.training.schedules import rate_factor
from epitaxy.apps.training.stream import share
from epitaxy.apps.training.times import stratified_times
from epitaxy.geometry import SharedRng, structure_seed

_TRAIN, _VALIDATE = 0, 1


class TrainingModule(L.LightningModule):
    """Trains a :class:`epitaxy.apps.generative.model.GenerativeModel`.

    The noise of a step comes from a generator seeded with (seed, step, share of the step), so a resumed run
    draws what an uninterrupted one would, and so many parts what so many devices would. Validation has the
    same noise every time, so that its curve shows the weights: its generators are those of the batch's place
    alone, and its flow has a bank of its own, which training never renews.

    Args:
        model: the model to train.
        total_steps: the length of the run, for the schedule.
    """

    def __init__(self, model: AnyModel, *, total_steps: int) -> None:
        super().__init__()
        self.model = model
        self.total_steps = total_steps
        self.validation_flow = copy.deepcopy(model.flow)
        decay = model.recipe.training.averaging
        self.averaged: AveragedNetwork | None = None
        self._part = 0  # of the step's batch, see BatchStream
        if decay is not None:
            self.averaged = AveragedNetwork(model.network, decay)
            self.averaged.requires_grad_(False)

    def sources(self, step: int, purpose: int, part: int = 0) -> tuple[torch.Generator, SharedRng]:
        """Return the generator of the noise of a step's part, and the same as a source for the flows."""
        own = share(part, rank=self.global_rank, world=self.trainer.world_size) if part else self.global_rank
        seed = structure_seed(self.model.recipe.training.seed + purpose, step)
        generator = torch.Generator(self.device).manual_seed(structure_seed(seed, own))
        return generator, SharedRng(generator)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:  # noqa: ARG002
        """Send a batch to where the model is."""
        moved: Batch = sent(batch, device)
        return moved

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:  # noqa: ARG002
        """Return the weighted loss of one batch."""
        step = self.global_step
        self.model.flow.refresh(step // self.model.recipe.training.bank_refresh)
        losses = self._losses(batch, step, _TRAIN, self._part)
        self._part += 1
        total = self.model.weighted(losses)
        self._report("train", losses, total, batch.segments.num_graphs)
        self.log("learning_rate", self.trainer.optimizers[0].param_groups[0]["lr"])
        return total

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Measure the averaged weights (the raw ones when averaging is off) on one batch."""
        with self.as_published():
            losses = self._losses(batch, batch_idx, _VALIDATE)
        self._report("val", losses, self.model.weighted(losses), batch.segments.num_graphs)

    @contextmanager
    def as_published(self) -> Iterator[AnyModel]:
        """Lend the model as it is validated: with the published network, and a flow of validation's own."""
        network, flow = self.model.network, self.model.flow
        try:
            self.model.network, self.model.flow = self.validated, self.validation_flow
            yield self.model
        finally:
            self.model.network, self.model.flow = network, flow

    @property
    def validated(self) -> nn.Module:
        """The network that is validated and published: the averaged one, if there is one."""
        return self.model.network if self.averaged is None else self.averaged.module

    def export(self) -> AnyModel:
        """Return the model to publish, on the CPU."""
        self.model.network = self.validated
        return self.model.cpu().eval()

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Take the step, then move the averaged weights towards the new ones."""
        super().optimizer_step(*args, **kwargs)
        self._part = 0
        if self.averaged is not None:
            self.averaged.update_parameters(self.model.network)

    def configure_optimizers(self) -> Any:
        """Return the recipe's optimiser and schedule in Lightning's form."""
        training = self.model.recipe.training
        stepper = optimiser(self.model.network, training)
        match training.schedule:
            case PlateauSchedule() as plateau:
                scheduler: Any = torch.optim.lr_scheduler.ReduceLROnPlateau(
                    stepper,
                    factor=plateau.factor,
                    patience=math.ceil(plateau.patience / training.validate_every),
                    min_lr=plateau.minimum,
                )
                entry = {"scheduler": scheduler, "monitor": "val/loss", "interval": "epoch", "strict": False}
                entry["frequency"] = self.trainer.check_val_every_n_epoch or 1
            case schedule:
                factor = rate_factor(schedule, self.total_steps, training.learning_rate)
                scheduler = torch.optim.lr_scheduler.LambdaLR(stepper, factor)
                entry = {"scheduler": scheduler, "interval": "step"}
        return {"optimizer": stepper, "lr_scheduler": entry}

    def _losses(self, batch: Batch, step: int, purpose: int, part: int = 0) -> dict[str, Float[Tensor, ""]]:
        generator, source = self.sources(step, purpose, part)
        drawn = self.model.recipe.training.times if purpose == _TRAIN else UniformTimes()
        time = stratified_times(batch.segments.num_graphs, self.model.flow.grid, generator, drawn)
        return self.model.losses(batch, time, source=source)

    def _report(self, split: str, losses: dict[str, Tensor], total: Tensor, crystals: int) -> None:
        values = {f"{split}/{name}": loss.detach() for name, loss in losses.items()}
        self.log_dict(
            {f"{split}/loss": total.detach(), **values}, batch_size=crystals, sync_dist=split == "val"
        )
