"""``epitaxy relax``."""

from pathlib import Path
from typing import Annotated

import typer

from epitaxy.apps.cli import options as opt
from epitaxy.apps.cli.groups import grouped
from epitaxy.apps.cli.option_groups import Scoring
from epitaxy.apps.cli.shell import examples
from epitaxy.apps.foundation.checks import check_known, check_potential, check_samples

app = typer.Typer()


@app.command(
    epilog=examples("epitaxy relax samples --out ranked.csv --hull mp_20 --train mp_20 --cifs shortlist")
)
@grouped
def relax(
    scoring: Scoring,
    samples: Annotated[str, typer.Argument(help="A sample folder, CSV, folder of CIFs or extxyz.")],
    out: Annotated[Path, typer.Option(help="What to write: .csv (a table), .json or .extxyz.")],
    cifs: Annotated[
        Path | None, typer.Option(help="A folder for the relaxed shortlist, a file each.")
    ] = None,
    format_: Annotated[
        list[str] | None, typer.Option("--format", help="Of the shortlist: cif, poscar; may be repeated.")
    ] = None,
    window: Annotated[
        float,
        typer.Option(help="eV/atom above the hull, or without one the composition's best, to be listed."),
    ] = 0.1,
    potential: Annotated[
        str,
        typer.Option(help="chgnet, sevennet, sevennet-l3i5, ase:NAME, package.module:Name[,KEY=VALUE...]."),
    ] = "chgnet",
    hull: Annotated[
        str | None, typer.Option(help="JSON of pymatgen entries, or NAME|PATH of known crystals.")
    ] = None,
    train: Annotated[
        str | None, typer.Option(help="NAME or PATH of the training crystals, for novelty.")
    ] = None,
    split: opt.Split = "test",
    root: opt.Root = None,
    fmax: Annotated[
        float, typer.Option(help="Largest force, eV/angstrom, at which it has converged.")
    ] = 0.025,
    max_steps: Annotated[int, typer.Option(min=0, help="Steps after which it ends unconverged.")] = 500,
    pressure: Annotated[float, typer.Option(help="GPa; candidates are then ranked by enthalpy.")] = 0.0,
    keep_symmetry: Annotated[bool, typer.Option(help="Keep the space group that a sample has.")] = False,
    limit: opt.Limit = None,
) -> None:
    """Relax samples and rank what is distinct by energy above the hull, or within each composition."""
    check_samples([samples])
    check_known(hull, train)
    check_potential(potential)
    from epitaxy.apps.cli.scoring import settings_of
    from epitaxy.apps.evaluation.relax import RelaxOptions, run_relax

    run_relax(
        RelaxOptions(
            samples=samples, out=out, cifs=cifs, formats=tuple(format_ or ["cif"]), window=window,
            potential=potential, hull=hull, train=train, split=split, root=root, fmax=fmax,
            max_steps=max_steps, pressure=pressure, keep_symmetry=keep_symmetry, limit=limit,
            **settings_of(scoring),
        )
    )  # fmt: skip
