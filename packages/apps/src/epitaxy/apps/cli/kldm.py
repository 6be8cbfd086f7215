"""``kldm train | sample | info``."""

from epitaxy.apps.cli.crystals import crystal_app
from epitaxy.apps.cli.shell import run

app = crystal_app(
    "kldm",
    "KLDM: kinetic Langevin diffusion for crystals. Predicts structures for a composition (csp) or invents "
    "crystals (dng).",
)


def main() -> None:
    """Entry point."""
    run(app)
