"""One training run: from a recipe and a dataset to a model directory, resumable at any moment."""

import copy
import logging
import platform
import signal
import threading
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
from epitaxy.apps.foundation.devices import chosen_device, compile_network
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.files import write_text
from epitaxy.apps.foundation.folders import CARD, METRICS, RECIPE, WEIGHTS
from epitaxy.apps.foundation.messages import is_main_process, notify
from epitaxy.apps.foundation.progress import Progress, silent
from epitaxy.apps.generative.dataset import Dataset
from epitaxy.apps.generative.kind import AnyModel, build_model, kind_of
from epitaxy.apps.generative.model_dir import load_model, save_model
from epitaxy.apps.generative.recipes import load_recipe
from epitaxy.apps.training.callbacks import Reporting, Resumable, Slowdown
from epitaxy.apps.training.card import training_card
from epitaxy.apps.training.checkpoint import CheckedCheckpoints, check_fits, read_checkpoint
from epitaxy.apps.training.fingerprint import check_begun
from epitaxy.apps.training.module import TrainingModule
from epitaxy.apps.training.precision import in_precision, warn_of_slow_numbers
from epitaxy.apps.training.records import MetricsCsv
from epitaxy.apps.training.selection import Best, choosing
from epitaxy.apps.training.stream import BatchStream, chunk_steps
from epitaxy.apps.training.validation import validation_batches, within_vocabulary
from epitaxy.apps.training.watch import DivergedError, LossWatch
from epitaxy.data import ShuffledBatches

CHECKPOINT, LOCK, START = "last.ckpt", ".lock", "start"


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


def _started(out: Path) -> AnyModel | None:
    """Return the model that the run in ``out`` was begun with, if it was begun with one."""
    return load_model(str(out / START)).model if (out / START / WEIGHTS).is_file() else None


