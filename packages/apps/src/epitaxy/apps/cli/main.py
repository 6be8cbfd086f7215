"""``epitaxy search | data | eval | relax | models | compare | plot | quickstart``: no one model's own."""

import time
from pathlib import Path
from typing import Annotated

import typer

from epitaxy.apps.cli import options as opt
from epitaxy.apps.cli.shell import examples, new_app, run
from epitaxy.apps.foundation.checks import check_known, check_samples, choose
from epitaxy.apps.foundation.names import PART_NAMES, PROTOCOL_NAMES, SAMPLERS, TABLE_NAMES

app = new_app(
    "epitaxy: generative models for crystals and molecules. "
    "The models' own commands: crysbfn, kldm, symmbfn, geobfn."
)
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


@eval_app.command(
    "csp",
    epilog=examples(
        "epitaxy eval csp samples mp_20 --protocol cdvae --json csp.json --html csp.html",
        "epitaxy eval csp steps-10 steps-50 mp_20 --html steps.html",
    ),
)
def eval_csp(
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
    workers: opt.AnyWorkers = None,
    timeout: opt.Timeout = None,
    cache: opt.Cache = None,
    no_cache: opt.NoCache = False,
    json: opt.Json = None,
    html: opt.Html = None,
    card: opt.Card = None,
) -> None:
    """Match predictions with the true structures of the same id: match rate and RMSE, @1 and @k."""
    check_samples(predictions)
    check_known(reference)
    choose("--protocol", protocol, PROTOCOL_NAMES)
    from epitaxy.apps.evaluation.csp import CSPWords, run_csp
    from epitaxy.apps.evaluation.settings import Labour, Outputs

    run_csp(
        CSPWords(
            predictions=predictions, reference=reference, protocol=protocol, split=split, root=root,
            all_references=all_references, metre=metre,
            labour=Labour(workers=workers, timeout=timeout, cache=cache, keep=not no_cache),
            outputs=Outputs(json=json, html=html, card=card),
        )
    )  # fmt: skip


@eval_app.command(
    "dng",
    epilog=examples(
        "epitaxy eval dng samples --reference mp_20 --train mp_20 --html dng.html",
        "epitaxy eval dng theirs.csv.gz",
    ),
)
def eval_dng(
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
    workers: opt.AnyWorkers = None,
    timeout: opt.Timeout = None,
    cache: opt.Cache = None,
    no_cache: opt.NoCache = False,
    json: opt.Json = None,
    html: opt.Html = None,
    card: opt.Card = None,
) -> None:
    """Score de novo samples: validity, coverage, distances, space groups, uniqueness, novelty."""
    check_samples(samples)
    check_known(reference, train)
    choose("--protocol-table", protocol_table, TABLE_NAMES)
    for part in (parts or "").split(","):
        if part.strip():
            choose("--parts", part.strip(), PART_NAMES)
    from epitaxy.apps.evaluation.dng import DNGWords, run_dng
    from epitaxy.apps.evaluation.settings import Labour, Outputs

    run_dng(
        DNGWords(
            samples=samples, reference=reference, train=train, split=split, root=root, table=protocol_table,
            cutoffs=cutoffs, parts=parts, limit=limit,
            labour=Labour(workers=workers, timeout=timeout, cache=cache, keep=not no_cache),
            outputs=Outputs(json=json, html=html, card=card),
        )
    )  # fmt: skip


@eval_app.command(
    "molecules", epilog=examples("epitaxy eval molecules samples --train qm9 --html molecules.html")
)
def eval_molecules(
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
    workers: opt.AnyWorkers = None,
    timeout: opt.Timeout = None,
    cache: opt.Cache = None,
    no_cache: opt.NoCache = False,
    json: opt.Json = None,
    html: opt.Html = None,
    card: opt.Card = None,
) -> None:
    """Score molecules: stability, validity, uniqueness, novelty."""
    check_samples(samples)
    check_known(train)
    from epitaxy.apps.evaluation.molecules import MoleculeWords, run_molecules
    from epitaxy.apps.evaluation.settings import Labour, Outputs

    run_molecules(
        MoleculeWords(
            samples=samples, train=train, split=split, root=root, table=table, limit=limit,
            labour=Labour(workers=workers, timeout=timeout, cache=cache, keep=not no_cache),
            outputs=Outputs(json=json, html=html, card=card),
        )
    )  # fmt: skip


@app.command(
    epilog=examples("epitaxy relax samples --out ranked.csv --hull mp_20 --train mp_20 --cifs shortlist")
)
def relax(
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
    workers: opt.AnyWorkers = None,
    timeout: opt.Timeout = None,
    cache: opt.Cache = None,
    no_cache: opt.NoCache = False,
    json: opt.Json = None,
    html: opt.Html = None,
    card: opt.Card = None,
) -> None:
    """Relax samples and rank what is distinct by energy above the hull, or within each composition."""
    check_samples([samples])
    check_known(hull, train)
    from epitaxy.apps.evaluation.relax import RelaxWords, run_relax
    from epitaxy.apps.evaluation.settings import Labour, Outputs

    run_relax(
        RelaxWords(
            samples=samples, out=out, cifs=cifs, formats=tuple(format_ or ["cif"]), window=window,
            potential=potential, hull=hull, train=train, split=split, root=root, fmax=fmax,
            max_steps=max_steps, pressure=pressure, keep_symmetry=keep_symmetry, limit=limit,
            labour=Labour(workers=workers, timeout=timeout, cache=cache, keep=not no_cache),
            outputs=Outputs(json=json, html=html, card=card),
        )
    )  # fmt: skip


@app.command(
    epilog=examples(
        "epitaxy search SrTiO3 --out out",
        "epitaxy search Li-Fe-O --out out --budget 01:00:00 --hull mp_20",
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
    from epitaxy.apps.discovery.words import SearchWords
    from epitaxy.apps.foundation.checks import budget_seconds

    words = SearchWords(
        question=question, out=out, budget=budget_seconds(budget), num=num,
        proposals=tuple(w.strip() for w in (proposals or "").split(",") if w.strip()),
        models=tuple(model or ()), reference=reference, leave_out_known=leave_out_known, hull=hull,
        potential=potential, formats=tuple(format_ or ["cif"]), window=window, fmax=fmax,
        max_steps=max_steps, pressure=pressure,
        max_atoms=max_atoms, seed=seed, steps=steps, workers=workers, device=device, root=root,
    )  # fmt: skip
    words.check()
    from epitaxy.apps.discovery.run import run_search

    run_search(words, started=started)


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
    check_known(dataset)
    choose("--protocol", protocol, PROTOCOL_NAMES)
    for name in sampler or ():
        choose("--sampler", name, ("recipe", *SAMPLERS))
    from epitaxy.apps.cli.compare import CompareWords, run_compare

    run_compare(
        CompareWords(
            model=model, dataset=dataset, samplers=sampler or ["recipe"], steps=steps or [10, 50, 100],
            protocol=protocol, split=split, limit=limit, root=root, seed=seed,
            workers=workers,
        )
    )  # fmt: skip


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
