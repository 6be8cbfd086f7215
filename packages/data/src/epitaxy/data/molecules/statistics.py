"""What a model must know of its training molecules."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from epitaxy.data._statistics import (
    PropertyStatistics,
    histogram,
    of_properties,
    parse_histogram,
    parse_properties,
)
from epitaxy.data.errors import DataError
from epitaxy.data.molecules.dataset import MoleculeDataset
from epitaxy.data.vocabulary import Vocabulary
from epitaxy.geometry import Segments

FORMAT = 1
"""Version of the JSON form."""


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
        elements = histogram(dataset.numbers)
        centred = Segments.from_counts(dataset.counts).center(dataset.positions.double())
        return cls(
            molecules=len(dataset),
            atoms_per_molecule=histogram(dataset.counts),
            vocabulary=Vocabulary.of(elements),
            elements=elements,
            position_scale=float(centred.square().mean().sqrt()),
            properties=of_properties(dataset.properties),
        )

    def to_json(self) -> str:
        """As an indented JSON object with a format version."""
        fields = asdict(self) | {"format": FORMAT, "vocabulary": list(self.vocabulary.numbers)}
        return json.dumps(fields, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "MoleculeStatistics":
        """From `to_json`.

        Raises:
            DataError: if the text is no statistics of this format.

        """
        try:
            fields = json.loads(text)
            version = fields.pop("format")
            if version != FORMAT:
                raise DataError(f"these statistics have format {version}, not {FORMAT}; compute them again")
            for name in ("atoms_per_molecule", "elements"):
                fields[name] = parse_histogram(fields[name])
            fields["vocabulary"] = Vocabulary(tuple(fields["vocabulary"]))
            fields["properties"] = parse_properties(fields["properties"])
            return cls(**fields)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"these are no molecule statistics ({error}); compute them again") from error
