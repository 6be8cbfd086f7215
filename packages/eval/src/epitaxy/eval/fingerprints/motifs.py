"""The motifs of the "ops" site fingerprint, by number of neighbours.

The list and its parameters are matminer's (``CrystalNNFingerprint.from_preset("ops")``) and pymatgen's,
frozen in ``ops_motifs.json`` by ``scripts/freeze_fingerprint_tables.py``: published coverages rest on them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

LARGEST_COORDINATION = 24
"""Numbers of neighbours from 1 to this each have a likelihood in the fingerprint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Motif:
    """One coordination motif.

    Attributes:
        neighbours: Of how many neighbours.
        name: For people, "tetrahedral" say.
        kind: pymatgen's name of the order parameter that scores it.
        parameters: The order parameter's own parameters, angles in units of pi or in radians as pymatgen has
            them.

    """

    neighbours: int
    name: str
    kind: str
    parameters: Mapping[str, float]


@cache
def ops_motifs() -> tuple[Motif, ...]:
    """Read the frozen motifs, in the fingerprint's order."""
    raw = json.loads(files(__package__).joinpath("ops_motifs.json").read_text())
    return tuple(Motif(**motif) for motif in raw["motifs"])


@cache
def ops_labels() -> tuple[str, ...]:
    """Name the fingerprint's entries: for each number of neighbours its likelihood, then its motifs."""
    labels = []
    for number in range(1, LARGEST_COORDINATION + 1):
        labels.append(f"wt CN_{number}")
        labels += [f"{motif.name} CN_{number}" for motif in ops_motifs() if motif.neighbours == number]
    return tuple(labels)
