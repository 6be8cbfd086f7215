"""``epitaxy measure``."""

from pathlib import Path
from typing import Annotated

import typer

from epitaxy.apps.cli import options as opt
from epitaxy.apps.cli.shell import examples
from epitaxy.apps.foundation.assignments import parse_targets
from epitaxy.apps.foundation.checks import check_samples, choose
from epitaxy.apps.foundation.names import MEASURED_NAMES

app = typer.Typer()


@app.command(
    epilog=examples(
        "epitaxy measure samples --out nearest.sdf --num 20",
        "epitaxy measure mine.sdf --out measured.csv --property mu=3",
    )
)
def measure(
    samples: Annotated[str, typer.Argument(help="A sample folder, XYZ, SDF, npz, or a dataset's name.")],
    out: Annotated[Path, typer.Option(help="What to write: .csv (a table), .sdf or .extxyz.")],
    property: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=NUMBER: homo, lumo or gap in hartree, mu (the dipole moment) in debye; may be "
            "repeated. (default: what the samples were asked for)"
        ),
    ] = None,
    num: Annotated[int | None, typer.Option(min=1, help="Only so many, the first. (default: all)")] = None,
    split: opt.Split = "test",
    root: opt.Root = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes, 0 for this one. (default: all cores)")
    ] = None,
    timeout: opt.Timeout = None,
) -> None:
    """Measure molecules by GFN2-xTB, as QM9 has its labels; the nearest to what was asked for first."""
    check_samples([samples])
    targets = parse_targets(property or [])
    for name in targets:
        choose("--property", name, MEASURED_NAMES)
    from epitaxy.apps.evaluation.measure import MeasureOptions, run_measure
    from epitaxy.apps.evaluation.settings import Compute

    run_measure(
        MeasureOptions(
            samples=samples, out=out, targets=targets, num=num, split=split, root=root,
            compute=Compute(workers=None if workers is None else str(workers), timeout=timeout, keep=False),
        )
    )  # fmt: skip
