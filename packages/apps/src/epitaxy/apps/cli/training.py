"""``train``: the words of the command line become a recipe, data and a run."""

import os
import shlex

from epitaxy.apps.cli.option_groups import Training
from epitaxy.apps.config import Recipe, apply_overrides
from epitaxy.apps.foundation.checks import check_task, parse_duration
from epitaxy.apps.foundation.devices import chosen_device
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.foundation.names import MODELS, ModelName
from epitaxy.apps.foundation.progress import reporting
from epitaxy.apps.generative.kind import kind_of
from epitaxy.apps.generative.model_dir import LoadedModel, load_model, load_recipe
from epitaxy.apps.generative.recipes import preset


def run_training(kind: ModelName, words: Training, *, task: str | None) -> None:
    """Train, or go on training."""
    limit = parse_duration(words.max_time)
    device = chosen_device(words.device)
    source = None if words.begin is None else load_model(words.begin, kinds=(kind,))
    recipe = _resumed(kind, words) if words.resume else _new(kind, words, task, source)
    # Lightning takes two seconds to import: now that the words are right.
    from epitaxy.apps.training.fine_tuning import initialised_from
    from epitaxy.apps.training.run import CHECKPOINT, Hardware, open_run, train

    hardware = Hardware(
        accelerator=device, devices=words.devices, nodes=words.nodes, precision=words.precision,
        compile="inductor" if words.compile else None,
    )  # fmt: skip
    made = kind_of(kind)
    train_data, val_data = (made.load(recipe, split, words.root) for split in ("train", "val"))
    start = None if source is None else initialised_from(source, recipe, made.summarise(train_data))
    origin = "" if source is None else f"Begun with the weights of {words.begin} (sha256 {source.checksum})."
    recipe = open_run(words.out, recipe, resume=words.resume, start=start, origin=origin)
    if words.resume and not (words.out / CHECKPOINT).is_file():
        notify(f"{words.out} holds no {CHECKPOINT} yet: the run begins at its first step")
    notify(f"training on {len(train_data)} {made.noun} of {recipe.dataset}, validating on {len(val_data)}")
    try:
        with reporting("training") as progress:
            train(
                recipe,
                words.out,
                train_data=train_data,
                val_data=val_data,
                hardware=hardware,
                max_time=limit,
                progress=progress,
                start=start,
            )
    except KeyboardInterrupt:
        notify(f"stopped; go on with: {_going_on(kind, words)}")
        raise
    except OSError as error:
        error.filename = error.filename or str(words.out)
        raise
    notify(f"model written to {words.out / 'model'}")


def _going_on(kind: ModelName, words: Training) -> str:
    """Return the command that goes on with a run."""
    root = [] if words.root is None else ["--root", str(words.root)]
    return shlex.join([kind, "train", "--out", str(words.out), "--resume", *root])


def _new(kind: ModelName, words: Training, task: str | None, source: LoadedModel | None) -> Recipe:
    if words.data is None:
        raise UsageError(f"name the data to train on: --data {kind_of(kind).example}")
    wanted = task or (MODELS[kind].tasks[0] if source is None else source.model.recipe.task)
    chosen = check_task(kind, wanted)
    if source is None or words.preset is not None:
        base = preset(words.preset or "small", model=kind, task=chosen, dataset=words.data)
    else:
        base = source.model.recipe.model_copy(update={"dataset": words.data})
        if base.task != chosen:
            raise UsageError(f"--task {chosen}: {words.begin} was trained for {base.task}; leave --task out")
    return apply_overrides(base, words.set or [])


def _resumed(kind: ModelName, words: Training) -> Recipe:
    recipe = load_recipe(words.out, kinds=(kind,))
    if words.data is not None and os.path.abspath(words.data) != os.path.abspath(recipe.dataset):
        raise UsageError(
            f"--resume: the run in {words.out} was begun on {recipe.dataset}, not on {words.data}"
        )
    return recipe
