"""What is wrong with words can be said before anything heavy is imported."""

import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from epitaxy.apps.errors import UsageError
from epitaxy.apps.names import DATASET_NAMES, DEVICES, PRESET_NAMES, TASKS, ModelName, Task
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
    return None if text is None else timedelta(seconds=_seconds("--max-time", text))


def budget_seconds(text: str) -> float:
    """Return the seconds meant by a budget's ``HH:MM:SS``.

    Raises:
        UsageError: anything else, or no time at all.
    """
    return float(_seconds("--budget", text))


def _seconds(option: str, text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,5}):([0-9]{1,5}):([0-9]{1,5})", text)
    hours, minutes, seconds = map(int, found.groups()) if found else (0, 0, 0)
    if not hours + minutes + seconds:
        raise UsageError(f"{option} {text}: write hours:minutes:seconds, as in 01:30:00")
    return 3600 * hours + 60 * minutes + seconds
