"""The embedded set: the 148 molecules of the G2/97 test set, by way of ASE, without its single atoms.

Geometries are MP2(full)/6-31G(d). A fifth of the molecules have unpaired electrons, which stability rules for
closed shells rightly refuse. Enthalpies and ionisation energies are measured values.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from ase import Atoms
from ase.data.g2 import data as _data

from epitaxy.data.molecules._molecule import Molecule, RawMolecule

_DATA: Mapping[str, Any] = _data
_PROPERTIES = {"enthalpy": "enthalpy", "zpe": "ZPE", "ionization_energy": "ionization energy"}


@cache
def g2_molecules() -> tuple[RawMolecule, ...]:
    """All molecules, by name in alphabetical order."""
    return tuple(_record(name) for name in sorted(_DATA) if len(_DATA[name]["positions"]) > 1)


def fingerprint() -> str:
    """Return a checksum of all that the set is made of."""
    content = [
        (m.id, m.molecule.numbers.tolist(), m.molecule.positions.tolist(), sorted(m.properties.items()))
        for m in g2_molecules()
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _record(name: str) -> RawMolecule:
    entry = _DATA[name]
    numbers = np.array(Atoms(entry["symbols"]).numbers, dtype=np.int64)
    values = {ours: entry.get(theirs) for ours, theirs in _PROPERTIES.items()}
    properties = {key: float("nan") if value is None else float(value) for key, value in values.items()}
    molecule = Molecule(numbers, np.array(entry["positions"], dtype=np.float64))
    return RawMolecule(name, f"g2: {name}", molecule, properties)
