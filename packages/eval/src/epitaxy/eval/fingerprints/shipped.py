"""Fingerprints of well-known test sets that come with the package.

They are found by the crystals' content alone: a file with one number another bit away is computed as ever.
``scripts/freeze_reference_fingerprints.py`` makes the file.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np
from jaxtyping import Float

from epitaxy.eval.fingerprints.structural import STRUCTURE_LENGTH

FILE = "references.npz"
VERSION = 1
"""Of the structure fingerprint: another one's values are not used."""


def shipped_fingerprints(keys: Sequence[str]) -> dict[str, list[float]]:
    """Return the structure fingerprints that are known of these crystals, by :func:`structure_key`.

    They are rounded to float32.
    """
    place, rows = _table()
    return {key: rows[place[key]].astype(float).tolist() for key in keys if key in place}


@cache
def _table() -> tuple[dict[str, int], Float[np.ndarray, "n 61"]]:
    """Load the file once; none of another version, or that is not here."""
    file = files("epitaxy.eval.fingerprints").joinpath(FILE)
    if not file.is_file():
        return {}, np.zeros((0, STRUCTURE_LENGTH), dtype=np.float32)
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
        if int(held["version"]) != VERSION:
            return {}, np.zeros((0, STRUCTURE_LENGTH), dtype=np.float32)
        names = [key.tobytes().hex() for key in held["keys"]]
        return {name: n for n, name in enumerate(names)}, held["values"]
