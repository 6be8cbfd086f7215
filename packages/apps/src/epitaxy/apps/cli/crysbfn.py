"""``crysbfn train | sample | info``."""

from epitaxy.apps.cli.crystals import crystal_app
from epitaxy.apps.cli.shell import run

app = crystal_app(
    "crysbfn",
    "CrysBFN: a periodic Bayesian flow for crystals. Predicts structures for a composition (csp) or invents "
    "crystals (dng).",
)


def main() -> None:
    """Entry point."""
    run(app)
