from epitaxy.data._cells import Cell
from epitaxy.data.batching import ShuffledBatches
from epitaxy.data.cell_lengths import CellLengths, LengthStatistics
from epitaxy.data.convert import to_structures
from epitaxy.data.dataset import CrystalDataset
from epitaxy.data.errors import DataError
from epitaxy.data.fetching import fetch
from epitaxy.data.locations import Location, cache_root, dataset_roots, locate, split_paths
from epitaxy.data.preparation import Prepared, prepare
from epitaxy.data.progress import Progress
from epitaxy.data.readers import MAX_ATOMS, Record, Reject, read_structures
from epitaxy.data.registry import DATASETS, SPLITS, DatasetInfo, Split, dataset_info
from epitaxy.data.statistics import PropertyStatistics, Statistics
from epitaxy.data.vocabulary import Vocabulary
from epitaxy.data.writers import write_cifs, write_extxyz

__all__ = [
    "DATASETS",
    "MAX_ATOMS",
    "SPLITS",
    "Cell",
    "CellLengths",
    "CrystalDataset",
    "DataError",
    "DatasetInfo",
    "LengthStatistics",
    "Location",
    "Prepared",
    "Progress",
    "PropertyStatistics",
    "Record",
    "Reject",
    "ShuffledBatches",
    "Split",
    "Statistics",
    "Vocabulary",
    "cache_root",
    "dataset_info",
    "dataset_roots",
    "fetch",
    "locate",
    "prepare",
    "read_structures",
    "split_paths",
    "to_structures",
    "write_cifs",
    "write_extxyz",
]
