"""What a model must know of its training molecules."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from epitaxy.data._statistics import (
    PropertyStatistics,
    histogram,
    of_properties,
    parse_histogram,
    parsed,
    to_text,
)
from epitaxy.data.molecules.dataset import MoleculeDataset
from epitaxy.data.vocabulary import Vocabulary

FORMAT = 1
"""Version of the JSON form."""

PORTION = 10_000
"""Molecules looked at at once: a collection may be larger than memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoleculeStatistics:
    """What the training split says; no other split may contribute.

    Attributes:
        molecules: how many molecules it was computed from.
        atoms_per_molecule: number of atoms -> number of molecules that have so many.
        vocabulary: the elements that occur.
        elements: atomic number -> number of atoms.
        position_scale: root of the mean square of a coordinate relative to its molecule's mean, angstrom;
            GeoBFN divides by 2, which is no statistic. 0 where all molecules are single atoms.
        properties: by name; a property that is nowhere known is left out.

    """

    molecules: int
    atoms_per_molecule: Mapping[int, int]
    vocabulary: Vocabulary
    elements: Mapping[int, int]
    position_scale: float
    properties: Mapping[str, PropertyStatistics]

    @property
    def hydrogens(self) -> bool:
        """Whether hydrogen occurs."""
        return 1 in self.elements

    @classmethod
    def of(cls, dataset: MoleculeDataset) -> "MoleculeStatistics":
        """Return the statistics of a dataset: give it the training split."""
        elements: Counter[int] = Counter()
        square = 0.0
        for first in range(0, len(dataset), PORTION):
            batch = dataset.batch(range(first, min(first + PORTION, len(dataset))), dtype=torch.float64)
            elements.update(histogram(batch.numbers))
            square += float(batch.segments.center(batch.positions).square().sum())
        return cls(
            molecules=len(dataset),
            atoms_per_molecule=histogram(dataset.counts),
            vocabulary=Vocabulary.of(elements),
            elements=dict(sorted(elements.items())),
            position_scale=math.sqrt(square / (3 * elements.total())),
            properties=of_properties(dataset.properties),
        )

    def to_json(self) -> str:
        """As an indented JSON object with a format version."""
        return to_text(self, FORMAT)

    @classmethod
    def from_json(cls, text: str) -> "MoleculeStatistics":
        """From `to_json`.

        Raises:
            DataError: if the text is no statistics of this format.

        """
        with parsed(text, "molecule statistics", FORMAT) as fields:
            for name in ("atoms_per_molecule", "elements"):
                fields[name] = parse_histogram(fields[name])
            return cls(**fields)
