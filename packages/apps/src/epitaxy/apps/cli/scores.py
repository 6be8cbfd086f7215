"""``epitaxy eval csp | dng | molecules``."""

from typing import Annotated

import typer

from epitaxy.apps.cli import options as opt
from epitaxy.apps.cli.groups import grouped
from epitaxy.apps.cli.option_groups import Scoring
from epitaxy.apps.cli.shell import examples
from epitaxy.apps.foundation.checks import check_known, check_samples, choose, parse_cutoffs
from epitaxy.apps.foundation.names import BOND_TABLE_NAMES, PART_NAMES, PROTOCOL_NAMES, TABLE_NAMES

app = typer.Typer(help="Score structures under a named protocol.", no_args_is_help=True)


@app.command(
    "csp",
    epilog=examples(
        "epitaxy eval csp samples mp_20 --protocol cdvae --json csp.json --html csp.html",
        "epitaxy eval csp steps-10 steps-50 mp_20 --html steps.html",
    ),
)
@grouped
def eval_csp(
    scoring: Scoring,
    predictions: Annotated[list[str], typer.Argument(help="Sample folders, CSVs, folders of CIFs, extxyz.")],
    reference: Annotated[str, typer.Argument(help="A dataset's name or a file with the true structures.")],
    protocol: Annotated[str, typer.Option(help="cdvae (= diffcsp), crysbfn, kldm, loose, strict.")] = "cdvae",
    split: opt.Split = "test",
    root: opt.Root = None,
    all_references: Annotated[
        bool, typer.Option(help="Count references that were never asked for as failures too.")
    ] = False,
    metre: Annotated[
        bool | None, typer.Option(help="METRe and cRMSE; by default where that is little work.")
    ] = None,
) -> None:
    """Match predictions with the true structures of the same id: match rate and RMSE, @1 and @k."""
    check_samples(predictions)
    check_known(reference)
    choose("--protocol", protocol, PROTOCOL_NAMES)
    from epitaxy.apps.cli.scoring import settings_of
    from epitaxy.apps.evaluation.csp import CSPOptions, run_csp

    run_csp(
        CSPOptions(
            predictions=predictions, reference=reference, protocol=protocol, split=split, root=root,
            all_references=all_references, metre=metre,
            **settings_of(scoring),
        )
    )  # fmt: skip


@app.command(
    "dng",
    epilog=examples(
        "epitaxy eval dng samples --reference mp_20 --train mp_20 --html dng.html",
        "epitaxy eval dng theirs.csv.gz",
    ),
)
@grouped
def eval_dng(
    scoring: Scoring,
    samples: Annotated[
        list[str], typer.Argument(help="Sample folders, CSVs, folders of CIFs, extxyz, or NAME:SPLIT.")
    ],
    reference: Annotated[
        str | None, typer.Option(help="NAME, NAME:SPLIT or PATH to compare with; without it validity only.")
    ] = None,
    train: Annotated[
        str | None, typer.Option(help="NAME or PATH of the training crystals, for novelty.")
    ] = None,
    split: opt.Split = "test",
    root: opt.Root = None,
    protocol_table: Annotated[
        str, typer.Option(help="Oxidation states by which samples are valid: smact14 or icsd24.")
    ] = "smact14",
    cutoffs: Annotated[
        str | None,
        typer.Option(help="Of coverage: mp_20, carbon_24, perov_5, none, or two numbers, 0.4,10."),
    ] = None,
    parts: Annotated[
        str | None,
        typer.Option(help="Only these, by commas: coverage, distances, space_groups, duplicates."),
    ] = None,
    limit: opt.Limit = None,
) -> None:
    """Score de novo samples: validity, coverage, distances, space groups, uniqueness, novelty."""
    check_samples(samples)
    check_known(reference, train)
    choose("--protocol-table", protocol_table, TABLE_NAMES)
    if cutoffs is not None:
        parse_cutoffs(cutoffs)
    for part in (parts or "").split(","):
        if part.strip():
            choose("--parts", part.strip(), PART_NAMES)
    from epitaxy.apps.cli.scoring import settings_of
    from epitaxy.apps.evaluation.dng import DNGOptions, run_dng

    run_dng(
        DNGOptions(
            samples=samples, reference=reference, train=train, split=split, root=root, table=protocol_table,
            cutoffs=cutoffs, parts=parts, limit=limit,
            **settings_of(scoring),
        )
    )  # fmt: skip


@app.command("molecules", epilog=examples("epitaxy eval molecules samples --train qm9 --html molecules.html"))
@grouped
def eval_molecules(
    scoring: Scoring,
    samples: Annotated[
        list[str], typer.Argument(help="XYZ, SDF, npz, folders of them, or a dataset's name.")
    ],
    train: Annotated[
        str | None, typer.Option(help="NAME or PATH of the training molecules, for novelty.")
    ] = None,
    split: opt.Split = "test",
    root: opt.Root = None,
    table: Annotated[str, typer.Option(help="Bond lengths and valences: edm, or one with sulfur.")] = "edm",
    limit: opt.Limit = None,
) -> None:
    """Score molecules: stability, validity, uniqueness, novelty."""
    check_samples(samples)
    check_known(train)
    choose("--table", table, BOND_TABLE_NAMES)
    from epitaxy.apps.cli.scoring import settings_of
    from epitaxy.apps.evaluation.molecules import MoleculeOptions, run_molecules

    run_molecules(
        MoleculeOptions(
            samples=samples, train=train, split=split, root=root, table=table, limit=limit,
            **settings_of(scoring),
        )
    )  # fmt: skip
