"""From conventional cells to asymmetric units whose atoms lie exactly on Wyckoff positions."""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.data.errors import UnusableRecordError
from epitaxy.data.wyckoff._standard import Standard
from epitaxy.geometry import Segments, gram
from epitaxy.geometry.symmetry import (
    constrain_k,
    expand_orbits,
    lattice_from_k,
    lattice_to_k,
    project_to_wyckoff,
    wyckoff_table,
)

TIE = 1e-6
"""Square fractional distances, and fractional coordinates, that differ by no more count as equal."""


class Unit(NamedTuple):
    """One crystal as its orbits, sorted by site, element and position; see `WyckoffDataset`.

    `order` has the place that each orbit had in the standard cell.
    """

    space_group: int
    lattice: Float[np.ndarray, "3 3"]
    sites: Int[np.ndarray, " orbits"]
    positions: Float[np.ndarray, "orbits 3"]
    numbers: Int[np.ndarray, " orbits"]
    order: Int[np.ndarray, " orbits"]


def units(cells: list[Standard], symprec: float) -> list[Unit | UnusableRecordError]:
    """Place the orbits of these cells on their Wyckoff positions, all at once.

    A cell that cannot be placed comes as the error that says why.
    """
    if not cells:
        return []
    table = wyckoff_table()
    segments = Segments.from_counts([len(cell.letters) for cell in cells])
    groups = torch.tensor([cell.number for cell in cells])
    lattice = torch.from_numpy(np.stack([cell.lattice for cell in cells]))
    lattice = lattice_from_k(constrain_k(lattice_to_k(lattice), groups))
    sites = torch.tensor([table.index(cell.number, letter) for cell in cells for letter in cell.letters])
    given = torch.from_numpy(np.concatenate([cell.positions for cell in cells]))
    placed = project_to_wyckoff(table, sites, given, segments.expand(gram(lattice)))
    orbits = expand_orbits(table, sites, placed.coordinates, placed.member)
    chosen = orbits.coordinates[representatives(orbits.segments, orbits.coordinates)]
    found = np.concatenate([cell.multiplicities for cell in cells])
    whole = (torch.from_numpy(found) == table.multiplicity[sites]) & (placed.distance < symprec)
    result: list[Unit | UnusableRecordError] = []
    ends = segments.offsets.tolist()
    for i, cell in enumerate(cells):
        rows = slice(ends[i], ends[i + 1])
        unit = _sorted(cell, lattice[i].numpy(), sites[rows].numpy(), chosen[rows].numpy())
        reason = _defect(unit, bool(whole[rows].all()), table.freedom)
        result.append(unit if reason is None else UnusableRecordError(reason))
    return result


def representatives(segments: Segments, points: Float[Tensor, "images 3"]) -> Int[Tensor, " orbits"]:
    """Choose the point of each orbit that stands for it: the one nearest to the middle of the cell.

    Distances are those of fractional coordinates from (1/2, 1/2, 1/2). Of points equally near, which the
    symmetry of the cell's middle makes common, the one with the smallest x is taken, then y, then z.
    """
    near = torch.ones(len(points), dtype=torch.bool)
    for score in ((points - 0.5).square().sum(-1), *points.unbind(-1)):
        open_score = score.masked_fill(~near, torch.inf)
        least = score.new_full((segments.num_graphs,), torch.inf)
        least = least.scatter_reduce(0, segments.index, open_score, "amin")
        near = near & (open_score <= segments.expand(least) + TIE)
    rows = torch.arange(len(points)).masked_fill(~near, len(points))
    return rows.new_full((segments.num_graphs,), len(points)).scatter_reduce(0, segments.index, rows, "amin")


@cache
def site_points(device: torch.device | None = None) -> Float[Tensor, "positions 3"]:
    """Return, for each of the 1,731 Wyckoff positions, the point that stands for an orbit with parameters 0.

    Of a position without freedom that is every orbit's, in float64, on the CPU or on a device, where they are
    sent once.
    """
    if device is not None and device.type != "cpu":
        with torch.inference_mode(False):  # they may be used in training later
            return site_points().to(device)
    table = wyckoff_table().to(dtype=torch.float64)
    sites = torch.arange(len(table.number))
    orbits = expand_orbits(table, sites, table.parametrise[..., 3], torch.zeros_like(sites))
    return orbits.coordinates[representatives(orbits.segments, orbits.coordinates)]


def _sorted(cell: Standard, lattice: np.ndarray, sites: np.ndarray, positions: np.ndarray) -> Unit:
    # Rounded, so that noise in one coordinate does not decide before the next one is looked at.
    x, y, z = np.round(positions / TIE).T
    order = np.lexsort((z, y, x, cell.numbers, sites))
    return Unit(cell.number, lattice, sites[order], positions[order], cell.numbers[order], order)


def _defect(unit: Unit, whole: bool, freedom: Tensor) -> str | None:
    """Say why an asymmetric unit does not stand for the crystal, if it does not."""
    if not whole:
        return (
            f"its atoms cannot be placed on Wyckoff positions of space group {unit.space_group}; use a "
            f"smaller symprec"
        )
    points = unit.sites[freedom.numpy()[unit.sites] == 0]
    if len(np.unique(points)) < len(points):
        return (
            f"two of its atoms fall on one spot where the symmetry of space group {unit.space_group} is made "
            f"exact; use a smaller symprec"
        )
    return None
