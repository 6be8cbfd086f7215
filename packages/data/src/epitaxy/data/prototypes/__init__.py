"""The embedded dataset: ionic compounds in well-known structure types, made in code.

Bond lengths are sums of Shannon's radii, so the cells look like those of real compounds: rocksalt-NaCl has
a = 5.66 angstrom (measured 5.64), perovskite-SrTiO3 4.01 (3.905). No energy was computed: whether a compound
exists was not asked beyond charge balance and radius ratios.
"""

import hashlib
import itertools
import math
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
from pymatgen.core.periodic_table import Element

from epitaxy.data._crystal import Crystal
from epitaxy.data.prototypes.cells import Sites
from epitaxy.data.prototypes.radii import Ion, radius
from epitaxy.data.prototypes.table import PROTOTYPES, Prototype
from epitaxy.data.readers import RawRecord

_AMU_PER_A3 = 1.66053906660
"""Grams per cubic centimetre of one atomic mass unit per cubic angstrom."""

Assignment = dict[str, Ion]


def fingerprint() -> str:
    """Return a checksum of all it is made of: this package's text, the version of pymatgen's tables."""
    text = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return hashlib.sha256(text + version("pymatgen").encode()).hexdigest()


def prototype_records() -> list[RawRecord]:
    """All crystals, in the order of the table; ids are `<prototype>-<formula>`."""
    return [_record(p, ions) for p in PROTOTYPES for ions in _assignments(p)]


def _assignments(prototype: Prototype) -> Iterator[Assignment]:
    """Choose ions that are neutral together, of different elements, and within the prototype's ratios."""
    roles = tuple(prototype.roles)
    _, sites = prototype.cell(*(2.0 + 0.1 * i for i in range(len(prototype.bonds))))
    for chosen in itertools.product(*prototype.roles.values()):
        ions = dict(zip(roles, chosen, strict=True))
        neutral = sum(ion.charge * len(sites[role]) for role, ion in ions.items()) == 0
        if neutral and len({ion.symbol for ion in chosen}) == len(chosen) and _fits(prototype, ions):
            yield ions


def _fits(prototype: Prototype, ions: Assignment) -> bool:
    r = {role: radius(ion, prototype.coordination[role]) for role, ion in ions.items()}
    if not all(low <= r[a] / r[b] <= high for (a, b), (low, high) in prototype.ratios.items()):
        return False
    if prototype.tolerance is None:
        return True
    octahedra = [r[role] for role in ("B", "C") if role in r]
    factor = (r["A"] + r["X"]) / (math.sqrt(2) * (sum(octahedra) / len(octahedra) + r["X"]))
    return prototype.tolerance[0] <= factor <= prototype.tolerance[1]


def _record(prototype: Prototype, ions: Assignment) -> RawRecord:
    r = {role: radius(ion, prototype.coordination[role]) for role, ion in ions.items()}
    lattice, sites = prototype.cell(*(r[a] + r[b] for a, b in prototype.bonds))
    elements = [Element(ions[role].symbol) for role, points in sites.items() for _ in points]
    positions = np.array([x for points in sites.values() for x in points])
    crystal = Crystal(np.asarray(lattice), positions, np.array([e.Z for e in elements], dtype=np.int64))
    volume = abs(float(np.linalg.det(lattice)))
    mass = sum(float(e.atomic_mass) for e in elements)
    properties = {"volume_per_atom": volume / len(elements), "density": mass / volume * _AMU_PER_A3}
    name = f"{prototype.name}-{_formula(ions, sites)}"
    return RawRecord(name, f"prototypes: {name}", crystal, properties)


def _formula(ions: Assignment, sites: Sites) -> str:
    counts = {role: len(points) for role, points in sites.items()}
    divisor = math.gcd(*counts.values())
    amounts = ((ions[role].symbol, n // divisor) for role, n in sorted(counts.items()))
    return "".join(symbol + (str(n) if n > 1 else "") for symbol, n in amounts)
