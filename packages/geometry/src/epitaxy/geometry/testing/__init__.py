"""What tests of geometry need: tolerances, laws to subclass, hypothesis strategies, rotations.

Import it from tests only: it needs the extra `testing`, `./packages/geometry[testing]`.
"""

from epitaxy.geometry.testing.laws import ManifoldLaws
from epitaxy.geometry.testing.orthogonal import TurnedRng, random_orthogonal
from epitaxy.geometry.testing.strategies import (
    counts,
    crystal_batches,
    fractional_coordinates,
    lattices,
)
from epitaxy.geometry.testing.tolerance import FAILURE_RATE, SIGMAS, Tolerance

__all__ = [
    "FAILURE_RATE",
    "SIGMAS",
    "ManifoldLaws",
    "Tolerance",
    "TurnedRng",
    "counts",
    "crystal_batches",
    "fractional_coordinates",
    "lattices",
    "random_orthogonal",
]
