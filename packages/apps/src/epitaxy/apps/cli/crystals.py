"""``train | sample | info``: the verbs of every model of crystals."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from epitaxy.apps.cli import options as opt
from epitaxy.apps.cli.groups import grouped
from epitaxy.apps.cli.option_groups import Elements, Given, Inpainting, Known, Sampling, Targets
from epitaxy.apps.cli.shell import examples, new_app
from epitaxy.apps.cli.verbs import add_info, add_train
from epitaxy.apps.foundation.checks import check_asked, check_sampling
from epitaxy.apps.foundation.names import ModelName

if TYPE_CHECKING:
    from epitaxy.apps.crystals.model import CrystalModel
    from epitaxy.apps.crystals.requests import CrystalRequest


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
    @grouped
    def sample(
        elements: Elements,
        given: Given,
        inpainting: Inpainting,
        targets: Targets,
        known: Known,
        sampling: Sampling,
        num: opt.Num = 10,
        formula: opt.Formulas = None,
        formula_units: opt.FormulaUnits = None,
        num_atoms: opt.NumAtoms = None,
        composition_guidance: opt.CompositionGuidance = None,
        consensus: opt.Consensus = 1,
    ) -> None:
        """Sample structures into the folder --out, as CIF files and one extxyz."""
        check_sampling(
            kind, model=sampling.model, out=sampling.out, sampler=sampling.sampler, device=sampling.device,
            compositions=known.compositions,
        )  # fmt: skip
        asked = check_asked(formula or [], targets.property or [], **asdict(elements))
        from epitaxy.apps.cli.sampling import run_sampling
        from epitaxy.apps.crystals.generator import CrystalGenerator
        from epitaxy.apps.crystals.requests import for_dataset, with_composition_guidance

        words = {
            "formula": formula, "formula_units": formula_units, "num_atoms": num_atoms,
            "properties": asked, "guidance": targets.guidance,
            **asdict(elements), **asdict(given), **asdict(inpainting),
        }  # fmt: skip

        def requests(model: "CrystalModel") -> "Sequence[CrystalRequest]":
            if known.compositions is None:
                return CrystalGenerator(model).requests(
                    num=num, seed=sampling.seed, composition_guidance=composition_guidance, **words
                )
            asked_for = for_dataset(
                known.compositions, model.recipe, model.statistics, split=known.split, limit=known.limit,
                root=known.root, num=num, seed=sampling.seed, others=words,
            )  # fmt: skip
            return with_composition_guidance(asked_for, model.recipe, composition_guidance)

        run_sampling(kind, sampling, requests, consensus=consensus)

    add_info(app, kind, data="mp_20")
    return app
