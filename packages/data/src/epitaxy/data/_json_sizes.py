"""Whether the volume and the density beside a structure are its own."""

from collections.abc import Mapping
from typing import Any

from epitaxy.data._cif_counts import MASS
from epitaxy.data._cif_text import number
from epitaxy.data._crystal import GRAMS, Crystal, masses
from epitaxy.data._distances import volume
from epitaxy.data._volume import other_volume_of_vectors
from epitaxy.data.errors import UnusableRecordError


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
