"""The options that several commands share, each described once."""

from pathlib import Path
from typing import Annotated

import typer

from epitaxy.apps.foundation.checks import check_file, check_split_word, check_temperature, check_timeout

RunFolder = Annotated[Path, typer.Option("--out", help="The run's folder.")]
OutFolder = Annotated[Path, typer.Option("--out", help="A new or empty folder for the samples.")]
Model = Annotated[str, typer.Argument(metavar="RUN|MODEL", help="A run, a model folder or a shipped model.")]
Data = Annotated[str | None, typer.Option("--data", help="A dataset's name, or a file or folder.")]
Preset = Annotated[
    str | None,
    typer.Option(help="paper, small or quickstart. (default: small, or the recipe of the model --from)"),
]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="RUN|MODEL", help="Begin with the weights of this model, and its recipe."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one value of the recipe; may be repeated."),
]
Root = Annotated[Path | None, typer.Option(help="Where datasets lie (else EPITAXY_DATA, else the cache).")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")]
MaxTime = Annotated[str | None, typer.Option(metavar="HH:MM:SS", help="Stop, resumably, after this long.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Compile = Annotated[bool, typer.Option("--compile", help="torch.compile the network: slow to start.")]
Devices = Annotated[int, typer.Option(min=1, help="Processes on this machine, one a device.")]
Nodes = Annotated[int, typer.Option(min=1, help="Machines, started by torchrun or a scheduler.")]
Precision = Annotated[str, typer.Option(help="Lightning's word: 32-true, bf16-mixed, 64-true.")]
Num = Annotated[int, typer.Option(min=1, help="Structures (per formula or composition).")]
Formulas = Annotated[list[str] | None, typer.Option(help="Such as SrTiO3; may be repeated.")]
FormulaUnits = Annotated[
    int | None, typer.Option(min=1, help="Formula units a cell. (default: all that fit the training cells)")
]
Properties = Annotated[
    list[str] | None,
    typer.Option(
        "--property", metavar="NAME=VALUE", help="A target, for a model trained with it; may be repeated."
    ),
]
Guidance = Annotated[
    float, typer.Option(min=0.0, help="How far to go beyond what the targets ask; 0: not at all.")
]
CompositionGuidance = Annotated[
    float | None,
    typer.Option(
        min=0.0, help="How far what the composition changes is exaggerated. By default the recipe's."
    ),
]
NumAtoms = Annotated[
    list[int] | None,
    typer.Option(help="Atoms; may be repeated. By default as in the training data."),
]
Elements = Annotated[str | None, typer.Option(metavar="Li,Fe,O", help="No other elements than these.")]
ChemicalSystem = Annotated[
    str | None, typer.Option(metavar="Li-Fe-O", help="Exactly these elements: all of them, and no others.")
]
Without = Annotated[str | None, typer.Option(metavar="Pb,Hg", help="None of these elements.")]
Temperature = Annotated[
    float | None,
    typer.Option(
        help="Below 1: finer, less various samples; 1 is the learned law. By default the recipe's.",
        callback=check_temperature,
    ),
]
Like = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Begin from the structure in this file, not from noise.",
        callback=lambda path: check_file("--like", path),
    ),
]
Strength = Annotated[
    float | None,
    typer.Option(help="How far to go from --like: 0 returns it, 1 leaves nothing of it; by default 0.3."),
]
Fix = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Keep this file's structure but for --free.",
        callback=lambda path: check_file("--fix", path),
    ),
]
Free = Annotated[
    str | None,
    typer.Option(
        metavar="3,4", help="Sites of --fix to generate anew, counted from 1; SymmBFN: their whole orbits."
    ),
]
FreeWhat = Annotated[
    str | None,
    typer.Option(help="positions, elements or both: what of --free is generated; by default both."),
]
Compositions = Annotated[
    str | None, typer.Option(help="A dataset or file: predict a structure for each of its compositions.")
]
Split = Annotated[
    str, typer.Option(help="Which split of a dataset: train, val or test.", callback=check_split_word)
]
Limit = Annotated[int | None, typer.Option(min=1, help="Only this many records, drawn with a fixed seed.")]
Steps = Annotated[
    int | None,
    typer.Option(
        min=1, help="Network evaluations a structure; any number. (default: the recipe's, 50 to 500)"
    ),
]
Sampler = Annotated[
    str | None,
    typer.Option(
        help="bayes or end_back of Bayesian flows; ancestral, exponential, predictor_corrector, "
        "probability_flow, published_pc or euler_maruyama of diffusions. (default: the recipe's)"
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same structures.")]
BatchSize = Annotated[
    int | None, typer.Option(min=1, help="Structures computed at once. (default: the recipe's)")
]
Redraws = Annotated[
    int | None,
    typer.Option(
        min=0, help="How often a sample with atoms too close, or no cell, is drawn anew. (default: 2)"
    ),
]
Consensus = Annotated[
    int,
    typer.Option(
        min=1, help="Draw so many for each structure asked for and give the one that most others resemble."
    ),
]
Potential = Annotated[
    str, typer.Option(help="chgnet, sevennet, sevennet-l3i5, ase:NAME, package.module:Name[,KEY=VALUE...].")
]
Hull = Annotated[
    str | None,
    typer.Option(help="NAME or PATH of known crystals, or JSON of pymatgen entries; by default no hull."),
]
Formats = Annotated[
    list[str] | None, typer.Option("--format", help="Of the shortlist: cif, poscar; may be repeated.")
]
Window = Annotated[
    float,
    typer.Option(help="eV/atom above the hull, or without one the composition's best, to be listed."),
]
LargestForce = Annotated[float, typer.Option(help="Largest force, eV/angstrom, at which it has converged.")]
Pressure = Annotated[float, typer.Option(help="GPa; candidates are then ranked by enthalpy.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the result to this file.")]
Html = Annotated[Path | None, typer.Option("--html", help="Write a self-contained page to this file.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes. (default: all cores)")]
AnyWorkers = Annotated[
    str | None,
    typer.Option(
        "--workers",
        metavar="N|tcp://HOST:PORT",
        help="Processes, 0 for this one; or a Dask scheduler's address. (default: all cores)",
    ),
]


Timeout = Annotated[
    float | None,
    typer.Option(
        help="Processor seconds one structure may take before it has failed. (default: each stage's own)",
        callback=check_timeout,
    ),
]
Cache = Annotated[
    Path | None, typer.Option(help="Where finished work is kept. (default: the user's cache folder)")
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Keep nothing.")]
Card = Annotated[Path | None, typer.Option(help="Add a line with the figures to this model card.")]
