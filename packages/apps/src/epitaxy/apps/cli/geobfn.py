"""``geobfn train | sample | info``."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from epitaxy.apps.cli import options as opt
from epitaxy.apps.cli.groups import grouped
from epitaxy.apps.cli.option_groups import Elements, Given, Inpainting, Sampling, Targets
from epitaxy.apps.cli.shell import examples, new_app, run
from epitaxy.apps.cli.verbs import add_info, add_train
from epitaxy.apps.foundation.checks import check_asked, check_sampling

if TYPE_CHECKING:
    from epitaxy.apps.molecules.model import MoleculeModel
    from epitaxy.apps.requests.request import TargetedRequest

app = new_app("GeoBFN: molecules in three dimensions, in any number of steps.")
add_train(app, "geobfn", data="qm9")


@app.command(
    epilog=examples(
        "geobfn sample geobfn-qm9-small --num 20 --num-atoms 18 --out molecules",
        "geobfn sample geobfn-qm9-small --property homo=-0.22 --out asked",
    )
)
@grouped
def sample(
    elements: Elements,
    given: Given,
    inpainting: Inpainting,
    targets: Targets,
    sampling: Sampling,
    num: Annotated[int, typer.Option(min=1, help="Molecules (per number of atoms named).")] = 10,
    num_atoms: opt.NumAtoms = None,
) -> None:
    """Sample molecules into the folder --out: SDF with bonds, extxyz, and a page to look at."""
    check_sampling(
        "geobfn", model=sampling.model, out=sampling.out, sampler=sampling.sampler, device=sampling.device
    )
    asked = check_asked([], targets.property or [], **asdict(elements))
    from epitaxy.apps.cli.sampling import run_sampling
    from epitaxy.apps.molecules.generator import GeoBFN

    def requests(model: "MoleculeModel") -> "Sequence[TargetedRequest]":
        return GeoBFN(model).requests(
            num=num, seed=sampling.seed, num_atoms=num_atoms,
            properties=asked, guidance=targets.guidance,
            **asdict(elements), **asdict(given), **asdict(inpainting),
        )  # fmt: skip

    run_sampling("geobfn", sampling, requests)


add_info(app, "geobfn", data="qm9")


def main() -> None:
    """Entry point."""
    run(app)
