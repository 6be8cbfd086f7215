"""What a model of asymmetric units must know of its training data."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from epitaxy.data._statistics import (
    PropertyStatistics,
    count_units,
    histogram,
    of_properties,
    parse_histogram,
    parse_units,
    parsed,
    to_text,
    weigh_units,
)
from epitaxy.data.vocabulary import Vocabulary
from epitaxy.data.wyckoff.dataset import WyckoffDataset
from epitaxy.geometry.symmetry import (
    crystal_system,
    lattice_mask,
    lattice_points,
    lattice_to_k,
    wyckoff_table,
)

FORMAT = 1
"""Version of the JSON form."""

LEAST_STD = 1e-4
"""A component of k that varies less than this is taken as known from one value only."""

Six = tuple[float, float, float, float, float, float]
"""One value for each of k1 ... k6."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WyckoffStatistics:
    """What the training split says; no other split may contribute.

    Attributes:
        crystals: how many crystals it was computed from.
        vocabulary: the elements that occur.
        space_groups: number -> number of crystals that have it.
        orbits: space group -> number of orbits -> number of crystals that have so many.
        k_mean: of k1 ... k6 (see `lattice_to_k`), each over the crystals in whose group it is free; 0 for a
            component that is free in none.
        k_std: the population's, over the same; 1 where it is unknown, for want of two different values.
        properties: by name; a property that is nowhere known is left out.
        atoms_per_cell: atoms of the primitive cell -> number of crystals that have so many; None in a file
            that was written before it was kept.
        formula_units: atoms of a formula unit -> formula units in the primitive cell -> crystals; None in
            such a file too.

    """

    crystals: int
    vocabulary: Vocabulary
    space_groups: Mapping[int, int]
    orbits: Mapping[int, Mapping[int, int]]
    k_mean: Six
    k_std: Six
    properties: Mapping[str, PropertyStatistics]
    atoms_per_cell: Mapping[int, int] | None = None
    formula_units: Mapping[int, Mapping[int, int]] | None = None

    @classmethod
    def of(cls, dataset: WyckoffDataset) -> "WyckoffStatistics":
        """Return the statistics of a dataset: give it the training split."""
        groups = histogram(dataset.space_groups)
        mean, std = _moments(dataset)
        cells = _primitive_cells(dataset)
        return cls(
            crystals=len(dataset),
            vocabulary=Vocabulary.of(dataset.numbers),
            space_groups=groups,
            orbits={g: histogram(dataset.counts[dataset.space_groups == g]) for g in groups},
            k_mean=mean,
            k_std=std,
            properties=of_properties(dataset.properties),
            atoms_per_cell=dict(sorted(Counter(sum(cell.values()) for cell in cells).items())),
            formula_units=count_units(cells),
        )

    def units_of(self, size: int) -> dict[int, int] | None:
        """Return the numbers of formula units of so many atoms that make a primitive cell of a known size.

        Each has a weight: how often training has that number, for units of that size; empty if none fits,
        None if the sizes are not known.
        """
        if self.atoms_per_cell is None:
            return None
        return weigh_units(size, self.atoms_per_cell, self.formula_units)

    def orbits_of(self, number: int) -> Mapping[int, int]:
        """Return how many training crystals of a space group have each number of orbits.

        For a group that the training data do not have, the crystals of its crystal system count; if there are
        none, all do.

        Raises:
            ValueError: if the space group is outside 1 to 230.

        """
        system = crystal_system(number)
        if number in self.orbits:
            return self.orbits[number]
        related = [seen for group, seen in self.orbits.items() if crystal_system(group) == system]
        total: Counter[int] = Counter()
        for seen in related or self.orbits.values():
            total.update(seen)
        return total

    def to_json(self) -> str:
        """As an indented JSON object with a format version."""
        return to_text(self, FORMAT)

    @classmethod
    def from_json(cls, text: str) -> "WyckoffStatistics":
        """From `to_json`.

        Raises:
            DataError: if the text is no statistics of this format.

        """
        with parsed(text, "statistics of asymmetric units", FORMAT) as fields:
            fields["space_groups"] = parse_histogram(fields["space_groups"])
            fields["orbits"] = {int(g): parse_histogram(seen) for g, seen in fields["orbits"].items()}
            sizes = fields.pop("atoms_per_cell", None)
            fields["atoms_per_cell"] = None if sizes is None else parse_histogram(sizes)
            fields["formula_units"] = parse_units(fields.pop("formula_units", None))
            fields["k_mean"], fields["k_std"] = _six(fields["k_mean"]), _six(fields["k_std"])
            return cls(**fields)


def _primitive_cells(dataset: WyckoffDataset) -> list[Counter[int]]:
    """Count each element's atoms in the primitive cells: multiplicities over the points of the lattice."""
    owner = torch.arange(len(dataset)).repeat_interleave(dataset.counts)
    points = torch.tensor([lattice_points(int(number)) for number in dataset.space_groups])
    atoms = wyckoff_table().multiplicity[dataset.sites].long() // points[owner]
    cells: list[Counter[int]] = [Counter() for _ in range(len(dataset))]
    for cell, number, count in zip(owner.tolist(), dataset.numbers.tolist(), atoms.tolist(), strict=True):
        cells[cell][number] += count
    return cells


def _moments(dataset: WyckoffDataset) -> tuple[Six, Six]:
    """Mean and standard deviation of each component of k where it is free."""
    k = lattice_to_k(dataset.lattice.double())
    columns = [column[free] for column, free in zip(k.T, lattice_mask(dataset.space_groups).T, strict=True)]
    means = [float(column.mean()) if len(column) else 0.0 for column in columns]
    stds = [float(column.std(unbiased=False)) if len(column) else 0.0 for column in columns]
    return _six(means), _six([std if std > LEAST_STD else 1.0 for std in stds])


def _six(values: list[float]) -> Six:
    k1, k2, k3, k4, k5, k6 = (float(value) for value in values)
    return k1, k2, k3, k4, k5, k6
