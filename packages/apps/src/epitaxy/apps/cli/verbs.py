"""The verbs that every model has alike: ``train`` and ``info``."""

from typing import Annotated

import typer

from epitaxy.apps.cli import options as opt
from epitaxy.apps.cli.shell import examples
from epitaxy.apps.foundation.checks import check_described, check_training
from epitaxy.apps.foundation.names import MODELS, ModelName

_WORDS = {"csp": "csp: structures for a composition", "dng": "dng: de novo"}


def add_train(app: typer.Typer, kind: ModelName) -> None:
    """Add ``train``; ``--task`` may be left out and then is the model's first."""
    tasks = MODELS[kind].tasks
    data = "qm9" if kind == "geobfn" else "perov_5"

    @app.command(
        epilog=examples(
            f"{kind} train --data {data} --preset small --out runs/{data}",
            f"{kind} train --resume --out runs/{data}",
        )
    )
    def train(
        out: opt.RunFolder,
        data: opt.Data = None,
        task: Annotated[
            str | None,
            typer.Option(help=f"{'; '.join(_WORDS[task] for task in tasks)}. (default: {tasks[0]})"),
        ] = None,
        preset: opt.Preset = None,
        begin: opt.From = None,
        set_: opt.Overrides = None,
        root: opt.Root = None,
        resume: opt.Resume = False,
        max_time: opt.MaxTime = None,
        device: opt.Device = "auto",
        devices: opt.Devices = 1,
        nodes: opt.Nodes = 1,
        precision: opt.Precision = "32-true",
        compile_: opt.Compile = False,
    ) -> None:
        """Train a model into the folder --out; continue a stopped run with --resume."""
        check_training(
            kind, out=out, data=data, task=task, preset=preset, begin=begin, overrides=set_ or [],
            resume=resume, max_time=max_time, device=device,
        )  # fmt: skip
        from epitaxy.apps.cli.training import Training, run_training

        run_training(
            kind,
            Training(
                out=out, data=data, task=task, preset=preset, begin=begin, overrides=set_ or [], root=root,
                resume=resume, max_time=max_time, device=device, devices=devices, nodes=nodes,
                precision=precision, compile=compile_,
            ),
        )  # fmt: skip


def add_info(app: typer.Typer, kind: ModelName, *, data: str) -> None:
    """Add ``info``; ``data`` is the dataset whose preset is described where none is named."""
    tasks = MODELS[kind].tasks

    @app.command()
    def info(
        name: Annotated[str, typer.Argument(metavar="RUN|MODEL|PRESET", help="What to describe.")],
        task: Annotated[str, typer.Option(help=f"For a preset: {' or '.join(tasks)}.")] = tasks[0],
        data: Annotated[str, typer.Option(help="For a preset: the dataset.")] = data,
    ) -> None:
        """Describe a run, a model or a preset."""
        check_described(kind, name)
        from epitaxy.apps.cli.info import run_info

        run_info(kind, name, task=task, data=data)
