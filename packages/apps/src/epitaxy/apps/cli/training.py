"""``train``: the words of the command line become a recipe, data and a run."""

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from epitaxy.apps.config import Recipe, apply_overrides, preset
from epitaxy.apps.errors import UsageError
from epitaxy.apps.families import FAMILIES
from epitaxy.apps.names import TASKS, ModelName, Task
from epitaxy.apps.progress import reporting
from epitaxy.apps.say import say
from epitaxy.apps.training.run import CHECKPOINT, Hardware, open_run, train

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What the user typed after ``train``."""

    out: Path
    data: str | None
    task: str
    preset: str
    overrides: list[str]
    root: Path | None
    resume: bool
    max_time: str | None
    device: str
    devices: int
    nodes: int
    precision: str


def run_training(kind: ModelName, words: Training) -> None:
    """Train, or go on training."""
    limit = parse_duration(words.max_time)
    hardware = Hardware(
        accelerator=check_device(words.device),
        devices=words.devices,
        nodes=words.nodes,
        precision=words.precision,
    )
    recipe = _resumed(kind, words) if words.resume else _new(kind, words)
    family = FAMILIES[kind]
    train_data, val_data = (family.load(recipe, split, words.root) for split in ("train", "val"))
    recipe = open_run(words.out, recipe, resume=words.resume)
    say(f"training on {len(train_data)} {family.noun} of {recipe.dataset}, validating on {len(val_data)}")
    with reporting("training") as progress:
        try:
            train(
                recipe,
                words.out,
                train_data=train_data,
                val_data=val_data,
                hardware=hardware,
                max_time=limit,
                progress=progress,
            )
        except KeyboardInterrupt:
            if (words.out / CHECKPOINT).is_file():
                say(f"stopped; go on with: {kind} train --out {words.out} --resume")
            raise
    say(f"model written to {words.out / 'model'}")


def parse_duration(text: str | None) -> timedelta | None:
    """Return the duration meant by ``HH:MM:SS``.

    Raises:
        UsageError: anything else.
    """
    if text is None:
        return None
    parts = text.split(":")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        raise UsageError(f"--max-time {text}: write hours:minutes:seconds, as in 01:30:00")
    hours, minutes, seconds = map(int, parts)
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def check_device(name: str) -> str:
    """Return ``name`` if such a device is here.

    Raises:
        UsageError: another word, or cuda where there is none.
    """
    import torch

    if name not in DEVICES:
        raise UsageError(f"--device {name}: choose auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: no CUDA device is visible here; leave --device out or say cpu")
    return name


def _new(kind: ModelName, words: Training) -> Recipe:
    if words.data is None:
        raise UsageError(f"name the data to train on: --data {FAMILIES[kind].example}")
    task: Task = "csp" if words.task == "csp" else "dng"
    if words.task != task or task not in TASKS[kind]:
        raise UsageError(f"--task {words.task}: {kind} has {' and '.join(TASKS[kind])}")
    known = preset(words.preset, model=kind, task=task, dataset=words.data)
    return apply_overrides(known, words.overrides)


def _resumed(kind: ModelName, words: Training) -> Recipe:
    from epitaxy.apps.model_dir import RECIPE, load_recipe

    if words.overrides:
        raise UsageError("--set does not go with --resume: a run keeps the recipe it began with")
    if not (words.out / RECIPE).is_file():
        raise UsageError(f"--resume: {words.out} holds no run; leave --resume out to begin one")
    recipe = load_recipe(words.out, kinds=(kind,))
    if words.data is not None and os.path.abspath(words.data) != os.path.abspath(recipe.dataset):
        raise UsageError(
            f"--resume: the run in {words.out} was begun on {recipe.dataset}, not on {words.data}"
        )
    return recipe
