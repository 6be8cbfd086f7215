"""Whether what an entry says beside its structure is true of it: formula, elements, counts, sizes."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pymatgen.core.composition import Composition

from epitaxy.data import _elements
from epitaxy.data._cif_counts import MASS
from epitaxy.data._cif_text import number
from epitaxy.data._crystal import GRAMS, Crystal, masses
from epitaxy.data._distances import volume
from epitaxy.data._volume import other_volume_of_vectors
from epitaxy.data.errors import UnusableRecordError

_COMPOSITIONS = ("composition", "composition_reduced", "formula_pretty", "pretty_formula", "formula")
_SHARE = 2e-3  # by which a share of an element in a formula may be rounded: Fe0.333O0.667 is FeO2
CONTENT = (*_COMPOSITIONS, "chemsys", "elements", "nelements", "ntypes", "nsites", "natoms")
"""Keys of what a structure is made of."""

SIZES = ("volume", "density")
"""Keys of how large it is."""


def refuse_other(entry: Mapping[str, Any], crystal: Crystal) -> None:
    """Refuse an entry of which anything is not its structure's, volume and density among it.

    Raises:
        UnusableRecordError: with both values.

    """
    refuse_other_content(entry, crystal)
    refuse_other_size(entry, crystal)


def refuse_other_size(entry: Mapping[str, Any], crystal: Crystal) -> None:
    """Refuse an entry whose volume or density is not its structure's.

    A volume is of so many sites as the entry says, else of those listed: of the conventional cell, perhaps.

    Raises:
        UnusableRecordError: with both values.

    """
    size = volume(crystal.lattice)
    if size == 0.0:
        return  # which is said elsewhere
    sites = entry.get("nsites")
    cells = sites / len(crystal.numbers) if type(sites) is int and sites > 0 else 1.0
    stated = _written(entry.get("volume"))
    if other_volume_of_vectors(stated, crystal.lattice, cells):
        raise _other("volume", stated, f"{cells * size:.6g} Å3")
    _refuse_other_density(_written(entry.get("density")), crystal, GRAMS / size)


def _refuse_other_density(stated: str, crystal: Crystal, grams: float) -> None:
    declared, hydrogens = number(stated), int((crystal.numbers == 1).sum())
    found = grams * float(masses()[crystal.numbers].sum())
    heavier = found + grams * hydrogens * float(masses()[1])  # if all of it is deuterium, which is no element
    if declared and not (1 - MASS) * found <= declared <= (1 + MASS) * heavier:
        raise _other("density", stated, f"{found:.4g} g/cm3")


def _written(stated: Any) -> str:
    return str(stated) if type(stated) in (int, float, str) else "."


def _other(name: str, stated: str, found: str) -> UnusableRecordError:
    return UnusableRecordError(
        f"its {name} is {stated[:40]} where its structure has {found}: correct either, or rename the {name} "
        "if it is of something else"
    )


def refuse_other_content(entry: Mapping[str, Any], crystal: Crystal) -> None:
    """Refuse an entry whose formula, elements or count of sites beside it are not its structure's.

    Cells may be primitive or conventional: a formula counts up to a factor, and so do sites.
    """
    counted = Counter(crystal.numbers.tolist())
    for name in _COMPOSITIONS:
        if not (name == "composition" and isinstance(entry.get(name), str)):
            refuse_other_formula(name, entry, counted)
    system = str(entry.get("chemsys") or "").split("-")
    listed = entry.get("elements")
    for name, symbols in (("chemsys", system), ("elements", listed if isinstance(listed, list) else [])):
        known = [_elements.of_type(one) if isinstance(one, str) else None for one in symbols]
        if known and None not in known and {_elements.number_of(str(one)) for one in known} != set(counted):
            raise _content(name, entry[name], counted)
    for name in ("nelements", "ntypes"):
        if type(kinds := entry.get(name)) is int and kinds != len(counted):
            raise _content(name, kinds, counted)
    for name in ("nsites", "natoms"):
        sites = entry.get(name)
        if type(sites) is int and sites > 0 and sites % counted.total() and counted.total() % sites:
            raise _content(name, sites, counted)


def refuse_other_formula(name: str, entry: Mapping[str, Any], counted: Counter[int]) -> None:
    stated = _shares_of(entry.get(name))
    if stated is not None and not _same_shares(stated, _shares(counted)):
        raise _content(name, entry[name], counted)


def _content(name: str, stated: Any, counted: Counter[int]) -> UnusableRecordError:
    found = Composition(counted).formula
    return UnusableRecordError(
        f"its {name} is {str(stated)[:60]}, and its structure is {found[:60]}; restore it"
    )


def _shares_of(stated: Any) -> dict[int, float] | None:
    """Return the shares of elements that a formula, or counts by element, state; None if it states none."""
    if isinstance(stated, dict) and not all(type(n) in (int, float) for n in stated.values()):
        return None
    try:
        made = Composition(stated if isinstance(stated, str) else {k: n for k, n in stated.items() if n})
        counts: dict[int, float] = {}
        for element, amount in made.items():
            number = _elements.number_of(_elements.of_type(str(element)) or "")
            counts[number] = counts.get(number, 0.0) + amount
        return _shares(counts)
    except Exception:  # what is no formula states nothing
        return None


def _shares(counts: Mapping[int, int | float]) -> dict[int, float]:
    total = float(sum(counts.values()))
    return {z: n / total for z, n in counts.items()}


def _same_shares(one: Mapping[int, float], other: Mapping[int, float]) -> bool:
    return one.keys() == other.keys() and all(abs(share - other[z]) <= _SHARE for z, share in one.items())
