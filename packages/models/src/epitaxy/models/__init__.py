"""Fast equivariant networks for crystals and molecules. They know no probability: tensors in, tensors out."""

from epitaxy.models.cspnet import CSPNet, CSPNetOutput
from epitaxy.models.edge_block import EdgeBlock
from epitaxy.models.edge_index import EdgeIndex
from epitaxy.models.embeddings import GaussianTimeEmbedding, TimeEmbedding, fourier_features
from epitaxy.models.pair_features import PairFeatures, fourier_pairs
from epitaxy.models.property_embedding import PropertyEmbedding
from epitaxy.models.space_group_embedding import SpaceGroupEmbedding, space_group_descriptor
from epitaxy.models.wyckoff_net import WyckoffNet, WyckoffNetOutput

__all__ = [
    "CSPNet",
    "CSPNetOutput",
    "EdgeBlock",
    "EdgeIndex",
    "GaussianTimeEmbedding",
    "PairFeatures",
    "PropertyEmbedding",
    "SpaceGroupEmbedding",
    "TimeEmbedding",
    "WyckoffNet",
    "WyckoffNetOutput",
    "fourier_features",
    "fourier_pairs",
    "space_group_descriptor",
]
