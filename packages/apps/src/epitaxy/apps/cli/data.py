"""``epitaxy data list | info | prepare | fetch``."""

from typing import Annotated

import typer

from epitaxy.apps.cli import options as opt
from epitaxy.apps.cli.shell import examples
from epitaxy.apps.foundation.checks import check_dataset, check_there

app = typer.Typer(help="Datasets: list, describe, prepare, fetch.", no_args_is_help=True)

Dataset = Annotated[str, typer.Argument(metavar="NAME|PATH", help="A dataset's name or a path.")]


@app.command("list", epilog=examples("epitaxy data list --root data"))
def data_list(root: opt.Root = None) -> None:
    """List the datasets by name, and which are on this machine."""
    from epitaxy.apps.cli.listings import list_datasets

    list_datasets(root)


@app.command("info", epilog=examples("epitaxy data info perov_5", "epitaxy data info mine.csv"))
def data_info(name: Dataset, root: opt.Root = None) -> None:
    """Describe a dataset: its splits, cell sizes, elements, properties."""
    check_there(name)
    from epitaxy.apps.cli.datasets import describe_dataset

    describe_dataset(name, root)


@app.command("prepare", epilog=examples("epitaxy data prepare mp_20 --workers 4"))
def data_prepare(name: Dataset, root: opt.Root = None, workers: opt.Workers = None) -> None:
    """Read, reduce and cache every split of a dataset; name what cannot be used."""
    check_there(name)
    from epitaxy.apps.cli.datasets import prepare_dataset

    prepare_dataset(name, root, workers)


@app.command("fetch", epilog=examples("epitaxy data fetch perov_5"))
def data_fetch(name: Annotated[str, typer.Argument(help="A dataset's name.")], root: opt.Root = None) -> None:
    """Download a dataset's official files."""
    check_dataset(name)
    from epitaxy.apps.cli.datasets import fetch_dataset

    fetch_dataset(name, root)
