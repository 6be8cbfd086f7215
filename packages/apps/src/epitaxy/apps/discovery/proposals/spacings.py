"""Whether two crystals have their elements in the same places, told by distances, in a millisecond."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from pymatgen.core import Structure

NEAREST = 20
"""Neighbours of each element that count: close packings differ from the nineteenth on."""
REACH = 2.5
"""How far neighbours are looked for, in cube roots of the volume per atom."""
CLOSE = 0.02
"""Difference of each mean distance, in the same unit, up to which two crystals are alike."""


def spacings(structure: Structure) -> Float[np.ndarray, "elements elements nearest"]:
    """Return the mean distances of each element's atoms to the nearest of each element.

    In cube roots of the volume per atom: neither the cell that is chosen nor its size matters. What is beyond
    ``REACH`` is at ``REACH``. Elements are in the order of their symbols.
    """
    unit = (structure.volume / len(structure)) ** (1 / 3)
    centres, neighbours, _, distances = structure.get_neighbor_list(REACH * unit)
    symbols = np.array([site.specie.symbol for site in structure])
    elements = sorted(set(symbols.tolist()))
    table = np.full((len(structure), len(elements), NEAREST), REACH)
    for column, element in enumerate(elements):
        chosen = symbols[neighbours] == element
        order = np.lexsort((distances[chosen], centres[chosen]))
        centre, distance = centres[chosen][order], distances[chosen][order]
        place = np.arange(len(centre)) - np.searchsorted(centre, centre)
        near = place < NEAREST
        table[centre[near], column, place[near]] = distance[near] / unit
    return np.stack([table[symbols == element].mean(axis=0) for element in elements])


@dataclass(eq=False)
class Spacings:
    """Remembers crystals by their spacings; for crystals of the same elements."""

    _seen: list[Float[np.ndarray, "elements elements nearest"]] = field(default_factory=list)

    def met(self, structure: Structure) -> bool:
        """Whether one like it came before; it is remembered if not."""
        found = spacings(structure)
        if any(np.abs(found - other).max() <= CLOSE for other in self._seen):
            return True
        self._seen.append(found)
        return False
