"""``symmbfn train | sample | info``."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from epitaxy.apps.cli import options as opt
from epitaxy.apps.cli.groups import grouped
from epitaxy.apps.cli.option_groups import Elements, Given, Inpainting, Known, Sampling, Targets
from epitaxy.apps.cli.shell import examples, new_app, run
from epitaxy.apps.cli.verbs import add_info, add_train
from epitaxy.apps.foundation.checks import check_asked, check_sampling

if TYPE_CHECKING:
    from epitaxy.apps.asymmetric_units.model import WyckoffModel
    from epitaxy.apps.asymmetric_units.requests import WyckoffRequest

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
@grouped
def sample(
    elements: Elements,
    given: Given,
    inpainting: Inpainting,
    targets: Targets,
    known: Known,
    sampling: Sampling,
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
    consensus: opt.Consensus = 1,
) -> None:
    """Sample crystals into the folder --out, as CIF files and one extxyz."""
    check_sampling(
        "symmbfn", model=sampling.model, out=sampling.out, sampler=sampling.sampler, device=sampling.device,
        spacegroups=spacegroup or [], systems=crystal_system or [], compositions=known.compositions,
    )  # fmt: skip
    asked = check_asked(formula or [], targets.property or [], **asdict(elements))
    from epitaxy.apps.asymmetric_units.generator import SymmBFN
    from epitaxy.apps.asymmetric_units.requests import for_dataset
    from epitaxy.apps.cli.sampling import run_sampling

    words = {
        "formula": formula, "formula_units": formula_units, "guidance": targets.guidance,
        "properties": asked, **asdict(elements), **asdict(given),
        **asdict(inpainting),
    }  # fmt: skip

    def requests(model: "WyckoffModel") -> "Sequence[WyckoffRequest]":
        if known.compositions is None:
            return SymmBFN(model).requests(
                num=num, seed=sampling.seed, spacegroup=spacegroup, crystal_system=crystal_system, **words
            )
        return for_dataset(
            known.compositions, model.statistics, groups=spacegroup or [], systems=crystal_system or [],
            split=known.split, limit=known.limit, root=known.root, num=num, seed=sampling.seed, others=words,
        )  # fmt: skip

    run_sampling("symmbfn", sampling, requests, consensus=consensus)


add_info(app, "symmbfn", data="mp_20")


def main() -> None:
    """Entry point."""
    run(app)
