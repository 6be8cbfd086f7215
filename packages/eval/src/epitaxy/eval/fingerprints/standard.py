"""Standardisation and cut-offs of the coverage metrics, frozen in ``coverage_constants.json``."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import isfinite

import numpy as np
from jaxtyping import Float

DATASETS = ("mp_20", "carbon_24", "perov_5")
"""The datasets with published cut-offs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoffs:
    """How near two crystals must be for one to cover the other.

    Attributes:
        structure: Largest distance of structure fingerprints.
        composition: Largest distance of standardised composition fingerprints.

    """

    structure: float
    composition: float

    def __post_init__(self) -> None:
        """Refuse what is no distance.

        Raises:
            ValueError: If a cut-off is negative or not finite.

        """
        if not all(isfinite(value) and value >= 0 for value in (self.structure, self.composition)):
            raise ValueError(
                f"the cut-offs must be finite and not negative, not {self.structure}, {self.composition}"
            )


@cache
def _constants() -> dict[str, object]:
    raw: dict[str, object] = json.loads(files(__package__).joinpath("coverage_constants.json").read_text())
    return raw


def cutoffs_for(dataset: str) -> Cutoffs:
    """Give the published cut-offs of a dataset (CDVAE, arXiv:2110.06197).

    Raises:
        ValueError: If there are none for that name.

    """
    known = _constants()["cutoffs"]
    if not isinstance(known, dict) or dataset not in known:
        raise ValueError(
            f"no coverage cut-offs are published for {dataset!r}; there are {', '.join(DATASETS)}, or give "
            f"Cutoffs(structure=, composition=)"
        )
    return Cutoffs(structure=known[dataset]["structure"], composition=known[dataset]["composition"])


def standardised(features: Float[np.ndarray, "n 132"]) -> Float[np.ndarray, "n 132"]:
    """Standardise composition fingerprints as CDVAE and its successors do; NaN becomes 0, the mean."""
    constants = _constants()
    mean, deviation = (np.array(constants[name], dtype=float) for name in ("means", "stds"))
    scaled: np.ndarray = np.nan_to_num((features - mean) / deviation, nan=0.0)
    return scaled
