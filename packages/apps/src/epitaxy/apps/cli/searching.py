"""``epitaxy search``."""

import time
from pathlib import Path
from typing import Annotated

import typer

from epitaxy.apps.cli import options as opt
from epitaxy.apps.cli.shell import examples

app = typer.Typer()


@app.command(
    epilog=examples(
        "epitaxy search SrTiO3 --out out",
        "epitaxy search Li-Fe-O --out out --budget 01:00:00 --hull mp_20",
        "epitaxy search Li-O --spacegroup Pnma --out out",
        "epitaxy search LiCoO2 --out out --proposals models --model kldm-mp20 --num 50 --format poscar",
    )
)
def search(
    question: Annotated[
        str, typer.Argument(metavar="FORMULA|SYSTEM", help="SrTiO3, or any stoichiometry of Li-Fe-O.")
    ],
    out: Annotated[
        Path, typer.Option(help="A folder for the results; the same words with the same folder go on.")
    ],
    spacegroup: Annotated[
        str | None,
        typer.Option(
            help="1 to 230, or a symbol: Pnma. Candidates are proposed in it, keep it and end in it."
        ),
    ] = None,
    budget: Annotated[
        str, typer.Option(metavar="HH:MM:SS", help="Wall-clock time, all starts together.")
    ] = "00:10:00",
    num: Annotated[
        int | None, typer.Option(help="Candidates to relax at most; by default as many as there is time for.")
    ] = None,
    proposals: Annotated[
        str | None,
        typer.Option(help="models,prototypes,random, or some of them; by default all that are available."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="A shipped model, run or model folder; may be repeated; by default all that can."),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            help="NAME, NAME:SPLIT or PATH of known crystals, for prototypes and comparison; by default "
            "mp_20 where it is on this machine, else embedded structure types."
        ),
    ] = None,
    leave_out_known: Annotated[
        bool, typer.Option("--leave-out-known", help="Hide known crystals of just these elements.")
    ] = False,
    hull: Annotated[
        str | None,
        typer.Option(help="NAME or PATH of known crystals, or JSON of entries; by default no hull."),
    ] = None,
    potential: Annotated[
        str,
        typer.Option(help="chgnet, sevennet, sevennet-l3i5, ase:NAME, package.module:Name[,KEY=VALUE...]."),
    ] = "chgnet",
    format_: Annotated[
        list[str] | None, typer.Option("--format", help="Of the shortlist: cif, poscar; may be repeated.")
    ] = None,
    window: Annotated[
        float, typer.Option(help="eV/atom above the best, or above the hull, to be on the shortlist.")
    ] = 0.1,
    fmax: Annotated[
        float, typer.Option(help="Largest force, eV/angstrom, at which it has converged.")
    ] = 0.025,
    max_steps: Annotated[int, typer.Option(help="Steps after which a relaxation ends.")] = 300,
    pressure: Annotated[float, typer.Option(help="GPa; candidates are then ranked by enthalpy.")] = 0.0,
    max_atoms: Annotated[int, typer.Option(help="Atoms of the largest random cell.")] = 20,
    seed: Annotated[int, typer.Option(help="The same seed proposes the same candidates.")] = 0,
    steps: Annotated[
        int | None, typer.Option(help="Network evaluations a sampled structure; by default at most 50.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that relax; one a core by default, 0 for this one.")
    ] = None,
    device: opt.Device = "auto",
    root: opt.Root = None,
) -> None:
    """Search crystals of a composition or of some elements: propose, relax, fold, rank, show.

    Candidates come from the models, from known crystals with their elements replaced, and from symmetric
    random structures. The folder gets ranked.csv, candidates.json, candidates.extxyz, shortlist/ and
    search.html. Relaxing needs `pip install chgnet`, random structures need `pip install pyxtal`.
    """
    started = time.monotonic()
    from epitaxy.apps.discovery.options import SearchOptions
    from epitaxy.apps.foundation.checks import budget_seconds

    words = SearchOptions(
        question=question, spacegroup=spacegroup, out=out, budget=budget_seconds(budget), num=num,
        proposals=tuple(w.strip() for w in (proposals or "").split(",") if w.strip()),
        models=tuple(model or ()), reference=reference, leave_out_known=leave_out_known, hull=hull,
        potential=potential, formats=tuple(format_ or ["cif"]), window=window, fmax=fmax,
        max_steps=max_steps, pressure=pressure,
        max_atoms=max_atoms, seed=seed, steps=steps, workers=workers, device=device, root=root,
    )  # fmt: skip
    words.check()
    from epitaxy.apps.discovery.run import run_search

    run_search(words, started=started)
