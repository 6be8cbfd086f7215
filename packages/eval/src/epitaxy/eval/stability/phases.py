"""Energies of well-known phases by the default potential, which come with the package.

The first hull of a dataset costs an energy for each known phase of the samples' chemical systems, and a
relaxation for each that is near it: an hour for a hundred samples of many systems. What was computed once
with the default settings is held here, found by the crystals' content to eight decimals; of other weights,
versions or settings nothing is known. ``scripts/freeze_phases.py`` makes the file.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import numpy as np
from pymatgen.core.structure import Structure

from epitaxy.eval.resumable import structure_key
from epitaxy.eval.shipped import DECIMALS

FILE = "phases.npz"


def known_energies(about: str, structures: Mapping[str, Structure]) -> dict[str, float]:
    """Return what a task gives for the phases known.

    Args:
        about: The task and all that its results depend on, as what is kept of it is named (``about_task``).
        structures: Phases, by id.

    Returns:
        By id, of the phases known alone: energies, or enthalpies at a minimum, in eV/atom, as float32 has
        them. One processor computed them: another rounds otherwise, and may come to rest a little beside.

    """
    column = _column(about)
    if not column:
        return {}
    named = ((name, structure_key(one, decimals=DECIMALS)) for name, one in structures.items())
    return {name: column[key] for name, key in named if key in column}


@cache
def _column(about: str) -> dict[str, float]:
    with files("epitaxy.eval").joinpath(FILE).open("rb") as stream, np.load(stream) as held:
        abouts = held["about"].tolist()
        if about not in abouts:
            return {}
        values, keys = held[f"values{abouts.index(about)}"], held["keys"]
    return {
        key.tobytes().hex(): float(value)
        for key, value in zip(keys, values, strict=True)
        if np.isfinite(value)
    }
