"""Fast equivariant networks for crystals and molecules. They know no probability: tensors in, tensors out."""

from epitaxy.models.cspnet import CSPNet, CSPNetOutput
from epitaxy.models.edge_block import EdgeBlock, PairFeatures
from epitaxy.models.edge_index import EdgeIndex
from epitaxy.models.embeddings import TimeEmbedding, fourier_features

__all__ = [
    "CSPNet",
    "CSPNetOutput",
    "EdgeBlock",
    "EdgeIndex",
    "PairFeatures",
    "TimeEmbedding",
    "fourier_features",
]
