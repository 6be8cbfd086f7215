"""The composition fingerprint of the coverage metrics: 132 Magpie features.

Six statistics of 22 elemental properties (Ward et al., npj Comput. Mater. 2, 16028 (2016)), as matminer's
``ElementProperty.from_preset("magpie")`` gives them. The elemental table is frozen from matminer in
``magpie.json`` by ``scripts/freeze_fingerprint_tables.py``.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from jaxtyping import Float
from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Element

STATISTICS = ("minimum", "maximum", "range", "mean", "avg_dev", "mode")

COMPOSITION_LENGTH = 132
"""Entries of a composition fingerprint."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ElementTable:
    """Elemental properties.

    Attributes:
        properties: Their names.
        values: By atomic number from 0, which is no element; NaN where unknown.

    """

    properties: tuple[str, ...]
    values: Float[np.ndarray, "elements properties"]


@cache
def magpie_table() -> ElementTable:
    """Read the frozen table of Magpie's elemental properties."""
    raw = json.loads(files(__package__).joinpath("magpie.json").read_text())
    values = np.array([[np.nan] * len(raw["properties"]), *raw["elements"].values()], dtype=float)
    return ElementTable(properties=tuple(raw["properties"]), values=values)


@cache
def magpie_labels() -> tuple[str, ...]:
    """Name the features as matminer does, in their order."""
    return tuple(f"MagpieData {s} {name}" for name in magpie_table().properties for s in STATISTICS)


def composition_fingerprint(composition: Composition) -> Float[np.ndarray, "132"]:
    """Compute the Magpie features of a composition; only the ratios of its amounts matter.

    Args:
        composition: The composition; charges of its species play no part.

    Returns:
        For each property its least and largest value, their difference, its mean and mean absolute deviation
        by atomic fraction, and its value for the most frequent element (the least, of several). NaN where
        the property of one of the elements is unknown.

    Raises:
        ValueError: If there are no atoms, or a species is no element.

    """
    amounts = composition.element_composition.get_el_amt_dict()
    if not amounts:
        raise ValueError("no atoms")
    strange = [symbol for symbol in amounts if not Element.is_valid_symbol(symbol)]
    if strange:
        raise ValueError(f"{', '.join(strange)} is no element")
    table = magpie_table().values
    numbers = np.array([Element(symbol).Z for symbol in amounts])
    known = np.where((numbers < len(table))[:, None], table[np.minimum(numbers, len(table) - 1)], np.nan)
    fractions = np.array(list(amounts.values()))
    fractions = fractions / fractions.sum()
    least, largest, mean = known.min(axis=0), known.max(axis=0), fractions @ known
    deviation = fractions @ np.abs(known - mean)
    mode = known[np.isclose(fractions, fractions.max())].min(axis=0)
    return np.stack([least, largest, largest - least, mean, deviation, mode], axis=1).reshape(-1)
