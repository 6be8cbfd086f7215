"""``symmbfn train | sample | info``."""

from typing import Annotated

import typer

from epitaxy.apps.cli import options as opt
from epitaxy.apps.cli.shell import examples, new_app, run
from epitaxy.apps.cli.verbs import add_info, add_train
from epitaxy.apps.foundation.checks import check_sampling

app = new_app(
    "SymmBFN: crystals that have the space group they were asked for, by construction. Invents crystals "
    "(dng) or predicts structures for a composition (csp)."
)
add_train(app, "symmbfn")


@app.command(
    epilog=examples(
        "symmbfn sample symmbfn-mp20-small --spacegroup Fm-3m --spacegroup 62 --num 20 --out cubic",
        "symmbfn sample symmbfn-mp20-small --formula SrTiO3 --spacegroup 221 --out titanates",
    )
)
def sample(
    model: opt.Model,
    out: opt.OutFolder,
    num: Annotated[int, typer.Option(min=1, help="Structures (per space group and formula named).")] = 10,
    spacegroup: Annotated[
        list[str] | None,
        typer.Option(
            help="1 to 230, or a symbol: Fm-3m; may be repeated. By default as in the training data."
        ),
    ] = None,
    crystal_system: Annotated[
        list[str] | None, typer.Option(help="Space groups of this system alone; may be repeated.")
    ] = None,
    formula: opt.Formulas = None,
    formula_units: Annotated[
        int | None, typer.Option(min=1, help="Formula units in the conventional cell.")
    ] = None,
    compositions: opt.Compositions = None,
    split: opt.Split = "test",
    limit: opt.Limit = None,
    root: opt.Root = None,
    elements: opt.Elements = None,
    chemical_system: opt.ChemicalSystem = None,
    without: opt.Without = None,
    like: opt.Like = None,
    strength: opt.Strength = None,
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
    """Sample crystals into the folder --out, as CIF files and one extxyz."""
    check_sampling(
        "symmbfn", model=model, out=out, sampler=sampler, device=device, spacegroups=spacegroup or [],
        systems=crystal_system or [],
    )  # fmt: skip
    from epitaxy.apps.asymmetric_units.options import WyckoffWords
    from epitaxy.apps.cli.sampling import Sampling, run_sampling

    asked = WyckoffWords(
        num=num, seed=seed, groups=spacegroup or [], systems=crystal_system or [], formulas=formula or [],
        formula_units=formula_units, properties=property_ or [], guidance=guidance,
        compositions=compositions, split=split, limit=limit, root=root,
        elements=elements, chemical_system=chemical_system, without=without,
        like=like, strength=strength,
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
    run_sampling("symmbfn", words, asked.requests)


add_info(app, "symmbfn", data="mp_20")


def main() -> None:
    """Entry point."""
    run(app)
