"""What a model must know of its training data."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

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
from epitaxy.data.cell_lengths import CellLengths
from epitaxy.data.dataset import CrystalDataset
from epitaxy.data.vocabulary import Vocabulary

__all__ = ["PropertyStatistics", "Statistics"]

FORMAT = 2
"""Version of the JSON form; format 1 had no lengths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What the training split says; no other split may contribute.

    Attributes:
        crystals: how many crystals it was computed from.
        atoms_per_cell: number of atoms -> number of crystals that have so many.
        vocabulary: the elements that occur.
        lattice_scale: root of the mean square of the nine lattice entries, angstrom: their standard deviation
            with the mean taken as zero, which no rotation of a crystal changes. CrysBFN's configuration has
            3.8665 for mp_20, where this gives 3.8786; its 1.9612 for perov_5 is the deviation from the mean,
            over all splits, where this gives 2.3996.
        volume_per_atom: mean over crystals, cubic angstrom.
        properties: by name; a property that is nowhere known is left out.
        lengths: of cell edges by the number of atoms; None in a file of format 1.
        formula_units: atoms of a formula unit -> formula units in the cell -> crystals; None in a file
            written before it was kept.

    """

    crystals: int
    atoms_per_cell: Mapping[int, int]
    vocabulary: Vocabulary
    lattice_scale: float
    volume_per_atom: float
    properties: Mapping[str, PropertyStatistics]
    lengths: CellLengths | None = None
    formula_units: Mapping[int, Mapping[int, int]] | None = None

    @classmethod
    def of(cls, dataset: CrystalDataset) -> "Statistics":
        """Return the statistics of a dataset: give it the training split."""
        volume = torch.linalg.det(dataset.lattice).abs()
        return cls(
            crystals=len(dataset),
            atoms_per_cell=histogram(dataset.counts),
            vocabulary=Vocabulary.of(dataset.numbers),
            lattice_scale=float(dataset.lattice.square().mean().sqrt()),
            volume_per_atom=float((volume / dataset.counts).mean()),
            properties=of_properties(dataset.properties),
            lengths=CellLengths.of(dataset.lattice, dataset.counts),
            formula_units=count_units(map(Counter, _cells(dataset))),
        )

    def units_of(self, size: int) -> dict[int, int]:
        """Return the numbers of formula units of so many atoms that make a cell as training has them.

        Each has a weight: how often training has that number, for units of that size; empty if none fits.
        """
        return weigh_units(size, self.atoms_per_cell, self.formula_units)

    def to_json(self) -> str:
        """As an indented JSON object with a format version."""
        return to_text(self, FORMAT)

    @classmethod
    def from_json(cls, text: str) -> "Statistics":
        """From `to_json`.

        Raises:
            DataError: if the text is no statistics of this format.

        """
        with parsed(text, "dataset statistics", 1, FORMAT) as fields:
            lengths = fields.pop("lengths", None)
            fields["lengths"] = None if lengths is None else CellLengths.parse(lengths)
            fields["atoms_per_cell"] = parse_histogram(fields["atoms_per_cell"])
            fields["formula_units"] = parse_units(fields.pop("formula_units", None))
            return cls(**fields)


def _cells(dataset: CrystalDataset) -> Iterator[list[int]]:
    """Give the atomic numbers of each crystal."""
    numbers = iter(dataset.numbers.tolist())
    return (list(islice(numbers, size)) for size in dataset.counts.tolist())
