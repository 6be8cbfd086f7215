"""The verbs that every model has alike: ``train`` and ``info``."""

from typing import Annotated

import typer

from epitaxy.apps.cli.groups import grouped
from epitaxy.apps.cli.option_groups import Training
from epitaxy.apps.cli.shell import examples
from epitaxy.apps.foundation.checks import check_described, check_training
from epitaxy.apps.foundation.names import MODELS, ModelName

_WORDS = {"csp": "csp: structures for a composition", "dng": "dng: de novo"}


def add_train(app: typer.Typer, kind: ModelName, *, data: str = "perov_5") -> None:
    """Add ``train``; ``--task`` may be left out and then is the model's first.

    Args:
        app: the model's commands.
        kind: the model.
        data: a dataset to name in examples.
    """
    tasks = MODELS[kind].tasks

    @app.command(
        epilog=examples(
            f"{kind} train --data {data} --preset small --out runs/{data}",
            f"{kind} train --resume --out runs/{data}",
        )
    )
    @grouped
    def train(
        words: Training,
        task: Annotated[
            str | None,
            typer.Option(help=f"{'; '.join(_WORDS[task] for task in tasks)}. (default: {tasks[0]})"),
        ] = None,
    ) -> None:
        """Train a model into the folder --out; continue a stopped run with --resume."""
        check_training(
            kind, out=words.out, data=words.data, task=task, preset=words.preset, begin=words.begin,
            overrides=words.set or [], resume=words.resume, max_time=words.max_time, device=words.device,
            precision=words.precision,
        )  # fmt: skip
        from epitaxy.apps.cli.training import run_training

        run_training(kind, words, task=task)


def add_info(app: typer.Typer, kind: ModelName, *, data: str) -> None:
    """Add ``info``; ``data`` is the dataset whose preset is described where none is named."""
    tasks = MODELS[kind].tasks

    @app.command(epilog=examples(f"{kind} info runs/mine", f"{kind} info paper --data {data}"))
    def info(
        name: Annotated[str, typer.Argument(metavar="RUN|MODEL|PRESET", help="What to describe.")],
        task: Annotated[str, typer.Option(help=f"For a preset: {' or '.join(tasks)}.")] = tasks[0],
        data: Annotated[str, typer.Option(help="For a preset: the dataset.")] = data,
    ) -> None:
        """Describe a run, a model or a preset."""
        check_described(kind, name)
        from epitaxy.apps.cli.info import run_info

        run_info(kind, name, task=task, data=data)
