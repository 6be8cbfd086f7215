"""Manifolds, von Mises, lattices and ragged batches in plain torch."""

from epitaxy.geometry.batch import CrystalBatch
from epitaxy.geometry.bessel import bessel_ratio, inverse_bessel_ratio, log_i0
from epitaxy.geometry.rng import AnyRng, Rng, RngSource, SharedRng, as_rng
from epitaxy.geometry.row_rng import RowRng, StructureRng, structure_seed
from epitaxy.geometry.segments import Pairs, Segments
from epitaxy.geometry.torus import FlatTorus
from epitaxy.geometry.von_mises import VonMises, von_mises_entropy
from epitaxy.geometry.von_mises_noise import von_mises_noise

__all__ = [
    "AnyRng",
    "CrystalBatch",
    "FlatTorus",
    "Pairs",
    "Rng",
    "RngSource",
    "RowRng",
    "Segments",
    "SharedRng",
    "StructureRng",
    "VonMises",
    "as_rng",
    "bessel_ratio",
    "inverse_bessel_ratio",
    "log_i0",
    "structure_seed",
    "von_mises_entropy",
    "von_mises_noise",
]
