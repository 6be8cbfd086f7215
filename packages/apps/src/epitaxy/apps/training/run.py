"""One training run: from a recipe and a dataset to a model directory, resumable at any moment."""

import logging
import pickle
import platform
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning as L
import torch
from filelock import FileLock, Timeout
from lightning.pytorch.callbacks import Callback, Timer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy, Strategy

from epitaxy.apps.config import Recipe
from epitaxy.apps.dataset import Dataset
from epitaxy.apps.devices import chosen_device, compile_network
from epitaxy.apps.errors import UsageError, WorkError
from epitaxy.apps.families import FAMILIES, AnyModel
from epitaxy.apps.files import write_text
from epitaxy.apps.model_dir import CARD, RECIPE, WEIGHTS, load_model, load_recipe, save_model
from epitaxy.apps.progress import Progress, silent
from epitaxy.apps.say import is_main_process
from epitaxy.apps.training.callbacks import Reporting, Resumable
from epitaxy.apps.training.card import training_card
from epitaxy.apps.training.module import TrainingModule
from epitaxy.apps.training.precision import in_precision
from epitaxy.apps.training.records import MetricsCsv
from epitaxy.apps.training.stream import BatchStream, chunk_steps
from epitaxy.apps.training.validation import validation_batches, within_vocabulary
from epitaxy.data import ShuffledBatches

CHECKPOINT, METRICS, LOCK, START = "last.ckpt", "metrics.csv", ".lock", "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """Where to train: ``accelerator`` as ``--device`` has it, the other words as Lightning has them."""

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    precision: Any = "32-true"
    compile: str | None = None
    """The backend of ``torch.compile``; None leaves the network as it is."""

    def strategy(self) -> str | Strategy:
        """Return Lightning's strategy: data-parallel when there is more than one process."""
        if self.devices * self.nodes == 1:
            return "auto"
        on_cuda = chosen_device(self.accelerator) == "cuda"
        return DDPStrategy(process_group_backend="nccl" if on_cuda else "gloo")


def open_run(
    out: Path, recipe: Recipe | None, *, resume: bool, start: AnyModel | None = None, origin: str = ""
) -> Recipe:
    """Claim ``out`` for a new run, or read the recipe of the run that is there.

    A model that the run is to begin with is written into ``out/start``, before the recipe that makes the
    folder a run; ``origin`` says in a sentence what it was made of.

    Raises:
        UsageError: a folder that holds a run already, is a file, or (to resume) holds none.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file: name a folder")
    holds_run = (out / RECIPE).is_file()
    if resume:
        if not holds_run:
            raise UsageError(f"--resume: {out} holds no run; leave --resume out to begin one")
        return load_recipe(out, kinds=() if recipe is None else (recipe.model,))
    if recipe is None:
        raise UsageError("name the data: --data NAME or PATH")
    if is_main_process():
        if holds_run:
            raise UsageError(
                f"{out} already holds a run: add --resume to go on with it, or choose another --out"
            )
        if out.is_dir() and any(path.name != START for path in out.iterdir()):
            raise UsageError(f"{out} is not empty: choose another --out")
        if start is not None:
            save_model(out / START, start, card=f"{origin}\n")
        write_text(out / RECIPE, recipe.model_dump_json(indent=2) + "\n")
    return recipe


@contextmanager
def claimed(out: Path) -> Iterator[None]:
    """Hold a run's folder: two trainings in one would write over each other's checkpoints and curves.

    Raises:
        UsageError: another process, of this machine or another that sees the folder, holds it.
    """
    if not is_main_process():
        yield
        return
    lock = FileLock(out / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(f"{out}: another process is training there; wait for it, or stop it") from None
    except (OSError, NotImplementedError):
        pass  # a file system without locks: then it is the user who takes care
    try:
        yield
    finally:
        lock.release()  # nothing, where it is not held


def reached_step(checkpoint: Path) -> int | None:
    """Return the step that a run has reached, or None where it has no checkpoint yet.

    Raises:
        WorkError: a checkpoint that cannot be read.
    """
    if not checkpoint.is_file():
        return None
    try:
        # The checkpoint is this run's own and holds more than weights; sharing is what model/ is for.
        state = torch.load(checkpoint, map_location="cpu", weights_only=False)
        return int(state["global_step"])
    except (RuntimeError, EOFError, KeyError, ValueError, OSError, pickle.UnpicklingError) as error:
        raise WorkError(f"{checkpoint} cannot be read ({error}): delete it to begin this run again") from None


def _started(out: Path) -> AnyModel | None:
    """Return the model that the run in ``out`` was begun with, if it was begun with one."""
    return load_model(str(out / START)).model if (out / START / WEIGHTS).is_file() else None


def _quieten_lightning() -> None:
    """Keep Lightning's greetings and its own progress remarks off the user's terminal; errors still come."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\.pytorch.*")


