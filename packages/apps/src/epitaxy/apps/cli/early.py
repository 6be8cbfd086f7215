"""What is wrong with words can be said before anything heavy is imported."""

import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from epitaxy.apps.errors import UsageError
from epitaxy.apps.names import DATASET_NAMES, DEVICES, PRESET_NAMES, SAMPLERS, TASKS, ModelName, Task
from epitaxy.apps.suggest import suggest


def check_training(
    kind: ModelName,
    *,
    out: Path,
    data: str | None,
    task: str | None,
    preset: str | None,
    begin: str | None,
    overrides: Sequence[str],
    resume: bool,
    max_time: str | None,
    device: str,
) -> None:
    """Refuse words that no training can follow, whatever the data and the machine.

    Raises:
        UsageError: naming the first of them.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file: name a folder")
    if resume and begin is not None:
        raise UsageError("--from does not go with --resume: a run begins once")
    if resume and overrides:
        raise UsageError("--set does not go with --resume: a run keeps the recipe it began with")
    if task is not None:
        check_task(kind, task)
    if preset is not None and preset not in PRESET_NAMES:
        raise UsageError(f"--preset {preset}: there is no such preset{suggest(preset, PRESET_NAMES)}")
    if data is not None:
        check_data_word(data)
    check_device_word(device)
    parse_duration(max_time)


def check_data_word(data: str) -> None:
    """Refuse what is neither a dataset's name nor a path.

    Raises:
        UsageError: with the nearest name.
    """
    if data not in DATASET_NAMES and not Path(data).exists():
        raise UsageError(
            f"--data {data} is neither a dataset nor a path that exists{suggest(data, DATASET_NAMES)}"
        )


def check_task(kind: ModelName, word: str) -> Task:
    """Return ``word`` as one of the model's tasks.

    Raises:
        UsageError: it is none.
    """
    for task in TASKS[kind]:
        if word == task:
            return task
    raise UsageError(f"--task {word}: {kind} has {' and '.join(TASKS[kind])}")


def check_device_word(name: str) -> None:
    """Refuse words that name no device.

    Raises:
        UsageError: naming those that do.
    """
    if name not in DEVICES:
        raise UsageError(f"--device {name}: choose auto, cpu or cuda")


def parse_duration(text: str | None) -> timedelta | None:
    """Return the duration meant by ``HH:MM:SS``.

    Raises:
        UsageError: anything else.
    """
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,5}):([0-9]{1,5}):([0-9]{1,5})", text)
    hours, minutes, seconds = map(int, found.groups()) if found else (0, 0, 0)
    if not hours + minutes + seconds:
        raise UsageError(f"--max-time {text}: write hours:minutes:seconds, as in 01:30:00")
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def check_sampling(model: str, *, out: Path, sampler: str | None, device: str) -> None:
    """Refuse words that no sampling can follow, whatever the model is.

    Raises:
        UsageError: naming the first of them.
    """
    shipped = [path.name for path in (Path(__file__).parents[1] / "shipped").glob("*/")]
    if model not in shipped and not Path(model).exists():
        raise UsageError(f"{model} is no run, no model folder and no shipped model{suggest(model, shipped)}")
    if out.is_file():
        raise UsageError(f"--out {out} is a file: name a folder")
    if sampler is not None:
        choose("--sampler", sampler, SAMPLERS)
    check_device_word(device)


def check_structures(*words: str | None) -> None:
    """Refuse the first of these that is neither a dataset, a path, nor one of them with a split.

    Raises:
        UsageError: with what may have been meant.
    """
    for word in words:
        if word is None:
            continue
        name, colon, split = word.rpartition(":")
        split_of = colon and (name in DATASET_NAMES or split in ("train", "val", "test"))
        check_there(name if split_of and not Path(word).exists() else word)


def check_there(name: str) -> None:
    """Refuse what is neither a dataset nor a path.

    Raises:
        UsageError: with what may have been meant.
    """
    if name not in DATASET_NAMES and not Path(name).exists():
        raise UsageError(f"{name} is neither a dataset's name nor a path{suggest(name, DATASET_NAMES)}")


def choose(option: str, word: str, known: Sequence[str]) -> str:
    """Return ``word`` if it is known.

    Raises:
        UsageError: it is not; names what is.
    """
    if word not in known:
        raise UsageError(f"{option} {word}: choose {', '.join(known)}")
    return word
