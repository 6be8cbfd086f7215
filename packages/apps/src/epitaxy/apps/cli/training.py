"""``train``: the words of the command line become a recipe, data and a run."""

import os
import shlex

from epitaxy.apps.cli.option_groups import Training
from epitaxy.apps.config import Recipe, apply_overrides
from epitaxy.apps.foundation.checks import check_device_word, check_task, parse_duration
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.folders import locate
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.foundation.names import MODELS, ModelName
from epitaxy.apps.foundation.progress import reporting
from epitaxy.apps.generative.recipes import load_recipe, preset


def run_training(kind: ModelName, words: Training, *, task: str | None) -> None:
    """Train, or go on training."""
    limit = parse_duration(words.max_time)
    check_device_word(words.device)
    begun = None if words.begin is None else load_recipe(locate(words.begin), kinds=(kind,))
    recipe = _resumed(kind, words) if words.resume else _new(kind, words, task, begun)
    # Torch and Lightning take three seconds to import: now that the words are right.
    from epitaxy.apps.foundation.devices import chosen_device
    from epitaxy.apps.generative.kind import kind_of
    from epitaxy.apps.generative.model_dir import load_model
    from epitaxy.apps.training.fine_tuning import initialised_from
    from epitaxy.apps.training.run import CHECKPOINT, Hardware, open_run, train

    source = None if words.begin is None else load_model(words.begin, kinds=(kind,))
    hardware = Hardware(
        accelerator=chosen_device(words.device),
        devices=words.devices,
        nodes=words.nodes,
        precision=words.precision,
        compile="inductor" if words.compile else None,
    )
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


def _new(kind: ModelName, words: Training, task: str | None, begun: Recipe | None) -> Recipe:
    if words.data is None:
        from epitaxy.apps.generative.kind import kind_of

        raise UsageError(f"name the data to train on: --data {kind_of(kind).example}")
    wanted = task or (MODELS[kind].tasks[0] if begun is None else begun.task)
    chosen = check_task(kind, wanted)
    if begun is None or words.preset is not None:
        base = preset(words.preset or "small", model=kind, task=chosen, dataset=words.data)
    else:
        base = begun.model_copy(update={"dataset": words.data})
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
