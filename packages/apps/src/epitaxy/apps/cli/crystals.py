"""``train | sample | info``: the verbs of every model of crystals."""

from typing import Annotated

import typer

from epitaxy.apps.cli import options as opt
from epitaxy.apps.cli.shell import new_app
from epitaxy.apps.names import ModelName


def crystal_app(kind: ModelName, help_text: str) -> typer.Typer:
    """Return the command line of one model."""
    app = new_app(help_text)

    @app.command()
    def train(
        out: opt.RunFolder,
        data: opt.Data = None,
        task: Annotated[str, typer.Option(help="csp: structures for a composition; dng: de novo.")] = "csp",
        preset: opt.Preset = "small",
        set_: opt.Overrides = None,
        root: opt.Root = None,
        resume: opt.Resume = False,
        max_time: opt.MaxTime = None,
        device: opt.Device = "auto",
        devices: opt.Devices = 1,
        nodes: opt.Nodes = 1,
        precision: opt.Precision = "32-true",
    ) -> None:
        """Train a model into the folder --out; continue a stopped run with --resume."""
        from epitaxy.apps.cli.training import Training, run_training

        run_training(
            kind,
            Training(
                out=out, data=data, task=task, preset=preset, overrides=set_ or [], root=root, resume=resume,
                max_time=max_time, device=device, devices=devices, nodes=nodes, precision=precision,
            ),
        )  # fmt: skip

    @app.command()
    def sample(
        model: opt.Model,
        out: opt.OutFolder,
        num: opt.Num = 10,
        formula: opt.Formulas = None,
        formula_units: opt.FormulaUnits = None,
        compositions: opt.Compositions = None,
        split: opt.Split = "test",
        limit: opt.Limit = None,
        root: opt.Root = None,
        steps: opt.Steps = None,
        sampler: opt.Sampler = None,
        seed: opt.Seed = 0,
        batch_size: opt.BatchSize = None,
        device: opt.Device = "auto",
    ) -> None:
        """Sample structures into the folder --out, as CIF files and one extxyz."""
        from epitaxy.apps.cli.crystal_sampling import CrystalWords
        from epitaxy.apps.cli.sampling import Sampling, run_sampling

        asked = CrystalWords(
            num=num, seed=seed, formulas=formula or [], formula_units=formula_units,
            compositions=compositions, split=split, limit=limit, root=root,
        )  # fmt: skip
        words = Sampling(
            model=model, out=out, steps=steps, sampler=sampler, seed=seed, batch_size=batch_size,
            device=device,
        )  # fmt: skip
        run_sampling(kind, words, asked.requests)

    @app.command()
    def info(
        name: Annotated[str, typer.Argument(metavar="RUN|MODEL|PRESET", help="What to describe.")],
        task: Annotated[str, typer.Option(help="For a preset: csp or dng.")] = "csp",
        data: Annotated[str, typer.Option(help="For a preset: the dataset.")] = "mp_20",
    ) -> None:
        """Describe a run, a model or a preset."""
        from epitaxy.apps.cli.info import run_info

        run_info(kind, name, task=task, data=data)

    return app