def _quieten_lightning() -> None:
    """Keep Lightning's greetings and its own progress remarks off the user's terminal; errors still come."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
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
        start: the model to begin with, see :func:`epitaxy.apps.training.fine_tuning.initialised_from`; by
            default the one in ``out/start``, if the run was begun with one, else a fresh one.

    Returns:
        The model with its averaged weights (raw ones when averaging is off), also written to ``out/model``.

    Raises:
        UsageError: another process is training in ``out``, or data or recipe are not those that it was begun
            with.
        WorkError: the loss ran away, a checkpoint that cannot be used, or a full disk.
    """
    hardware = hardware or Hardware()
    warn_of_slow_numbers(hardware.precision, chosen_device(hardware.accelerator))
    _quieten_lightning()
    training = recipe.training
    L.seed_everything(training.seed, verbose=False)  # initial weights only; noise has its own generators
    family = kind_of(recipe.model)
    model = start or _started(out) or build_model(recipe, family.summarise(train_data))
    begun = copy.deepcopy(model.network.state_dict())
    job = _Job(
        recipe=recipe, out=out, model=model, train_data=train_data,
        val_data=within_vocabulary(val_data, model.statistics.vocabulary),
        hardware=hardware, max_time=max_time, progress=progress, callbacks=callbacks,
    )  # fmt: skip
    with claimed(out), _own_interrupts():
        check_begun(out, recipe, train=train_data, val=val_data)
        times = 0
        while True:
            attempt = _Attempt.of(job, Slowdown(times))
            try:
                attempt.fit()
                break
            except DivergedError as error:
                times = attempt.slowdown.times + 1
                if times > training.recover:
                    raise
                notify(f"{error.what}: back to the last checkpoint, at half the learning rate")
                model.network.load_state_dict(begun)
    return attempt.finished()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What is trained, on what, and where."""

    recipe: Recipe
    out: Path
    model: AnyModel
    train_data: Dataset
    val_data: Dataset
    hardware: Hardware
    max_time: timedelta | None
    progress: Progress
    callbacks: Sequence[Callback]

    @property
    def batches(self) -> ShuffledBatches:
        """The order of the training data."""
        training, num = self.recipe.training, len(self.train_data)
        return ShuffledBatches(num=num, batch_size=min(training.batch_size, num), seed=training.seed)

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return self.recipe.training.passes * self.batches.steps_per_pass


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """One go at a job, from its last checkpoint to its end."""

    job: _Job
    module: TrainingModule
    trainer: L.Trainer
    timer: Timer
    best: Best | None
    slowdown: Slowdown
    chunk: int
    resume: bool

    @classmethod
    def of(cls, job: _Job, slowdown: Slowdown) -> "_Attempt":
        """Make Lightning's trainer for a job.

        Raises:
            WorkError: a checkpoint that cannot be used.
        """
        training, hardware, out = job.recipe.training, job.hardware, job.out
        chunk, chunks = chunk_steps(
            checkpoint_steps=training.checkpoint_steps,
            validation_steps=training.validate_every * job.batches.steps_per_pass,
        )
        module = TrainingModule(job.model, total_steps=job.steps)
        if hardware.compile is not None:
            compile_network(module.model.network, hardware.compile)
        timer, watch = Timer(duration=job.max_time, verbose=False), LossWatch()
        best = choosing(
            job.recipe, job.model, job.val_data,
            steps=job.steps, validations=job.steps // (chunk * chunks), progress=job.progress,
        )  # fmt: skip
        metric = None if best is None else best.metric
        metrics = MetricsCsv(out / METRICS, fields=tuple(module.model.flow.flows), metric=metric)
        reached = _reached(out / CHECKPOINT, module)
        precision = in_precision(hardware.precision)
        trainer = _trainer(
            accelerator=chosen_device(hardware.accelerator),
            devices=hardware.devices,
            num_nodes=hardware.nodes,
            strategy=hardware.strategy(),
            plugins=[CheckedCheckpoints(), *precision.pop("plugins", ())],
            **precision,
            max_steps=job.steps,
            accumulate_grad_batches=training.accumulate,
            max_epochs=-1,
            check_val_every_n_epoch=chunks,
            gradient_clip_val=training.gradient_clip,
            log_every_n_steps=max(1, job.steps // 2000),
            logger=[metrics, TensorBoardLogger(out, name=None, version="tensorboard", purge_step=reached)],
            callbacks=[
                timer, slowdown, *([] if best is None else [best]),
                Reporting(job.progress, job.steps, watch, metric),
                Resumable(out / CHECKPOINT, metrics, watch), *job.callbacks,
            ],
            default_root_dir=out,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )  # fmt: skip
        return cls(
            job=job, module=module, trainer=trainer, timer=timer, best=best, slowdown=slowdown, chunk=chunk,
            resume=reached is not None,
        )  # fmt: skip

    def fit(self) -> None:
        """Train to the end.

        Raises:
            DivergedError: the loss ran away.
        """
        job, trainer = self.job, self.trainer
        rank, world = trainer.global_rank, job.hardware.devices * job.hardware.nodes
        stream = BatchStream(
            dataset=job.train_data,
            batches=job.batches,
            chunk=self.chunk,
            position=lambda: trainer.global_step,
            rank=rank,
            world=world,
            accumulate=job.recipe.training.accumulate,
        )
        trainer.fit(
            self.module,
            train_dataloaders=stream,
            val_dataloaders=validation_batches(job.val_data, job.recipe, rank=rank, world=world),
            ckpt_path=job.out / CHECKPOINT if self.resume else None,
            weights_only=True,
        )

    def finished(self) -> AnyModel:
        """Return the model, written into ``out/model``."""
        job, trainer = self.job, self.trainer
        model = self.module.export()
        notes = (job.out / START / CARD).read_text() if (job.out / START / CARD).is_file() else ""
        if self.best is not None:
            model.network.load_state_dict(self.best.weights or model.network.state_dict())
            notes += f"Kept: {self.best.why}.\n"
        if trainer.is_global_zero:
            card = training_card(
                job.recipe,
                model.statistics,
                structures=len(job.train_data),
                steps=trainer.global_step,
                passes=trainer.global_step / job.batches.steps_per_pass,
                seconds=self.timer.time_elapsed("train"),
                machine=_machine(trainer),
                notes=notes,
            )
            save_model(job.out / "model", model, card=card)
        return model


def _trainer(**words: Any) -> L.Trainer:
    """Return Lightning's trainer.

    Raises:
        UsageError: words that Lightning refuses, such as an unknown precision.
    """
    try:
        return L.Trainer(**words)
    except Exception as error:
        hardware = ", ".join(
            f"{name}={words[name]}" for name in ("accelerator", "devices", "precision") if name in words
        )
        raise UsageError(f"this cannot be trained with ({hardware}): {error}") from error


def _reached(checkpoint: Path, module: TrainingModule) -> int | None:
    """Return the step that a run has reached, or None; refuse a checkpoint of another model."""
    if not checkpoint.is_file():
        return None
    state = read_checkpoint(checkpoint)
    check_fits(checkpoint, state, module.state_dict())
    return int(state["global_step"])


@contextmanager
def _own_interrupts() -> Iterator[None]:
    """Pass on Ctrl-C, which Lightning turns into an exit with status 1, after which it ignores the key."""
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as end:
        if isinstance(end.__context__, KeyboardInterrupt):
            raise end.__context__ from None
        raise
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)
