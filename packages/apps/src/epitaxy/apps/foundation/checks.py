"""What is wrong with words can be said before anything heavy is imported."""

import difflib
import json
import math
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from epitaxy.apps.foundation.assignments import parse_targets, split_override
from epitaxy.apps.foundation.elements import check_formula, listed_symbols
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.folders import RECIPE, check_free, locate
from epitaxy.apps.foundation.names import (
    CRYSTAL_SYSTEMS,
    CUTOFF_NAMES,
    DATASET_NAMES,
    DEVICES,
    MODELS,
    NO_MPS,
    POTENTIAL_NAMES,
    PRECISIONS,
    PRESET_NAMES,
    SAMPLERS,
    SPLIT_NAMES,
    ModelName,
    Task,
)
from epitaxy.apps.foundation.recipe_keys import RECIPE_KEYS
from epitaxy.apps.foundation.suggest import check_named, suggest

_DATA = "a dataset, a file or a folder ('.' is this one)"


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
    precision: str,
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
    if resume and not (out / RECIPE).is_file():
        raise UsageError(f"--resume: {out} holds no run; leave --resume out to begin one")
    for word in overrides:
        check_override(kind, word)
    if begin is not None:
        check_model(kind, begin)
    if task is not None:
        check_task(kind, task)
    if preset is not None and preset not in PRESET_NAMES:
        raise UsageError(f"--preset {preset}: there is no such preset{suggest(preset, PRESET_NAMES)}")
    if data is not None:
        check_data_word(data)
    check_device_word(device)
    choose("--precision", precision, PRECISIONS)
    parse_duration(max_time)


def check_sampling(
    kind: ModelName,
    *,
    model: str,
    out: Path,
    sampler: str | None,
    device: str,
    spacegroups: Sequence[str] = (),
    systems: Sequence[str] = (),
    compositions: str | None = None,
) -> None:
    """Refuse words that no sampling can follow, whatever the model has learned.

    Raises:
        UsageError: naming the first of them.
    """
    check_model(kind, model)
    check_free(out)
    if sampler is not None:
        choose("--sampler", sampler, SAMPLERS)
    check_device_word(device)
    for word in spacegroups:
        check_group(word)
    for word in systems:
        if word not in CRYSTAL_SYSTEMS:
            raise UsageError(
                f"--crystal-system {word}: there is no such system{suggest(word, CRYSTAL_SYSTEMS)}"
            )
    if compositions is not None:
        check_known(compositions)


def check_asked(
    formulas: Sequence[str], properties: Sequence[str], **elements: str | None
) -> dict[str, float]:
    """Refuse formulas, targets and elements that are none; return the targets by property.

    Raises:
        UsageError: naming the first of them.
    """
    for formula in formulas:
        check_formula(formula)
    for name, word in elements.items():
        if word is not None:
            listed_symbols(f"--{name.replace('_', '-')}", word)
    return parse_targets(properties)


