"""Run the documents' commands in this process, with words added that change how long they take alone."""

import shlex
from importlib import import_module

from epitaxy.apps import WorkError

APPS = ("crysbfn", "kldm", "symmbfn", "geobfn", "epitaxy")
WIDTH = ("network.hidden=48", "network.layers=2")
SHORT: dict[tuple[str, ...], tuple[str, ...]] = {
    ("train",): ("--device", "cpu", "--max-time", "00:00:02"),
    ("sample",): ("--steps", "3", "--device", "cpu"),
    ("eval",): ("--workers", "0", "--no-cache"),
    ("compare",): ("--workers", "0"),
    ("search",): ("--workers", "0", "--budget", "00:10:00"),
}
"""By the command's first words."""


def run_command(line: str, *more: str) -> None:
    """Run one command; after two seconds of training its samples may be no structures."""
    app, *words = shlex.split(line, comments=True)
    for verbs, added in SHORT.items():
        if tuple(words[: len(verbs)]) == verbs:
            words += added
    if words[0] == "train":
        quick = ["training.passes=1", "sampling.steps=3"] + list(WIDTH) * ("--from" not in words)
        words += [word for value in quick for word in ("--set", value)]
    module = "main" if app == "epitaxy" else app
    try:
        import_module(f"epitaxy.apps.cli.{module}").app([*words, *more], standalone_mode=False)
    except WorkError as error:  # the folder is written all the same
        if words[0] != "sample" or "samples is a structure" not in str(error):
            raise
