"""``epitaxy data | eval | models | quickstart``: what is not one model's own."""

from pathlib import Path
from typing import Annotated

import typer

from epitaxy.apps.cli import options as opt
from epitaxy.apps.cli.shell import new_app, run

app = new_app("epitaxy: generative models for crystals. The models' own commands: crysbfn, kldm.")
data_app = typer.Typer(help="Datasets: list, describe, prepare, fetch.", no_args_is_help=True)
eval_app = typer.Typer(help="Score structures under a named protocol.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(eval_app, name="eval")

Dataset = Annotated[str, typer.Argument(metavar="NAME|PATH", help="A dataset's name or a path.")]


@data_app.command("list")
def data_list(root: opt.Root = None) -> None:
    """List the datasets by name, and which are on this machine."""
    from epitaxy.apps.cli.datasets import list_datasets

    list_datasets(root)


@data_app.command("info")
def data_info(name: Dataset, root: opt.Root = None) -> None:
    """Describe a dataset: its splits, cell sizes, elements, properties."""
    from epitaxy.apps.cli.datasets import describe_dataset

    describe_dataset(name, root)


@data_app.command("prepare")
def data_prepare(name: Dataset, root: opt.Root = None, workers: opt.Workers = None) -> None:
    """Read, reduce and cache every split of a dataset; name what cannot be used."""
    from epitaxy.apps.cli.datasets import prepare_dataset

    prepare_dataset(name, root, workers)


@data_app.command("fetch")
def data_fetch(name: Annotated[str, typer.Argument(help="A dataset's name.")], root: opt.Root = None) -> None:
    """Download a dataset's official files."""
    from epitaxy.apps.cli.datasets import fetch_dataset

    fetch_dataset(name, root)


@eval_app.command("csp")
def eval_csp(
    predictions: Annotated[str, typer.Argument(help="A sample folder, CSV, folder of CIFs or extxyz.")],
    reference: Annotated[str, typer.Argument(help="A dataset's name or a file with the true structures.")],
    protocol: Annotated[str, typer.Option(help="cdvae (= diffcsp), crysbfn, kldm or loose.")] = "cdvae",
    split: opt.Split = "test",
    root: opt.Root = None,
    all_references: Annotated[
        bool, typer.Option(help="Count references that were never asked for as failures too.")
    ] = False,
    workers: opt.Workers = None,
    timeout: Annotated[
        float, typer.Option(help="Seconds a pair may take before it counts as unmatched.")
    ] = 60.0,
    json: opt.Json = None,
    html: opt.Html = None,
    card: Annotated[Path | None, typer.Option(help="Add a line with the figures to this model card.")] = None,
) -> None:
    """Match predictions with the true structures of the same id: match rate and RMSE, @1 and @k."""
    from epitaxy.apps.cli.evaluation import CSPWords, run_csp

    run_csp(
        CSPWords(
            predictions=predictions, reference=reference, protocol=protocol, split=split, root=root,
            all_references=all_references, workers=workers, timeout=timeout, json=json, html=html, card=card,
        )
    )  # fmt: skip


@eval_app.command("dng")
def eval_dng(
    samples: Annotated[str, typer.Argument(help="A sample folder, CSV, folder of CIFs or extxyz.")],
    workers: opt.Workers = None,
    json: opt.Json = None,
    html: opt.Html = None,
    card: Annotated[Path | None, typer.Option(help="Add a line with the figures to this model card.")] = None,
) -> None:
    """Score de novo samples: structural and compositional validity."""
    from epitaxy.apps.cli.evaluation import run_dng

    run_dng(samples, workers=workers, json=json, html=html, card=card)


@app.command()
def models() -> None:
    """List the models that come with the packages, with their cards."""
    from epitaxy.apps.cli.info import list_models

    list_models()


@app.command()
def quickstart(
    out: Annotated[Path, typer.Option(help="A new or empty folder.")] = Path("quickstart-out"),
    num: Annotated[int, typer.Option(min=1, help="Structures to sample per held-out composition.")] = 1,
) -> None:
    """Train a small CrysBFN on embedded crystals, sample, score; write CIFs and one HTML page."""
    from epitaxy.apps.quickstart import run_quickstart

    run_quickstart(out, num=num)


def main() -> None:
    """Entry point."""
    run(app)
