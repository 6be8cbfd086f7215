"""``train | sample | info``: the verbs of every model of crystals."""

import typer

from epitaxy.apps.cli import options as opt
from epitaxy.apps.cli.shell import examples, new_app
from epitaxy.apps.cli.verbs import add_info, add_train
from epitaxy.apps.foundation.checks import check_sampling
from epitaxy.apps.foundation.names import ModelName


def crystal_app(kind: ModelName, help_text: str) -> typer.Typer:
    """Return the command line of one model."""
    app = new_app(help_text)

    add_train(app, kind)

    @app.command(
        epilog=examples(
            f"{kind} sample {kind}-perov-small --formula SrTiO3 --num 20 --out out",
            f"{kind} sample runs/mine --compositions perov_5 --split test --limit 500 --out samples",
        )
    )
    def sample(
        model: opt.Model,
        out: opt.OutFolder,
        num: opt.Num = 10,
        formula: opt.Formulas = None,
        formula_units: opt.FormulaUnits = None,
        num_atoms: opt.NumAtoms = None,
        elements: opt.Elements = None,
        chemical_system: opt.ChemicalSystem = None,
        without: opt.Without = None,
        like: opt.Like = None,
        strength: opt.Strength = None,
        fix: opt.Fix = None,
        free: opt.Free = None,
        free_what: opt.FreeWhat = None,
        compositions: opt.Compositions = None,
        split: opt.Split = "test",
        limit: opt.Limit = None,
        root: opt.Root = None,
        steps: opt.Steps = None,
        sampler: opt.Sampler = None,
        temperature: opt.Temperature = None,
        seed: opt.Seed = 0,
        batch_size: opt.BatchSize = None,
        redraws: opt.Redraws = None,
        device: opt.Device = "auto",
        compile_: opt.Compile = False,
    ) -> None:
        """Sample structures into the folder --out, as CIF files and one extxyz."""
        check_sampling(kind, model=model, out=out, sampler=sampler, device=device, compositions=compositions)
        from epitaxy.apps.cli.sampling import Sampling, run_sampling
        from epitaxy.apps.crystals.options import CrystalWords

        asked = CrystalWords(
            num=num, seed=seed, formulas=formula or [], formula_units=formula_units,
            compositions=compositions, split=split, limit=limit, root=root, sizes=num_atoms or [],
            elements=elements, chemical_system=chemical_system, without=without,
            like=like, strength=strength, fix=fix, free=free, free_what=free_what,
        )  # fmt: skip
        words = Sampling(
            model=model, out=out, steps=steps, sampler=sampler, temperature=temperature, seed=seed,
            batch_size=batch_size,
            device=device, redraws=redraws, compile=compile_,
        )  # fmt: skip
        run_sampling(kind, words, asked.requests)

    add_info(app, kind, data="mp_20")
    return app
