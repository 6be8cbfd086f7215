"""Ions and their radii."""

from functools import cache
from typing import NamedTuple

from pymatgen.core.periodic_table import Element

_ROMAN = {
    "I": 1,
    "II": 2,
    "III": 3,
    "IV": 4,
    "V": 5,
    "VI": 6,
    "VII": 7,
    "VIII": 8,
    "IX": 9,
    "X": 10,
    "XI": 11,
}
_ROMAN |= {"XII": 12, "XIV": 14}

_NOT_IN_SHANNON = {("P", -3): 2.12, ("As", -3): 2.22, ("Sb", -3): 2.45}
"""Angstrom, six-fold; Pauling, The Nature of the Chemical Bond (1960)."""


class Ion(NamedTuple):
    """An element with its charge."""

    symbol: str
    charge: int


def ions(symbols: str, charge: int) -> tuple[Ion, ...]:
    """Ions of one charge from symbols separated by blanks."""
    return tuple(Ion(symbol, charge) for symbol in symbols.split())


@cache
def radius(ion: Ion, coordination: int) -> float:
    """Shannon's effective ionic radius, angstrom, at the tabulated coordination nearest to the one asked for.

    R. D. Shannon, Acta Cryst. A 32, 751 (1976), from pymatgen's table; high spin where both spins are
    tabulated.

    Raises:
        KeyError: if the ion is not tabulated.

    """
    if ion in _NOT_IN_SHANNON:
        return _NOT_IN_SHANNON[ion]
    table = Element(ion.symbol).data["Shannon radii"][str(ion.charge)]
    known = {_ROMAN[name]: spins for name, spins in table.items() if name in _ROMAN}
    spins = known[min(known, key=lambda n: (abs(n - coordination), n))]
    chosen = spins.get("High Spin") or spins.get("") or next(iter(spins.values()))
    return float(chosen["ionic_radius"])
