"""``epitaxy search``."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from epitaxy.apps.cli import options as opt
from epitaxy.apps.cli.groups import grouped
from epitaxy.apps.cli.option_groups import Relaxation
from epitaxy.apps.cli.shell import examples
from epitaxy.apps.discovery.options import ORDERS, SearchOptions
from epitaxy.apps.foundation.checks import budget_seconds

app = typer.Typer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where candidates come from."""

    proposals: Annotated[
        str | None,
        typer.Option(help="models,prototypes,random, or some of them; by default all that are available."),
    ] = None
    model: Annotated[
        list[str] | None,
        typer.Option(help="A shipped model, run or model folder; may be repeated; by default all that can."),
    ] = None
    reference: Annotated[
        str | None,
        typer.Option(
            help="NAME, NAME:SPLIT or PATH of known crystals, for prototypes and comparison; by default "
            "mp_20 where it is on this machine, else embedded structure types."
        ),
    ] = None
    leave_out_known: Annotated[
        bool, typer.Option("--leave-out-known", help="Hide known crystals of just these elements.")
    ] = False
    max_atoms: Annotated[int, typer.Option(help="Atoms of the largest random cell.")] = 20
    seed: Annotated[int, typer.Option(help="The same seed proposes the same candidates.")] = 0
    steps: Annotated[
        int | None, typer.Option(help="Network evaluations a sampled structure; by default at most 20.")
    ] = None
    device: opt.Device = "auto"
    root: opt.Root = None

    def told(self) -> dict[str, Any]:
        """Return these by name, words with commas as several."""
        words = asdict(self)
        proposals, models = words.pop("proposals") or "", words.pop("model") or ()
        listed = tuple(word.strip() for word in proposals.split(",") if word.strip())
        return words | {"proposals": listed, "models": tuple(models)}


@app.command(
    epilog=examples(
        "epitaxy search SrTiO3 --out out",
        "epitaxy search Li-Fe-O --out out --budget 01:00:00 --hull mp_20",
        "epitaxy search Li-O --spacegroup Pnma --out out",
        "epitaxy search LiCoO2 --out out --proposals models --model kldm-mp20 --num 50 --format poscar",
    )
)
@grouped
def search(
    *,
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
    max_steps: Annotated[int, typer.Option(help="Steps after which a relaxation ends.")] = 300,
    workers: Annotated[
        int | None, typer.Option(help="Processes that relax; one a core by default, 0 for this one.")
    ] = None,
    rank_by: Annotated[
        str,
        typer.Option(
            metavar="|".join(ORDERS),
            help="Of a formula: energy together with how often it was proposed, or energy alone.",
        ),
    ] = "probability",
    sources: Sources,
    relaxation: Relaxation,
) -> None:
    """Search crystals of a composition or of some elements: propose, relax, fold, rank, show.

    Candidates come from the models, from known crystals with their elements replaced, and from symmetric
    random structures. The folder gets ranked.csv, candidates.json, candidates.extxyz, shortlist/ and
    search.html. Relaxing needs `pip install chgnet`, random structures need `pip install pyxtal`.
    """
    started = time.monotonic()
    options = SearchOptions(
        question=question, spacegroup=spacegroup, out=out, budget=budget_seconds(budget), num=num,
        max_steps=max_steps, workers=workers, rank_by=rank_by, **sources.told(), **relaxation.told(),
    )  # fmt: skip
    options.check()
    from epitaxy.apps.discovery.run import run_search

    run_search(options, started=started)
