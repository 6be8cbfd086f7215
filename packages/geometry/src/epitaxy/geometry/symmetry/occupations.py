"""Which Wyckoff positions a composition can occupy: exact counts, and uniform draws."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import SupportsIndex, TypeVar

import torch

from epitaxy.geometry.symmetry.symbols import space_group_number
from epitaxy.geometry.symmetry.table import wyckoff_table

MAX_ATOMS = 1000
"""Atoms of a conventional cell beyond which counting is refused: it would take seconds."""

_Block = TypeVar("_Block")
_Ways = list[list[int]]  # by atoms, then by orbits


def count_occupations(
    number: SupportsIndex | str, counts: Mapping[int, int], *, max_orbits: int | None = None
) -> int:
    """Count the ways to put a composition on the Wyckoff positions of a space group, exactly.

    A way is a multiset of pairs of an element and a position, one an orbit, that has `counts[Z]` atoms of
    each element Z. A position without free parameters is a single orbit, so it occurs once at most, whatever
    the element; one with free parameters occurs any number of times. Every orbit has one element.

    The crystals of a way have the group's symmetry, and perhaps more: at their free parameters, or where
    positions of one element are together another group's, the symmetry can be higher.

    Args:
        number: space group, 1 to 230, or its symbol.
        counts: atoms of each element in the conventional cell, at least one each.
        max_orbits: the most orbits of all elements together; None: any number.

    Raises:
        ValueError: for a number of no group, no elements, an element without atoms, more than `MAX_ATOMS`
            atoms in all, or `max_orbits` below 1.

    """
    return _occupations(number, counts, max_orbits).total


def occupation_possible(
    number: SupportsIndex | str, counts: Mapping[int, int], *, max_orbits: int | None = None
) -> bool:
    """Say whether a composition can be put on the Wyckoff positions of a group, see `count_occupations`.

    Raises:
        ValueError: as `count_occupations`.

    """
    return count_occupations(number, counts, max_orbits=max_orbits) > 0


def draw_occupation(
    number: SupportsIndex | str,
    counts: Mapping[int, int],
    *,
    rng: torch.Generator,
    max_orbits: int | None = None,
) -> list[tuple[int, int]]:
    """Draw one of the ways that `count_occupations` counts, all equally likely.

    Ways are multisets, so an order of the orbits does not count. Uniform draws favour what there is most of:
    many small orbits on positions of low multiplicity, where the group has them.

    Args:
        number: space group, 1 to 230, or its symbol.
        counts: atoms of each element in the conventional cell, at least one each.
        rng: source of the draw; one way takes one integer from it.
        max_orbits: the most orbits of all elements together; None: any number.

    Returns:
        Atomic number and position (0 to 1730, as in `wyckoff_table`) of each orbit, in rising order.

    Raises:
        ValueError: as `count_occupations`, or if there is no way.

    """
    occupations = _occupations(number, counts, max_orbits)
    if not occupations.total:
        limit = "" if max_orbits is None else f" in at most {max_orbits} orbits"
        cell = ", ".join(f"{count} of element {z}" for z, count in sorted(counts.items()))
        raise ValueError(
            f"space group {number} has no Wyckoff positions for a conventional cell of {cell}{limit}: change "
            "the group or the number of formula units"
        )
    return occupations.way(_integer_below(occupations.total, rng))


@dataclass(frozen=True, slots=True)
class _Kind:
    """Positions of one multiplicity, all without or all with free parameters."""

    multiplicity: int
    sites: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an element is: fixed positions taken of each kind, atoms and orbits elsewhere, orbits left."""

    taken: tuple[int, ...]
    atoms: int
    orbits: int
    budget: int