def check_model(kind: ModelName, name: str) -> None:
    """Refuse what names no model, or one that another command made.

    Raises:
        UsageError: with the nearest name, or the command.
    """
    path = locate(name)
    try:
        recipe = json.loads((path / RECIPE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return  # reading the model says what is wrong with it
    made_by = recipe.get("model") if isinstance(recipe, dict) else kind
    if made_by != kind and isinstance(made_by, str) and made_by in MODELS:
        raise UsageError(f"{path} holds a {made_by} model, not a {kind} one: use the command '{made_by}'")


def check_described(kind: ModelName, name: str) -> None:
    """Refuse what is no preset, no run and no model.

    Raises:
        UsageError: with the nearest name.
    """
    if name in PRESET_NAMES or (Path(name) / RECIPE).is_file():
        return
    if close := difflib.get_close_matches(name, PRESET_NAMES, n=1):
        raise UsageError(f"{name} is no run, no model and no preset; did you mean '{close[0]}'?")
    check_model(kind, name)


def check_samples(words: Sequence[str]) -> None:
    """Refuse structures to score that are nowhere.

    Raises:
        UsageError: naming the first of them.
    """
    for word in words:
        check_named(word, "a file or a folder ('.' is this one)")
        if not _is_somewhere(word):
            raise UsageError(f"{word}: there is no such file or folder")


def check_known(*words: str | None) -> None:
    """Refuse known structures that are neither a dataset nor a path; None is none asked for.

    Raises:
        UsageError: with what may have been meant.
    """
    for word in words:
        if word is not None and not (word.strip() and _is_somewhere(word)):
            check_there(word)


def _is_somewhere(word: str) -> bool:
    """Whether a word is a dataset's name or a path, either with or without ``:SPLIT``."""
    names = (word, word.rpartition(":")[0] or word)
    return any(name in DATASET_NAMES or Path(name).exists() for name in names)


def check_data_word(data: str) -> None:
    """Refuse what is neither a dataset's name nor a path.

    Raises:
        UsageError: with the nearest name.
    """
    check_named(data, _DATA)
    if data not in DATASET_NAMES and not Path(data).exists():
        raise UsageError(
            f"--data {data} is neither a dataset nor a path that exists{suggest(data, DATASET_NAMES)}"
        )


def check_task(kind: ModelName, word: str) -> Task:
    """Return ``word`` as one of the model's tasks.

    Raises:
        UsageError: it is none.
    """
    for task in MODELS[kind].tasks:
        if word == task:
            return task
    raise UsageError(f"--task {word}: {kind} has {' and '.join(MODELS[kind].tasks)}")


def check_override(kind: ModelName, word: str) -> None:
    """Refuse ``key=value`` with a key that no recipe of the model has.

    Raises:
        UsageError: with the nearest key.
    """
    key, _ = split_override(word)
    known = RECIPE_KEYS.get(kind)
    if known is not None and key not in known:
        sections = {name.rpartition(".")[0] for name in known}
        raise UsageError(
            f"--set {key}: the recipe has no key '{key}'{suggest(key, sorted(known - sections))}"
        )


def check_device_word(name: str) -> None:
    """Refuse words that name no device, and Apple's.

    Raises:
        UsageError: naming those that do, or saying why not.
    """
    if name == "mps":
        raise UsageError(f"--device mps: {NO_MPS}")
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


def check_timeout(seconds: float | None) -> float | None:
    """Return the seconds that one structure may take, or None, which means what each stage takes.

    Raises:
        UsageError: seconds that are not positive or not finite.
    """
    if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
        raise UsageError(f"--timeout {seconds:g}: give a positive number of seconds")
    return seconds


def check_temperature(value: float | None) -> float | None:
    """Return a temperature that flows can sample at, or None, which means the recipe's.

    Raises:
        UsageError: one that is too low, too high or no number.
    """
    if value is not None and not 0.01 <= value < 100:
        raise UsageError(f"--temperature {value:g}: it must be at least 0.01 and less than 100")
    return value


def check_group(word: int | str) -> None:
    """Refuse what is no space group's number and no symbol.

    Raises:
        UsageError: with the number of a group of a similar symbol.
    """
    if isinstance(word, str) and not word.isdecimal():
        from epitaxy.geometry.symmetry import space_group_number  # which help needs not

        try:
            space_group_number(word)
        except ValueError as error:
            raise UsageError(f"--spacegroup {word[:40]}: {error}") from error
    elif not 1 <= int(str(word)[:9]) <= 230:
        shown = str(word)[:40]
        raise UsageError(f"--spacegroup {shown}: space groups have the numbers 1 to 230, not {shown}")


def check_potential(name: str) -> None:
    """Refuse what names no potential; whether it is installed is seen when it is loaded.

    Raises:
        UsageError: naming those there are.
    """
    called = name.split(",")[0]
    if not called.partition(":")[2] and called not in POTENTIAL_NAMES:
        raise UsageError(
            f"--potential {called}: there is none of that name; choose {', '.join(POTENTIAL_NAMES)}, "
            "ase:NAME (such as ase:emt) or package.module:Name of an ASE calculator"
        )


def check_dataset(name: str) -> None:
    """Refuse what is no dataset's name.

    Raises:
        UsageError: with the nearest.
    """
    if name not in DATASET_NAMES:
        raise UsageError(f"there is no dataset '{name}'{suggest(name, DATASET_NAMES)}")


def check_split_word(word: str) -> str:
    """Return ``word`` if it names a split.

    Raises:
        UsageError: it does not.
    """
    return choose("--split", word, SPLIT_NAMES)


def check_file(option: str, path: Path | None) -> Path | None:
    """Return a file's path, or None where none is named.

    Raises:
        UsageError: there is no such file.
    """
    if path is not None and not path.exists():
        raise UsageError(f"{option} {path}: there is no such file")
    return path


def parse_cutoffs(word: str) -> str | tuple[float, float]:
    """Return cut-offs of coverage as their name (``none`` included), or as the two numbers they are.

    Raises:
        UsageError: neither.
    """
    if word in (*CUTOFF_NAMES, "none"):
        return word
    try:
        structure, composition = (float(number) for number in word.split(","))
    except ValueError:
        known = ", ".join(CUTOFF_NAMES)
        raise UsageError(
            f"--cutoffs {word}: choose {known}, none, or STRUCTURE,COMPOSITION such as 0.4,10"
        ) from None
    return structure, composition


def check_there(name: str) -> None:
    """Refuse what is neither a dataset nor a path.

    Raises:
        UsageError: with what may have been meant.
    """
    check_named(name, _DATA)
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
