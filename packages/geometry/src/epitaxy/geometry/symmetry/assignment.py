"""From predicted site symmetries and coordinates to Wyckoff positions."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.geometry.segments import Segments
from epitaxy.geometry.symmetry.projection import Projection, project_to_wyckoff
from epitaxy.geometry.symmetry.table import WyckoffTable, check_numbers

# A class that is ruled out counts so much, not infinity: two such classes are worse than one.
_IMPOSSIBLE = -1e4


class Assignment(NamedTuple):
    """Wyckoff positions of atoms, and the atoms moved on them.

    Attributes:
        position: 0 to 1730.
        projection: coordinates, distances moved and members, as of `project_to_wyckoff`.

    """

    position: Int[Tensor, " atoms"]
    projection: Projection


def assign_wyckoff(
    table: WyckoffTable,
    segments: Segments,
    number: Int[Tensor, " graphs"],
    coordinates: Float[Tensor, "atoms 3"],
    scores: Float[Tensor, "atoms 15 13"],
    metric: Float[Tensor, "graphs 3 3"],
    slack: float = 0.0,
    known: Int[Tensor, " atoms"] | None = None,
) -> Assignment:
    """Give each atom of an asymmetric unit the Wyckoff position that its predictions speak for.

    A position's score is the sum of its classes' scores over the 15 axes: with log-probabilities the best one
    is the most probable, with probabilities the one closest in Frobenius norm, the rule of SymmBFN (section
    3). 983 of the 1,731 positions have the classes of another of their group; of positions with the same
    score the one nearest to the coordinates is taken, in the metric of the cell.

    A position without freedom holds one orbit. Of the atoms of a crystal that want it the earliest has it,
    and the others their next best: the outcome is that of serving the atoms of a crystal in their order.

    Args:
        table: the positions.
        segments: which atoms belong to which crystal.
        number: space groups.
        coordinates: fractional.
        scores: log-probabilities, or probabilities, of the 13 classes of each axis. Below -1e4 all are alike.
        metric: metric tensors `gram(lattice)`, square angstrom, of the crystal family's form.
        slack: positions whose score falls short of the best by no more than this count as ties.
        known: positions of atoms that have theirs already, whatever their scores; -1 for the others, which
            leave them those without freedom.

    Raises:
        ValueError: if a number is outside 1 to 230, a score is NaN, two known atoms of a crystal are on one
            position without freedom, or a metric is not of the family's form, not finite, or that of a
            nearly flat cell.

    """
    check_numbers(number)
    if bool(scores.isnan().any()):
        raise ValueError("a score of a site-symmetry class is NaN")
    table = table.to(coordinates.device, coordinates.dtype)
    options = _Options.of(table, segments, number, scores)
    atoms = segments.num_atoms
    result = Assignment(
        position=segments.index.new_full((atoms,), -1),
        projection=Projection(
            coordinates=torch.zeros_like(coordinates),
            distance=coordinates.new_zeros(atoms),
            member=segments.index.new_zeros(atoms),
        ),
    )
    allowed = torch.ones_like(options.atom, dtype=torch.bool)
    if known is not None:
        allowed = _left_by(known, table, segments, options)
    waiting = torch.ones_like(segments.index, dtype=torch.bool)
    # Each round serves whoever came too late in the one before. Since every position prefers the earlier
    # atom, places held only until an earlier atom asks (Gale and Shapley) end where serving in order does.
    while bool(waiting.any()):
        tied = options.best(atoms, allowed & waiting[options.atom], slack)
        atom, position = options.atom[tied], options.position[tied]
        found = project_to_wyckoff(table, position, coordinates[atom], metric[segments.index[atom]])
        row = _nearest(atom, found.distance, atoms)
        result = _merge(result, waiting, position, found, row)
        late = _too_late(table, segments, result.position)
        allowed = allowed & ~(late[options.atom] & (options.position == result.position[options.atom]))
        waiting = late
    return result


class _Options(NamedTuple):
    """Every atom with every position of its group."""

    atom: Tensor
    position: Tensor
    score: Tensor

    @classmethod
    def of(cls, table: WyckoffTable, segments: Segments, number: Tensor, scores: Tensor) -> "_Options":
        group = segments.expand(number) - 1
        pairs = Segments.from_counts(table.position_first.diff()[group])
        position = pairs.expand(table.position_first[group]) + pairs.rank
        # Summed once for each distinct row of classes, so that what should be a tie is one to the bit.
        classes = torch.nn.functional.one_hot(table.site_rows, scores.shape[-1]).to(scores.dtype)
        by_row = scores.clamp(min=_IMPOSSIBLE).flatten(1) @ classes.flatten(1).T
        return cls(pairs.index, position, by_row[pairs.index, table.site_row[position]])

    def best(self, atoms: int, eligible: Tensor, slack: float) -> Tensor:
        """Return the indices of the eligible pairs whose score is an atom's best."""
        score = self.score.masked_fill(~eligible, -torch.inf)
        top = score.new_full((atoms,), -torch.inf).scatter_reduce(0, self.atom, score, "amax")
        return (eligible & (score >= top[self.atom] - slack)).nonzero()[:, 0]


def _left_by(known: Tensor, table: WyckoffTable, segments: Segments, options: "_Options") -> Tensor:
    """Mark the pairs that known positions allow: of a known atom its own, of others those not taken."""
    has = known >= 0
    points = has & (table.freedom[known.clamp(min=0)] == 0)
    taken = (segments.index * len(table.number) + known)[points]
    if len(torch.unique(taken)) < len(taken):
        raise ValueError("two known atoms of a crystal are on one position without freedom")
    pair = segments.index[options.atom] * len(table.number) + options.position
    own = options.position == known[options.atom]
    return torch.where(has[options.atom], own, ~torch.isin(pair, taken))


def _nearest(atom: Tensor, distance: Tensor, atoms: int) -> Tensor:
    """Return the first row of least distance of each atom, or the number of rows for an atom without any."""
    least = distance.new_full((atoms,), torch.inf).scatter_reduce(0, atom, distance, "amin")
    rows = torch.arange(atom.shape[0], device=atom.device)
    rows = rows.masked_fill(distance > least[atom], atom.shape[0])
    return rows.new_full((atoms,), atom.shape[0]).scatter_reduce(0, atom, rows, "amin")


def _merge(old: Assignment, waiting: Tensor, position: Tensor, found: Projection, row: Tensor) -> Assignment:
    at = row[waiting]
    chosen = old.position.masked_scatter(waiting, position[at])
    kept = old.projection
    return Assignment(
        position=chosen,
        projection=Projection(
            coordinates=kept.coordinates.masked_scatter(waiting[:, None], found.coordinates[at]),
            distance=kept.distance.masked_scatter(waiting, found.distance[at]),
            member=kept.member.masked_scatter(waiting, found.member[at]),
        ),
    )


def _too_late(table: WyckoffTable, segments: Segments, position: Tensor) -> Tensor:
    """Mark the atoms on a position without freedom that an earlier atom of their crystal is on."""
    atoms = position.shape[0]
    site, inverse = torch.unique(segments.index * len(table.number) + position, return_inverse=True)
    order = torch.arange(atoms, device=position.device)
    first = order.new_full((len(site),), atoms).scatter_reduce(0, inverse, order, "amin")
    return (table.freedom[position] == 0) & (first[inverse] < order)