def _machine(trainer: L.Trainer) -> str:
    processes = f"{trainer.world_size} process" + ("es" if trainer.world_size > 1 else "")
    threads = f"{torch.get_num_threads()} thread" + ("s" if torch.get_num_threads() > 1 else "")
    device = (
        torch.cuda.get_device_name()
        if trainer.strategy.root_device.type == "cuda"
        else (f"{platform.machine()} CPU with {threads}")
    )
    return f"{device}, {processes}, torch {torch.__version__}"


def train(
    recipe: Recipe,
    out: Path,
    *,
    train_data: Dataset,
    val_data: Dataset,
    hardware: Hardware | None = None,
    max_time: timedelta | None = None,
    progress: Progress = silent,
    callbacks: Sequence[Callback] = (),
    start: AnyModel | None = None,
) -> AnyModel:
    """Train until the recipe's passes are done, from ``out/last.ckpt`` if it is there.

    Args:
        recipe: what to train.
        out: the run's folder, as :func:`open_run` left it.
        train_data: training structures; all statistics come from these.
        val_data: validation structures.
        hardware: where; one process on the best device there is by default.
        max_time: stop earlier, resumably, after this long in all.
        progress: receives steps done.
        callbacks: further Lightning callbacks.
        start: the model to begin with, see :func:`epitaxy.apps.training.starting.begun_from`; by default the
            one in ``out/start``, if the run was begun with one, else a fresh one.

    Returns:
        The model with its averaged weights (raw ones when averaging is off), also written to ``out/model``.

    Raises:
        UsageError: another process is training in ``out``.
        WorkError: the loss stopped being a number, or the disk is full.
    """
    hardware = hardware or Hardware()
    _quieten_lightning()
    training = recipe.training
    L.seed_everything(training.seed, verbose=False)  # initial weights only; noise has its own generators
    family = FAMILIES[recipe.model]
    model = start or _started(out) or family.build(recipe, family.summarise(train_data))
    statistics: Any = model.statistics
    val_data = within_vocabulary(val_data, statistics.vocabulary)
    world = hardware.devices * hardware.nodes
    batches = ShuffledBatches(
        num=len(train_data), batch_size=min(training.batch_size, len(train_data)), seed=training.seed
    )
    steps_per_pass = batches.steps_per_pass
    total_steps = training.passes * steps_per_pass
    chunk, chunks = chunk_steps(
        checkpoint_steps=training.checkpoint_steps, validation_steps=training.validate_every * steps_per_pass
    )
    module = TrainingModule(model, total_steps=total_steps)
    if hardware.compile is not None:
        compile_network(module.model.network, hardware.compile)
    timer = Timer(duration=max_time, verbose=False)
    metrics = MetricsCsv(out / METRICS, fields=tuple(module.model.flow.flows))
    checkpoint = out / CHECKPOINT
    reached = reached_step(checkpoint)
    trainer = L.Trainer(
        accelerator=chosen_device(hardware.accelerator),
        devices=hardware.devices,
        num_nodes=hardware.nodes,
        strategy=hardware.strategy(),
        **in_precision(hardware.precision),
        max_steps=total_steps,
        accumulate_grad_batches=training.accumulate,
        max_epochs=-1,
        check_val_every_n_epoch=chunks,
        gradient_clip_val=training.gradient_clip,
        log_every_n_steps=max(1, total_steps // 2000),
        logger=[metrics, TensorBoardLogger(out, name=None, version="tensorboard", purge_step=reached)],
        callbacks=[timer, Resumable(out / CHECKPOINT, metrics), Reporting(progress, total_steps), *callbacks],
        default_root_dir=out,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
    stream = BatchStream(
        dataset=train_data,
        batches=batches,
        chunk=chunk,
        position=lambda: trainer.global_step,
        rank=trainer.global_rank,
        world=world,
        accumulate=training.accumulate,
    )
    with claimed(out):
        trainer.fit(
            module,
            train_dataloaders=stream,
            val_dataloaders=validation_batches(val_data, recipe, rank=trainer.global_rank, world=world),
            ckpt_path=checkpoint if reached is not None else None,
            weights_only=False,  # the checkpoint is this run's own: it holds optimiser and loop state
        )
    if trainer.interrupted:
        raise KeyboardInterrupt
    model = module.export()
    if trainer.is_global_zero:
        card = training_card(
            recipe,
            statistics,
            structures=len(train_data),
            steps=trainer.global_step,
            passes=trainer.global_step / steps_per_pass,
            seconds=timer.time_elapsed("train"),
            machine=_machine(trainer),
            origin=(out / START / CARD).read_text() if (out / START / CARD).is_file() else "",
        )
        save_model(out / "model", model, card=card)
    return model
