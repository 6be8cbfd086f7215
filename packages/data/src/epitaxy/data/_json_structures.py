"""One entry of a JSON file to a crystal, or to the text of a CIF."""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from epitaxy.data import _elements
from epitaxy.data._cells import lattice_matrix
from epitaxy.data._crystal import Crystal, unknown_elements
from epitaxy.data._records import brief
from epitaxy.data.errors import UnusableRecordError

_UNDER = ("structure", "final_structure", "initial_structure")
_NO_STRUCTURE = "it is no pymatgen structure; write it by Structure.as_dict()"
_MOLECULE = "it is a molecule or has no lattice, no pymatgen structure; write crystals by Structure.as_dict()"
_NOT_PERIODIC = "it is not periodic in three directions; write one that is"
_PARTIAL = "it has partial occupancies; replace it by an ordered approximant or drop the record"


class Repeated(dict[str, Any]):
    """A JSON object in which a key stands twice; Python keeps the last of them, `pairs` has all."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def refuse_repeated(value: object) -> None:
    """Refuse an object in which a key stands twice: which of its values is meant cannot be known.

    Raises:
        UnusableRecordError: if it is one.

    """
    if isinstance(value, Repeated):
        keys = [key for key, _ in value.pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise UnusableRecordError(f"it has the key {twice[:40]!r} twice; leave one of them")


def structure_in(entry: Any) -> Crystal | str:
    """Return what an entry has of a structure: as pymatgen, JARVIS or OPTIMADE write it, or a CIF's text.

    Raises:
        UnusableRecordError: if it has none, or one that is not ordered, periodic and made of elements.

    """
    try:
        return _found(entry)
    except (UnusableRecordError, RecursionError, MemoryError):
        raise
    except Exception as error:
        why = f"{type(error).__name__}: {brief(error)}"[:120]
        raise UnusableRecordError(f"its structure is incomplete ({why}); restore it") from error


def _found(entry: Any) -> Crystal | str:
    if isinstance(entry, str):
        if "_cell_length" in entry.lower():
            return entry
        entry = json.loads(entry)
    if not isinstance(entry, dict):
        raise UnusableRecordError(_NO_STRUCTURE)
    refuse_repeated(entry)
    inner = next((entry[key] for key in _UNDER if key in entry), None)
    if inner is not None:
        return _found(inner)
    if isinstance(entry.get("cif"), str):
        return str(entry["cif"])
    if isinstance(entry.get("atoms"), dict):
        return _found(entry["atoms"])
    if isinstance(entry.get("attributes"), dict):
        return _optimade(entry["attributes"])
    if "lattice_mat" in entry:
        return _jarvis(entry)
    if "lattice" in entry and "sites" in entry:
        return _pymatgen(entry)
    if entry.get("@class") in ("Molecule", "IMolecule") or "sites" in entry:
        raise UnusableRecordError(_MOLECULE)
    raise UnusableRecordError(_NO_STRUCTURE)


def _pymatgen(data: Mapping[str, Any]) -> Crystal:
    for part in (data["lattice"], *data["sites"]):
        refuse_repeated(part)
    symbols = [_symbol(site["species"]) for site in data["sites"]]
    positions = _vectors([site["abc"] for site in data["sites"]], "position")
    return _crystal(_lattice(data["lattice"]), positions, symbols)


def _symbol(species: list[Mapping[str, Any]]) -> str:
    if len(species) != 1 or not abs(float(species[0]["occu"]) - 1.0) <= 1e-8:
        raise UnusableRecordError(_PARTIAL)
    return str(species[0]["element"])


def _lattice(data: Mapping[str, Any]) -> Float[np.ndarray, "3 3"]:
    if not all(data.get("pbc", (True, True, True))):
        raise UnusableRecordError(_NOT_PERIODIC)
    if "matrix" in data:
        return _cell(data["matrix"])
    a, b, c = (float(data[name]) for name in "abc")
    angles = [float(data[name]) for name in ("alpha", "beta", "gamma")]
    if not all(0.0 < angle < 180.0 for angle in angles):
        raise UnusableRecordError("an angle of its lattice is not between 0 and 180 degrees; correct it")
    return lattice_matrix(a, b, c, *(math.radians(angle) for angle in angles))


def _jarvis(atoms: Mapping[str, Any]) -> Crystal:
    lattice, positions = _cell(atoms["lattice_mat"]), _vectors(atoms["coords"], "position")
    if str(atoms.get("cartesian", False)).lower() in ("true", "1"):
        positions = positions @ np.linalg.inv(lattice)
    return _crystal(lattice, positions, [str(symbol).strip() for symbol in atoms["elements"]])


def _optimade(attributes: Mapping[str, Any]) -> Crystal:
    refuse_repeated(attributes)
    if attributes.get("nperiodic_dimensions", 3) != 3 or not all(attributes.get("dimension_types") or (1,)):
        raise UnusableRecordError(_NOT_PERIODIC)
    lattice = _cell(attributes["lattice_vectors"])
    positions = _vectors(attributes["cartesian_site_positions"], "position") @ np.linalg.inv(lattice)
    kinds = {kind["name"]: kind for kind in attributes.get("species") or ()}
    symbols = [_of_kind(kinds.get(name), name) for name in attributes["species_at_sites"]]
    return _crystal(lattice, positions, symbols)


def _of_kind(kind: Mapping[str, Any] | None, name: str) -> str:
    if kind is None:
        return name
    symbols, shares = kind["chemical_symbols"], kind.get("concentration", [1.0])
    ordered = len(symbols) == len(shares) == 1 and abs(float(shares[0]) - 1.0) <= 1e-8
    if not ordered or kind.get("attached"):
        raise UnusableRecordError(_PARTIAL)
    return str(symbols[0])


def _cell(rows: Any) -> Float[np.ndarray, "3 3"]:
    matrix = _vectors(rows, "lattice vector")
    if len(matrix) != 3:
        raise UnusableRecordError(f"its lattice has {len(matrix)} vectors; give three")
    return matrix


def _vectors(rows: Any, what: str) -> Float[np.ndarray, "rows 3"]:
    """Return lists of three numbers as an array; numpy alone takes six numbers for two positions."""
    if not isinstance(rows, list):
        raise UnusableRecordError(f"a list of {what}s is missing; restore it")
    for number, row in enumerate(rows, start=1):
        if not (isinstance(row, list) and len(row) == 3 and all(type(x) in (int, float) for x in row)):
            raise UnusableRecordError(f"{what} {number} is {str(row)[:60]}, not three numbers; correct it")
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def _crystal(
    lattice: Float[np.ndarray, "3 3"], positions: Float[np.ndarray, "atoms 3"], symbols: list[str]
) -> Crystal:
    known = _elements.NUMBERS | {"D": 1}
    unknown = {symbol[:40] for symbol in symbols if symbol not in known}
    if unknown:
        raise UnusableRecordError(unknown_elements(unknown))
    if len(symbols) != len(positions):
        counts = f"{len(positions)} positions and {len(symbols)} elements"
        raise UnusableRecordError(f"it has {counts}; restore it")
    return Crystal(lattice, positions, np.array([known[symbol] for symbol in symbols], dtype=np.int64))
