"""The commands of no one model: ``epitaxy search``, ``data``, ``eval``, ``relax``, ``measure``, the rest."""

from pathlib import Path
from typing import Annotated

import typer

from epitaxy.apps.cli import data, measuring, relaxing, scores, searching
from epitaxy.apps.cli import options as opt
from epitaxy.apps.cli.shell import examples, new_app, run
from epitaxy.apps.foundation.checks import check_known, choose
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.folders import check_free, locate
from epitaxy.apps.foundation.names import PROTOCOL_NAMES, SAMPLERS

app = new_app(
    "epitaxy: generative models for crystals and molecules. "
    "The models' own commands: crysbfn, kldm, symmbfn, geobfn."
)
app.add_typer(searching.app)
app.add_typer(relaxing.app)
app.add_typer(measuring.app)
app.add_typer(data.app, name="data")
app.add_typer(scores.app, name="eval")


@app.command(epilog=examples("epitaxy models"))
def models() -> None:
    """List the models that come with the packages, with their cards."""
    from epitaxy.apps.cli.listings import list_models

    list_models()


@app.command(epilog=examples("epitaxy quickstart --out first --num 2"))
def quickstart(
    out: Annotated[Path, typer.Option(help="A new or empty folder.")] = Path("quickstart-out"),
    num: Annotated[int, typer.Option(min=1, help="Structures to sample per held-out composition.")] = 1,
) -> None:
    """Train a small CrysBFN on embedded crystals, sample, score; write CIFs and one HTML page."""
    from epitaxy.apps.cli.quickstart import run_quickstart

    run_quickstart(out, num=num)


@app.command(
    epilog=examples(
        "epitaxy compare runs/mine perov_5 --sampler bayes --sampler end_back --steps 10 --steps 50"
    )
)
def compare(
    model: opt.Model,
    dataset: Annotated[str, typer.Argument(metavar="NAME|PATH", help="Whose compositions are predicted.")],
    sampler: Annotated[
        list[str] | None,
        typer.Option(
            help="Of the model's flows: bayes, end_back, ancestral, exponential, predictor_corrector, "
            "probability_flow, published_pc, euler_maruyama, or recipe; may be repeated. (default: recipe)"
        ),
    ] = None,
    steps: Annotated[
        list[int] | None, typer.Option(min=1, help="May be repeated. (default: 10, 50 and 100)")
    ] = None,
    protocol: Annotated[str, typer.Option(help=f"{', '.join(PROTOCOL_NAMES)}.")] = "crysbfn",
    split: opt.Split = "test",
    limit: opt.Limit = 500,
    root: opt.Root = None,
    seed: opt.Seed = 0,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that match, 0 for this one. (default: all cores)")
    ] = None,
) -> None:
    """Compare samplers and numbers of steps of a model that predicts structures: one table."""
    locate(model)
    check_known(dataset)
    choose("--protocol", protocol, PROTOCOL_NAMES)
    for name in sampler or ():
        choose("--sampler", name, ("recipe", *SAMPLERS))
    from epitaxy.apps.cli.compare import CompareOptions, run_compare

    run_compare(
        CompareOptions(
            model=model, dataset=dataset, samplers=sampler or ["recipe"], steps=steps or [10, 50, 100],
            protocol=protocol, split=split, limit=limit, root=root, seed=seed,
            workers=workers,
        )
    )  # fmt: skip


@app.command(epilog=examples("epitaxy average runs/one runs/two --out models/mean --half"))
def average(
    models: Annotated[
        list[str], typer.Argument(metavar="RUN|MODEL...", help="Runs, model folders or shipped models.")
    ],
    out: Annotated[Path, typer.Option(help="A new or empty folder for the model.")],
    half: Annotated[
        bool, typer.Option("--half", help="Store the weights as float16, in half the size.")
    ] = False,
) -> None:
    """Average the weights of models of one recipe, one trained on from the other or both from a third."""
    if len(models) == 1 and not half:
        raise UsageError("average: name two models or more, or store one with --half")
    for name in models:
        locate(name)
    check_free(out)
    from epitaxy.apps.cli.average import run_average

    run_average(models, out, half=half)


@app.command(epilog=examples("epitaxy plot runs/one runs/other --out curves.html"))
def plot(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Run folders, or their metrics.csv.")],
    out: Annotated[Path, typer.Option(help="What to draw: .html or .svg.")] = Path("curves.html"),
) -> None:
    """Draw the loss curves of runs, side by side."""
    from epitaxy.apps.cli.plot import run_plot

    run_plot(runs, out)


def main() -> None:
    """Entry point."""
    run(app)
