"""``geobfn train | sample | info``."""

from typing import Annotated

import typer

from epitaxy.apps.cli import options as opt
from epitaxy.apps.cli.shell import examples, new_app, run
from epitaxy.apps.cli.verbs import add_info, add_train
from epitaxy.apps.foundation.checks import check_sampling

app = new_app("GeoBFN: molecules in three dimensions, in any number of steps.")
add_train(app, "geobfn")


@app.command(
    epilog=examples(
        "geobfn sample geobfn-qm9-small --num 20 --num-atoms 18 --out molecules",
        "geobfn sample geobfn-qm9-small --property homo=-0.22 --out asked",
    )
)
def sample(
    model: opt.Model,
    out: opt.OutFolder,
    num: Annotated[int, typer.Option(min=1, help="Molecules (per number of atoms named).")] = 10,
    num_atoms: opt.NumAtoms = None,
    elements: opt.Elements = None,
    chemical_system: opt.ChemicalSystem = None,
    without: opt.Without = None,
    like: opt.Like = None,
    strength: opt.Strength = None,
    fix: opt.Fix = None,
    free: opt.Free = None,
    free_what: opt.FreeWhat = None,
    property_: opt.Properties = None,
    guidance: opt.Guidance = 0.0,
    steps: opt.Steps = None,
    sampler: opt.Sampler = None,
    temperature: opt.Temperature = None,
    seed: opt.Seed = 0,
    batch_size: opt.BatchSize = None,
    redraws: opt.Redraws = None,
    device: opt.Device = "auto",
    compile_: opt.Compile = False,
) -> None:
    """Sample molecules into the folder --out: SDF with bonds, extxyz, and a page to look at."""
    check_sampling("geobfn", model=model, out=out, sampler=sampler, device=device)
    from epitaxy.apps.cli.sampling import Sampling, run_sampling
    from epitaxy.apps.molecules.options import MoleculeWords

    asked = MoleculeWords(
        num=num, seed=seed, sizes=num_atoms or [], properties=property_ or [], guidance=guidance,
        elements=elements, chemical_system=chemical_system, without=without,
        like=like, strength=strength, fix=fix, free=free, free_what=free_what,
    )  # fmt: skip
    words = Sampling(
        model=model,
        out=out,
        steps=steps,
        sampler=sampler,
        temperature=temperature,
        seed=seed,
        batch_size=batch_size,
        device=device,
        redraws=redraws,
        compile=compile_,
    )
    run_sampling("geobfn", words, asked.requests)


add_info(app, "geobfn", data="qm9")


def main() -> None:
    """Entry point."""
    run(app)
