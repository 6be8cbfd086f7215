"""Crystals as space groups and occupied Wyckoff positions: cached datasets and their statistics.

`WyckoffDataset.load` is to asymmetric units what `CrystalDataset.load` is to crystals; its batches are
`epitaxy.geometry.WyckoffBatch`, whose `expand` gives the atoms of the conventional cells.
"""

from epitaxy.data.wyckoff._units import site_points
from epitaxy.data.wyckoff.dataset import WyckoffDataset
from epitaxy.data.wyckoff.preparation import SYMPREC, prepare_wyckoff
from epitaxy.data.wyckoff.single import AsymmetricUnit, asymmetric_unit
from epitaxy.data.wyckoff.statistics import WyckoffStatistics

__all__ = [
    "SYMPREC",
    "AsymmetricUnit",
    "WyckoffDataset",
    "WyckoffStatistics",
    "asymmetric_unit",
    "prepare_wyckoff",
    "site_points",
]
