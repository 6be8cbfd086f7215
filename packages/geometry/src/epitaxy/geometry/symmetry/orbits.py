"""All atoms of the conventional cell from one atom of each orbit."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.geometry.segments import Segments
from epitaxy.geometry.symmetry.table import WyckoffTable, apply, check_numbers
from epitaxy.geometry.torus import FlatTorus


class Orbits(NamedTuple):
    """Images of atoms, side by side.

    Attributes:
        segments: which images belong to which atom. Where the atoms of a crystal follow each other, so do all
            images, and `Segments.from_counts(crystals.sum(orbits.segments.counts))` indexes them by crystal.
        coordinates: fractional, in [0, 1).

    """

    segments: Segments
    coordinates: Float[Tensor, "images 3"]


def expand_orbits(
    table: WyckoffTable,
    position: Int[Tensor, " atoms"],
    coordinates: Float[Tensor, "atoms 3"],
    member: Int[Tensor, " atoms"] | None = None,
) -> Orbits:
    """List the orbit of atoms on their Wyckoff positions: as many images as the multiplicity says.

    The images are those under one operator of each coset of the site symmetry, so nothing is compared and no
    tolerance is needed. SymmCD's code evaluates the position's expressions at the projected point instead,
    which is not the orbit of that point if it lies on another member than the first (19 % of random points).

    Args:
        table: the positions.
        position: each atom's Wyckoff position, 0 to 1730.
        coordinates: points of the positions, as `project_to_wyckoff` makes them. What is off a member is
            dropped silently.
        member: the member that each point is, as `project_to_wyckoff` says; the first if left out. Image
            `member` of each orbit is the point itself.

    """
    table = table.to(coordinates.device, coordinates.dtype)
    begin = table.member_first[position]
    own = table.member_operator[begin if member is None else begin + member]
    first = apply(table.parametrise[position], apply(table.inverse[own], coordinates))
    segments = Segments.from_counts(table.multiplicity[position])
    operator = table.member_operator[segments.expand(begin) + segments.rank]
    images = apply(table.operator[operator], segments.expand(first))
    return Orbits(segments, FlatTorus().project(images))


def expand_points(
    table: WyckoffTable,
    number: Int[Tensor, " atoms"],
    coordinates: Float[Tensor, "atoms 3"],
    metric: Float[Tensor, "atoms 3 3"],
    tolerance: float,
) -> Orbits:
    """List the orbit of any points: their images under all operators, less those close to an earlier one.

    For atoms whose Wyckoff position is known use `expand_orbits`, which is exact and much faster. The number
    of images divides the group's order unless the tolerance is near the distance between images.

    Args:
        table: the operators.
        number: space group of each point's crystal.
        coordinates: fractional.
        metric: metric tensor of each point's crystal, square angstrom.
        tolerance: two images closer than this are one, angstrom; it must be small against the cell.

    Raises:
        ValueError: if a number is outside 1 to 230.

    """
    check_numbers(number)
    table = table.to(coordinates.device, coordinates.dtype)
    torus = FlatTorus()
    every = Segments.from_counts(table.operator_first.diff()[number - 1])
    operator = every.expand(table.operator_first[number - 1]) + every.rank
    images = torus.project(apply(table.operator[operator], every.expand(coordinates)))
    i, j, atom = every.pairs()
    apart = torus.log(images[i], images[j])
    square = ((apart[:, None, :] @ metric[atom])[:, 0, :] * apart).sum(-1)
    seen = torch.zeros_like(every.index).scatter_reduce(0, j, (square < tolerance**2).long(), "amax") > 0
    counts = every.sum((~seen).to(torch.int64))
    return Orbits(Segments.from_counts(counts), images[~seen])
