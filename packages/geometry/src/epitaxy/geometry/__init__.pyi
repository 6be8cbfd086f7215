from epitaxy.geometry.batch import CrystalBatch
from epitaxy.geometry.bessel import bessel_ratio, log_i0
from epitaxy.geometry.columns import Column, per_atom, per_graph
from epitaxy.geometry.devices import constant, filled, number_of, require
from epitaxy.geometry.euclidean import Centered, Euclidean
from epitaxy.geometry.inverse_bessel import inverse_bessel_ratio
from epitaxy.geometry.karcher import karcher_mean
from epitaxy.geometry.lattice import (
    gram,
    is_right_handed,
    lattice_matrix,
    lattice_parameters,
    reciprocal,
    volume,
)
from epitaxy.geometry.log_lattice import lattice_from_log, lattice_to_log
from epitaxy.geometry.manifold import Manifold
from epitaxy.geometry.molecule_batch import MoleculeBatch
from epitaxy.geometry.ragged_batch import RaggedBatch
from epitaxy.geometry.rng import AnyRng, Rng, RngSource, SharedRng, as_rng
from epitaxy.geometry.row_rng import RowRng, StructureRng, structure_seed
from epitaxy.geometry.segments import Pairs, Segments
from epitaxy.geometry.simplex import Simplex
from epitaxy.geometry.symmetry.batch import WyckoffBatch
from epitaxy.geometry.torus import FlatTorus
from epitaxy.geometry.von_mises import VonMises, von_mises_entropy
from epitaxy.geometry.von_mises_draws import von_mises_noise
from epitaxy.geometry.wrapped_normal import (
    WrappedNormal,
    wrapped_normal_information,
    wrapped_normal_score,
)

__all__ = [
    "AnyRng",
    "Centered",
    "Column",
    "CrystalBatch",
    "Euclidean",
    "FlatTorus",
    "Manifold",
    "MoleculeBatch",
    "Pairs",
    "RaggedBatch",
    "Rng",
    "RngSource",
    "RowRng",
    "Segments",
    "SharedRng",
    "Simplex",
    "StructureRng",
    "VonMises",
    "WrappedNormal",
    "WyckoffBatch",
    "as_rng",
    "bessel_ratio",
    "constant",
    "filled",
    "gram",
    "inverse_bessel_ratio",
    "is_right_handed",
    "karcher_mean",
    "lattice_from_log",
    "lattice_matrix",
    "lattice_parameters",
    "lattice_to_log",
    "log_i0",
    "number_of",
    "per_atom",
    "per_graph",
    "reciprocal",
    "require",
    "structure_seed",
    "volume",
    "von_mises_entropy",
    "von_mises_noise",
    "wrapped_normal_information",
    "wrapped_normal_score",
]
