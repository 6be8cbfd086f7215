"""From GFN2-xTB to what B3LYP/6-31G(2df,p) would say, the level of QM9's labels: linear, fitted, frozen.

Orbital energies of a tight-binding method lie elsewhere than a density functional's, by more than molecules
differ. ``scripts/freeze_b3lyp.py`` fits the linear maps to molecules of QM9's training and
validation splits, and measures what they miss on its test split; ``b3lyp.json`` has both.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypedDict

import numpy as np
from jaxtyping import Float64, Int64

from epitaxy.eval.molecules.tables import symbol
from epitaxy.eval.molecules.xtb import ElectronicStructure

FILE = "b3lyp.json"
ELEMENTS = (1, 6, 7, 8, 9)
"""Those that QM9 has, and no others can be converted."""

PROPERTY_UNITS: Mapping[str, str] = {"homo": "hartree", "lumo": "hartree", "gap": "hartree", "mu": "debye"}
"""Of QM9's labels; ``gap`` is the difference of the two before it, ``mu`` the dipole moment."""

FITTED = ("homo", "lumo", "mu")
"""Those that have a map of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyLabels:
    """QM9's labels of one property, and how well they are met.

    Attributes:
        error: Mean absolute error of converted values on molecules that were not fitted.
        std: Standard deviation of the labels.
        low: The least label that was fitted to.
        high: The greatest.

    """

    error: float
    std: float
    low: float
    high: float


def descriptors(
    numbers: Int64[np.ndarray, " atoms"], found: ElectronicStructure
) -> Float64[np.ndarray, " descriptors"]:
    """Return what is linearly mapped: orbital energies, dipole, and sums over the atoms of each element.

    The energies are those of the two highest occupied and the two lowest unoccupied orbitals. Summed are the
    atoms, their charges, the squares of these, and their shares of the two orbitals at the gap. A 1 ends it.
    """
    levels = np.array([found.level(place) for place in (-1, 0, 1, 2)])
    here = np.equal.outer(np.array(ELEMENTS), numbers).astype(np.float64)
    rows = np.stack([np.ones(len(numbers)), found.charges, found.charges**2, *found.shares])
    return np.concatenate([levels, [found.dipole], (rows @ here.T).reshape(-1), [1.0]])


def as_b3lyp(numbers: Int64[np.ndarray, " atoms"], found: ElectronicStructure) -> dict[str, float]:
    """Return a molecule's properties as QM9 has them, in `PROPERTY_UNITS`.

    Raises:
        ValueError: If it has an element that QM9 has not, or too few orbitals.

    """
    others = sorted(set(numbers.tolist()) - set(ELEMENTS))
    if others:
        raise ValueError(f"{symbol(others[0])} is not among QM9's elements, by which values are converted")
    given = descriptors(numbers, found)
    if not np.isfinite(given).all():
        raise ValueError("it has too few orbitals for a conversion to QM9's values")
    return whole({name: float(given @ np.array(row)) for name, row in _frozen()["coefficients"].items()})


def whole(fitted: Mapping[str, float]) -> dict[str, float]:
    """Return all properties, of those that have a map; no dipole moment is negative."""
    homo, lumo = fitted["homo"], fitted["lumo"]
    return {"homo": homo, "lumo": lumo, "gap": lumo - homo, "mu": max(0.0, fitted["mu"])}


def property_labels(name: str) -> PropertyLabels:
    """Return what is known of QM9's labels of a property of `PROPERTY_UNITS`."""
    return PropertyLabels(**_frozen()["labels"][name])


class _Frozen(TypedDict):
    coefficients: dict[str, list[float]]
    labels: dict[str, dict[str, float]]


@cache
def _frozen() -> _Frozen:
    held: _Frozen = json.loads(files("epitaxy.eval.molecules").joinpath(FILE).read_text("utf-8"))
    return held