class _Occupations:
    """The ways, numbered from 0.

    Positions of one kind are alike for counting, so the elements share no more than how many fixed positions
    of each multiplicity are left: 27 states at most. The ways are counted from the last element to the first
    for every state and number of orbits that may be left, and the number of a way is taken apart in the same
    order.
    """

    def __init__(self, number: int, counts: tuple[tuple[int, int], ...], max_orbits: int | None) -> None:
        self.counts = counts
        self.fixed, self.free = _kinds(number)
        least = min(kind.multiplicity for kind in (*self.fixed, *self.free))
        most = sum(count // least for _, count in counts)
        # Where the limit cannot bind, orbits need not be counted: each is worth nothing.
        self.worth = 0 if max_orbits is None or max_orbits >= most else 1
        self.budget = max_orbits if max_orbits is not None and self.worth else 0
        self.free_ways = self._count_free(max(count for _, count in counts))
        self.full = tuple(len(kind.sites) for kind in self.fixed)
        self.later = self._count_elements()
        self.total = self.later[0][self.full][self.budget]

    def way(self, rank: int) -> list[tuple[int, int]]:
        """Return the way of this number, 0 to `total` - 1."""
        left, budget = [kind.sites for kind in self.fixed], self.budget
        orbits: list[tuple[int, int]] = []
        for i, (element, _) in enumerate(self.counts):
            state = tuple(len(sites) for sites in left)
            rank, place = _locate(rank, self._places(i, state, budget))
            sites: list[int] = []
            for j, size in enumerate(place.taken):
                rank, part = divmod(rank, math.comb(len(left[j]), size))
                chosen = [left[j][k] for k in _subset(part, len(left[j]), size)]
                left[j] = tuple(site for site in left[j] if site not in chosen)
                sites += chosen
            rank, part = divmod(rank, self.free_ways[0][place.atoms][place.orbits])
            sites += self._free_sites(part, place.atoms, place.orbits)
            orbits += [(element, site) for site in sites]
            budget = place.budget
        return sorted(orbits)

    def _count_free(self, most: int) -> list[_Ways]:
        """Count the multisets of positions of the free kinds from each one on, by atoms and orbits."""
        ways = [[[1 if atoms == k == 0 else 0 for k in range(self.budget + 1)] for atoms in range(most + 1)]]
        for kind in reversed(self.free):
            before, m = ways[-1], kind.multiplicity
            alike = [_multisets(len(kind.sites), q) for q in range(most // m + 1)]
            after = [[0] * (self.budget + 1) for _ in range(most + 1)]
            for atoms, row in enumerate(after):
                for q in range(atoms // m + 1):
                    if (spent := q * self.worth) > self.budget:
                        break
                    _add(row, before[atoms - q * m], alike[q], spent)
            ways.append(after)
        return ways[::-1]

    def _count_elements(self) -> list[dict[tuple[int, ...], list[int]]]:
        """Count the ways of the elements from each one on, by fixed positions left and orbits left."""
        states = list(product(*(range(n + 1) for n in self.full)))
        table = [{state: [1] * (self.budget + 1) for state in states}]
        for i in reversed(range(len(self.counts))):
            count, after = self.counts[i][1], table[-1]
            table.append(
                {state: self._ways_from(count, state, after) for state in (states if i else [self.full])}
            )
        return table[::-1]

    def _ways_from(
        self, count: int, state: tuple[int, ...], after: Mapping[tuple[int, ...], list[int]]
    ) -> list[int]:
        """Count the ways to place an element and the later ones, by orbits left."""
        ways = [0] * (self.budget + 1)
        for taken, atoms, orbits in self._taken(count, state):
            later = after[_minus(state, taken)]
            subsets = math.prod(map(math.comb, state, taken))
            for k, free in enumerate(self.free_ways[0][atoms]):
                if free and (spent := k + orbits) <= self.budget:
                    _add(ways, later, subsets * free, spent)
        return ways

    def _taken(self, count: int, state: tuple[int, ...]) -> Iterable[tuple[tuple[int, ...], int, int]]:
        """List how many fixed positions an element may take, with the atoms left and the orbits spent."""
        for taken in product(*(range(n + 1) for n in state)):
            atoms = count - sum(n * kind.multiplicity for n, kind in zip(taken, self.fixed, strict=True))
            if atoms >= 0:
                yield taken, atoms, sum(taken) * self.worth

    def _places(self, i: int, state: tuple[int, ...], budget: int) -> Iterable[tuple[int, "_Place"]]:
        """List how an element may be placed, and the ways of each, its and the later elements'."""
        for taken, atoms, spent in self._taken(self.counts[i][1], state):
            later = self.later[i + 1][_minus(state, taken)]
            subsets = math.prod(map(math.comb, state, taken))
            for k, free in enumerate(self.free_ways[0][atoms]):
                after = budget - spent - k
                if after >= 0 and (ways := subsets * free * later[after]):
                    yield ways, _Place(taken, atoms, k, after)

    def _free_sites(self, rank: int, atoms: int, orbits: int) -> list[int]:
        """Return the multiset of positions with freedom of this number."""
        sites: list[int] = []
        for c, kind in enumerate(self.free):
            n = len(kind.sites)
            rank, q = _locate(rank, self._repeats(c, atoms, orbits))
            rank, part = divmod(rank, _multisets(n, q))
            # The j-th of a multiset, in order, plus j: a subset of n + q - 1.
            sites += [kind.sites[k - j] for j, k in enumerate(_subset(part, n + q - 1, q))]
            atoms, orbits = atoms - q * kind.multiplicity, orbits - q * self.worth
        return sites

    def _repeats(self, c: int, atoms: int, orbits: int) -> Iterable[tuple[int, int]]:
        """List how many orbits of a free kind there may be, and the ways of it and the later kinds."""
        kind = self.free[c]
        for q in range(atoms // kind.multiplicity + 1):
            if (spent := q * self.worth) <= orbits:
                later = self.free_ways[c + 1][atoms - q * kind.multiplicity][orbits - spent]
                yield _multisets(len(kind.sites), q) * later, q


def _occupations(
    number: SupportsIndex | str, counts: Mapping[int, int], max_orbits: int | None
) -> _Occupations:
    """Check the arguments; the last answers are kept."""
    group = space_group_number(number)
    if not counts or min(counts.values()) < 1:
        raise ValueError("counts must name at least one element, and at least one atom of each")
    if sum(counts.values()) > MAX_ATOMS:
        raise ValueError(f"{sum(counts.values())} atoms in a cell are too many to count, {MAX_ATOMS} at most")
    if max_orbits is not None and max_orbits < 1:
        raise ValueError(f"max_orbits must be positive, not {max_orbits}")
    return _cached(group, tuple(sorted(counts.items())), max_orbits)


@lru_cache(maxsize=32)
def _cached(number: int, counts: tuple[tuple[int, int], ...], max_orbits: int | None) -> _Occupations:
    return _Occupations(number, counts, max_orbits)


def _kinds(number: int) -> tuple[tuple[_Kind, ...], tuple[_Kind, ...]]:
    """Return the kinds of positions without and with freedom, by rising multiplicity."""
    table = wyckoff_table()
    first, end = table.position_first[number - 1 : number + 1].tolist()
    multiplicity, freedom = table.multiplicity[first:end].tolist(), table.freedom[first:end].tolist()

    def kinds(free: bool) -> tuple[_Kind, ...]:
        found: dict[int, list[int]] = {}
        for k, (m, f) in enumerate(zip(multiplicity, freedom, strict=True)):
            if (f > 0) == free:
                found.setdefault(m, []).append(first + k)
        return tuple(_Kind(m, tuple(found[m])) for m in sorted(found))

    return kinds(free=False), kinds(free=True)


def _locate(rank: int, blocks: Iterable[tuple[int, _Block]]) -> tuple[int, _Block]:
    """Return the block that holds a number, the blocks' sizes given, and the number within it."""
    for size, block in blocks:
        if rank < size:
            return rank, block
        rank -= size
    raise IndexError(f"the blocks end {rank + 1} before the number")


def _minus(state: Sequence[int], taken: Sequence[int]) -> tuple[int, ...]:
    return tuple(a - b for a, b in zip(state, taken, strict=True))


def _add(total: list[int], ways: list[int], times: int, shift: int) -> None:
    """Add ways, each that many times, as ways with so many orbits more."""
    for k in range(shift, len(total)):
        total[k] += times * ways[k - shift]


def _multisets(kinds: int, size: int) -> int:
    return math.comb(kinds + size - 1, size)


def _subset(rank: int, n: int, size: int) -> list[int]:
    """Return the subset of 0, ..., n - 1 of this size and number, in rising order."""
    chosen: list[int] = []
    for k in range(n):
        if len(chosen) == size:
            break
        with_k = math.comb(n - k - 1, size - len(chosen) - 1)
        if rank < with_k:
            chosen.append(k)
        else:
            rank -= with_k
    return chosen


def _integer_below(high: int, rng: torch.Generator) -> int:
    """Draw an integer of any size, uniform on 0, ..., high - 1: bits anew until they are below."""
    bits = high.bit_length()
    while True:
        words = torch.randint(2**32, (-(-bits // 32),), generator=rng, device=rng.device).tolist()
        drawn = sum(int(word) << 32 * k for k, word in enumerate(words)) & ((1 << bits) - 1)
        if drawn < high:
            return drawn
