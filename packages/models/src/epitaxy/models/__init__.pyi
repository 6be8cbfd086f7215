from epitaxy.models._parts import Addition
from epitaxy.models.composition_embedding import CompositionEmbedding
from epitaxy.models.crystal_net import CrystalNet, CrystalNetOutput
from epitaxy.models.cspnet import CSPNet
from epitaxy.models.edge_block import EdgeBlock
from epitaxy.models.edge_index import EdgeIndex
from epitaxy.models.egnn import EGNN, EGNNOutput
from epitaxy.models.embeddings import (
    UNKNOWN,
    GaussianTimeEmbedding,
    SpeciesEmbedding,
    TimeEmbedding,
    fourier_features,
)
from epitaxy.models.gaussian_basis import GaussianBasis
from epitaxy.models.molecule_net import MoleculeNet, MoleculeNetOutput
from epitaxy.models.molecule_transformer import MoleculeTransformer
from epitaxy.models.multiplicity_embedding import MultiplicityEmbedding
from epitaxy.models.orbit_net import OrbitNet, WyckoffNetOutput
from epitaxy.models.pair_features import PairFeatures, fourier_pairs
from epitaxy.models.property_embedding import PropertyEmbedding
from epitaxy.models.rotary_net import RotaryNet
from epitaxy.models.rotary_wyckoff_net import RotaryWyckoffNet
from epitaxy.models.space_group_embedding import SpaceGroupEmbedding, space_group_descriptor
from epitaxy.models.wyckoff_net import WyckoffNet

__all__ = [
    "EGNN",
    "UNKNOWN",
    "Addition",
    "CSPNet",
    "CompositionEmbedding",
    "CrystalNet",
    "CrystalNetOutput",
    "EGNNOutput",
    "EdgeBlock",
    "EdgeIndex",
    "GaussianBasis",
    "GaussianTimeEmbedding",
    "MoleculeNet",
    "MoleculeNetOutput",
    "MoleculeTransformer",
    "MultiplicityEmbedding",
    "OrbitNet",
    "PairFeatures",
    "PropertyEmbedding",
    "RotaryNet",
    "RotaryWyckoffNet",
    "SpaceGroupEmbedding",
    "SpeciesEmbedding",
    "TimeEmbedding",
    "WyckoffNet",
    "WyckoffNetOutput",
    "fourier_features",
    "fourier_pairs",
    "space_group_descriptor",
]
