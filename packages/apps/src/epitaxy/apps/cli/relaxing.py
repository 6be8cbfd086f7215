"""``epitaxy relax``."""

from pathlib import Path
from typing import Annotated

import typer

from epitaxy.apps.cli import options as opt
from epitaxy.apps.cli.groups import grouped
from epitaxy.apps.cli.option_groups import Relaxation, Scoring
from epitaxy.apps.cli.shell import examples
from epitaxy.apps.foundation.checks import check_known, check_potential, check_samples, choose
from epitaxy.apps.foundation.names import FORMAT_NAMES

app = typer.Typer()


@app.command(
    epilog=examples("epitaxy relax samples --out ranked.csv --hull mp_20 --train mp_20 --cifs shortlist")
)
@grouped
def relax(
    scoring: Scoring,
    relaxation: Relaxation,
    samples: Annotated[str, typer.Argument(help="A sample folder, CSV, folder of CIFs or extxyz.")],
    out: Annotated[Path, typer.Option(help="What to write: .csv (a table), .json or .extxyz.")],
    cifs: Annotated[
        Path | None, typer.Option(help="A folder for the relaxed shortlist, a file each.")
    ] = None,
    train: Annotated[
        str | None, typer.Option(help="NAME or PATH of the training crystals, for novelty.")
    ] = None,
    split: opt.Split = "test",
    root: opt.Root = None,
    max_steps: Annotated[int, typer.Option(min=0, help="Steps after which it ends unconverged.")] = 500,
    keep_symmetry: Annotated[bool, typer.Option(help="Keep the space group that a sample has.")] = False,
    limit: opt.Limit = None,
) -> None:
    """Relax samples and rank what is distinct by energy above the hull, or within each composition."""
    check_samples([samples])
    check_known(relaxation.hull, train)
    check_potential(relaxation.potential)
    for form in relaxation.format_ or ():
        choose("--format", form, FORMAT_NAMES)
    from epitaxy.apps.cli.scoring import settings_of
    from epitaxy.apps.evaluation.relax import RelaxOptions, run_relax

    run_relax(
        RelaxOptions(
            samples=samples, out=out, cifs=cifs, train=train, split=split, root=root, max_steps=max_steps,
            keep_symmetry=keep_symmetry, limit=limit, **relaxation.told(), **settings_of(scoring),
        )
    )  # fmt: skip
