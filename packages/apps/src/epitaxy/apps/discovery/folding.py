"""Which candidates are the same crystal, told as they come."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from epitaxy.apps.discovery.question import amounts_of
from epitaxy.eval.stability import Relaxed
from epitaxy.eval.stability.figures import NEAR
from epitaxy.geometry.symmetry import lattice_points, space_group

CLOSE = 0.05
"""eV/atom: relaxed crystals further apart in energy are not the same, whatever the matcher says."""


def primitive(structure: Structure) -> Structure:
    """Return the primitive cell: forces on a conventional one cost up to four times as much."""
    try:
        found = SpacegroupAnalyzer(structure, symprec=0.01).find_primitive()
    except Exception:  # spglib's refusals have many types
        found = None
    return structure if found is None else found


@dataclass(eq=False)
class Sieve:
    """Merges near-duplicates before any force is computed.

    Near means half of what counts as the same after relaxing, and less: two that might relax to different
    minima both go on.
    """

    matcher: StructureMatcher = field(
        default_factory=lambda: StructureMatcher(ltol=0.1, stol=0.1, angle_tol=3, primitive_cell=False)
    )
    _seen: dict[tuple[tuple[str, int], ...], list[tuple[int, Structure]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def twin(self, number: int, structure: Structure) -> int | None:
        """Return the number of an earlier one that is nearly the same; None and remember it if there is none.

        Args:
            number: what to call this one.
            structure: a primitive cell.
        """
        counts = tuple(sorted((str(e), round(n)) for e, n in structure.composition.items()))
        for earlier, other in self._seen[counts]:
            if self.matcher.fit(structure, other):
                return earlier
        self._seen[counts].append((number, structure))
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """Relaxed candidates, each crystal once.

    Attributes:
        copies: those that stand for a crystal, the lowest crystal first, each with the others that are the
            same.
    """

    copies: Mapping[str, tuple[str, ...]]

    def first(self) -> dict[str, str]:
        """Return who stands for each of the others."""
        return {name: first for first, names in self.copies.items() for name in names}


def _represented(names: Sequence[str], relaxed: Mapping[str, Relaxed]) -> tuple[str, tuple[str, ...]]:
    """Choose who stands for copies of one crystal, the lowest of them first; return it and the others."""
    lowest = relaxed[names[0]].enthalpy
    near = [name for name in names if relaxed[name].enthalpy <= lowest + NEAR]
    chosen = max(near, key=lambda name: (_operations(relaxed[name].spacegroup), -relaxed[name].enthalpy))
    return chosen, tuple(name for name in names if name != chosen)


@cache
def _operations(group: int | None) -> int:
    """Return how many operations the point group of a space group has; 0 if there is none."""
    return 0 if group is None else space_group(group).order // lattice_points(group)


class Folder:
    """Folds relaxed candidates; comparisons made once are remembered, so that it may be asked often.

    Two are the same crystal if pymatgen's default matcher says so and their energies are within ``CLOSE``.
    The most symmetric of those that are as low as the lowest, to ``NEAR``, stands for its kind: a relaxation
    leaves distortions that the forces do not tell from none.
    """

    def __init__(self) -> None:
        self._matcher = StructureMatcher(primitive_cell=False)
        self._cells: dict[int, tuple[Relaxed, Structure]] = {}
        self._same: dict[tuple[int, int], bool] = {}

    def fold(self, relaxed: Mapping[str, Relaxed]) -> Folded:
        """Return each crystal once, the lowest first."""
        copies: dict[str, list[str]] = {}
        order = sorted(relaxed, key=lambda name: (relaxed[name].enthalpy, name))
        for name in order:
            for first in reversed(copies):
                if relaxed[name].enthalpy - relaxed[first].enthalpy > CLOSE:
                    copies[name] = []
                    break
                if self._are_same(relaxed[name], relaxed[first]):
                    copies[first].append(name)
                    break
            else:
                copies[name] = []
        return Folded(copies=dict(_represented((first, *names), relaxed) for first, names in copies.items()))

    def _are_same(self, one: Relaxed, other: Relaxed) -> bool:
        if amounts_of(one.structure.composition) != amounts_of(other.structure.composition):
            return False
        key = (id(one), id(other))
        if key not in self._same:
            a, b = self._cell(one), self._cell(other)
            self._same[key] = len(a) == len(b) and bool(self._matcher.fit(a, b, symmetric=True))
        return self._same[key]

    def _cell(self, one: Relaxed) -> Structure:
        """Return the primitive cell, within the matcher's own tolerance; and keep the object, so its id."""
        if id(one) not in self._cells:
            self._cells[id(one)] = one, one.structure.get_primitive_structure()
        return self._cells[id(one)][1]
