"""Bond lengths and valences by which bonds are told from distances.

The lengths are those of EDM (Hoogeboom et al., arXiv:2203.17003, Appendix C, and its public code), which
GeoLDM, GeoBFN and the tables that compare with them share. EDM names its sources: the lists of average bond
lengths of wiredchemist.com and chemistry-reference.com; its margins were chosen by EDM for the largest
stability of QM9's own molecules.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float64
from pymatgen.analysis.molecule_structure_comparator import CovalentRadius
from pymatgen.core.periodic_table import Element

Pair = tuple[int, int]
"""Two atomic numbers, ascending."""

LAST = 118
"""The last element."""

MOST_BONDS = 64
"""A sum of bond orders of this much and more is one no table allows."""

REACH_MARGIN = 0.45
"""Angstrom: two atoms this much beyond the sum of their covalent radii could still be bonded."""

_UNKNOWN_RADIUS = 1.5  # angstrom: for elements beyond curium and for what is no element

_SINGLE = """
H:  H 74  B 119 C 109 N 101 O 96  F 92  Si 148 P 144 S 134 Cl 127 As 152 Br 141 I 161
B:  Cl 175
C:  C 154 N 147 O 143 F 135 Si 185 P 184 S 182 Cl 177 Br 194 I 214
N:  N 145 O 140 F 136 P 177 S 168 Cl 175 Br 214 I 222
O:  O 148 F 142 Si 163 P 163 S 151 Cl 164 Br 172 I 194
F:  F 142 Si 160 P 156 S 158 Cl 166 Br 178 I 187
Si: Si 233 S 200 Cl 202 Br 215 I 243
P:  P 221 S 210 Cl 203 Br 222
S:  S 204 Cl 207 Br 225 I 234
Cl: Cl 199 Br 214
Br: Br 228
I:  I 266
"""
_DOUBLE = """
C: C 134 N 129 O 120 S 160
N: N 125 O 121
O: O 121 P 150
P: S 186
"""
_TRIPLE = """
C: C 120 N 116 O 113
N: N 110
"""
_VALENCES = "H 1  B 3  C 4  N 3  O 2  F 1  Al 3  Si 4  P 3 5  S 4  Cl 1  As 3  Br 1  I 1  Hg 1 2  Bi 3 5"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BondTable:
    """Which distances make which bond, and how many bonds an atom has.

    A pair is bonded where its distance is below the single length and `margins[0]`; doubly where it is,
    besides, below the double length and `margins[1]`; triply where it is, besides, below the triple length
    and `margins[2]`. Each bound is strict. A pair without a single length is unknown.

    Attributes:
        name: What reports call it.
        source: Where the numbers are from.
        single: Picometres by pair; likewise `double` and `triple`.
        margins: Picometres.
        valences: The sums of bond orders of a stable (neutral, closed-shell) atom, by atomic number.

    """

    name: str
    source: str
    single: Mapping[Pair, float]
    double: Mapping[Pair, float]
    triple: Mapping[Pair, float]
    margins: tuple[float, float, float]
    valences: Mapping[int, tuple[int, ...]]

    def bounds(self) -> Float64[np.ndarray, "3 numbers numbers"]:
        """Give the bounds of the three orders by atomic numbers, picometres; NaN for an unknown pair.

        Atomic number 0 stands for everything that is no element. Where a known pair has no double or triple
        bond its bound is minus infinity.
        """
        bounds = np.full((3, LAST + 1, LAST + 1), -np.inf)
        bounds[0] = np.nan
        for order, lengths in enumerate((self.single, self.double, self.triple)):
            for (a, b), length in lengths.items():
                bounds[order, a, b] = bounds[order, b, a] = length + self.margins[order]
        return bounds

    def allowed(self) -> Bool[np.ndarray, "numbers sums"]:
        """Give whether an element allows a sum of bond orders."""
        allowed = np.zeros((LAST + 1, MOST_BONDS + 1), dtype=bool)
        for number, sums in self.valences.items():
            allowed[number, list(sums)] = True
        return allowed


def _number(symbol: str) -> int:
    return int(Element(symbol).Z)


def _lengths(text: str) -> Mapping[Pair, float]:
    found: dict[Pair, float] = {}
    for line in text.strip().splitlines():
        first, rest = line.split(":")
        words = rest.split()
        for symbol, length in zip(words[::2], words[1::2], strict=True):
            a, b = sorted((_number(first), _number(symbol)))
            found[a, b] = float(length)
    return MappingProxyType(found)


def _valences(text: str) -> Mapping[int, tuple[int, ...]]:
    found: dict[int, tuple[int, ...]] = {}
    number = 0
    for word in text.split():
        if word.isdigit():
            found[number] = (*found[number], int(word))
        else:
            number = _number(word)
            found[number] = ()
    return MappingProxyType(found)


EDM = BondTable(
    name="edm",
    source="EDM, arXiv:2203.17003, and its public code: qm9/bond_analyze.py",
    single=_lengths(_SINGLE),
    double=_lengths(_DOUBLE),
    triple=_lengths(_TRIPLE),
    margins=(10.0, 5.0, 3.0),
    valences=_valences(_VALENCES),
)
"""The published rule. Its sulfur needs four bonds: that of a thiol or a thioether counts as unstable."""

SULFUR = BondTable(
    name="edm_sulfur",
    source=f"{EDM.source}; sulfur with the valences 2, 4 and 6",
    single=EDM.single,
    double=EDM.double,
    triple=EDM.triple,
    margins=EDM.margins,
    valences=MappingProxyType({**EDM.valences, 16: (2, 4, 6)}),
)
"""EDM's lengths, with sulfur as chemistry has it. The same as `EDM` for molecules without sulfur."""

BOND_TABLES: Mapping[str, BondTable] = MappingProxyType({table.name: table for table in (EDM, SULFUR)})
"""The tables by name."""


def bond_table(name: "str | BondTable") -> BondTable:
    """Return the table of that name, or the table itself.

    Raises:
        ValueError: If there is none of that name.

    """
    if isinstance(name, BondTable):
        return name
    if name not in BOND_TABLES:
        raise ValueError(f"no bond table is called {name!r}; there are {', '.join(BOND_TABLES)}")
    return BOND_TABLES[name]


@cache
def covalent_radii() -> Float64[np.ndarray, " numbers"]:
    """Covalent radii by atomic number, angstrom (Cordero et al., Dalton Trans. 2832 (2008), by pymatgen)."""
    radii = np.full(LAST + 1, _UNKNOWN_RADIUS)
    for symbol, radius in CovalentRadius.radius.items():
        radii[_number(symbol)] = radius
    return radii


def symbol(number: int) -> str:
    """Return an element's symbol, or `Z=0` for what is no element."""
    return str(Element.from_Z(number).symbol) if 1 <= number <= LAST else f"Z={number}"
