"""The frozen table as arrays, read once from the package's file."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

TABLE_VERSION = 1
TABLE_CHECKSUM = "c083285f6ae31631a4c9d3c3dff45d5e89769da5e7ca542545096cef730a2139"
"""SHA-256 of the arrays, as `scripts/make_space_groups.py` computes and prints it."""

CELL = 24  # translations are integers in units of 1/24
UNIT = 144  # projectors are integers in units of 1/144
LETTERS = "abcdefghijklmnopqrstuvwxyzA"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrozenTable:
    """Integers of all groups one after the other; `..._first` says where each group or position begins."""

    symbols: tuple[str, ...]
    hall_number: Int[Tensor, " groups"]
    operator_first: Int[Tensor, " groups+1"]
    position_first: Int[Tensor, " groups+1"]
    rotation: Int[Tensor, "operators 3 3"]
    translation: Int[Tensor, "operators 3"]
    multiplicity: Int[Tensor, " positions"]
    freedom: Int[Tensor, " positions"]
    map: Int[Tensor, "positions 3 3"]
    offset: Int[Tensor, "positions 3"]
    projector: Int[Tensor, "positions 3 3"]
    projector_offset: Int[Tensor, "positions 3"]
    lift: Int[Tensor, "positions 3 3"]
    site_class: Int[Tensor, "positions 15"]
    member_first: Int[Tensor, " positions+1"]
    member_operator: Int[Tensor, " members"]
    member_distinct: Bool[Tensor, " members"]


def _firsts(counts: Tensor) -> Tensor:
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


@cache
def frozen_table() -> FrozenTable:
    """Read the table.

    Raises:
        ValueError: if the file is of another version than this code.

    """
    # Not from __file__: the package may lie in a zip archive.
    shipped = files("epitaxy.geometry.symmetry") / "space_groups.npz"
    with as_file(shipped) as path, np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    if (version := int(arrays.pop("version"))) != TABLE_VERSION:
        raise ValueError(
            f"space_groups.npz is of version {version}, not {TABLE_VERSION}: reinstall epitaxy-geometry"
        )
    symbols = tuple(symbol.decode() for symbol in arrays.pop("symbol").tolist())
    distinct = torch.from_numpy(arrays.pop("member_distinct"))
    tensors = {name: torch.from_numpy(array.astype(np.int64)) for name, array in arrays.items()}
    return FrozenTable(
        symbols=symbols,
        operator_first=_firsts(tensors.pop("operators")),
        position_first=_firsts(tensors.pop("positions")),
        member_first=_firsts(tensors["multiplicity"]),
        member_distinct=distinct,
        **tensors,
    )
