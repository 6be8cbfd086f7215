"""One entry of a JSON file to a crystal, or to the text of a CIF."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float
from pymatgen.core.composition import Composition

from epitaxy.data import _elements
from epitaxy.data._crystal import Crystal, unknown_elements
from epitaxy.data._json_arrays import (
    NOT_PERIODIC,
    cell,
    cell_of,
    mapping,
    plain,
    refuse_aperiodic,
    refuse_other_angles,
    refuse_other_lengths,
    refuse_other_places,
    vectors,
)
from epitaxy.data._json_beside import CONTENT, SIZES, refuse_other, refuse_other_formula
from epitaxy.data._records import Described, brief
from epitaxy.data._words import number
from epitaxy.data.errors import UnusableRecordError

_BEFORE = "initial_structure"  # whose cell changed since: the volume beside it is of another
_UNDER = ("structure", "final_structure", _BEFORE)
_OQMD = {"delta_e", "stability", "ntypes", "composition_generic", "formationenergy_id"}
_OQMD_SITE = re.compile(r"(\S{1,40}) @ (\S+) (\S+) (\S+)", re.ASCII)
_NO_STRUCTURE = "it is no pymatgen structure; write it by Structure.as_dict()"
_MOLECULE = "it is a molecule or has no lattice, no pymatgen structure; write crystals by Structure.as_dict()"
_NAMELESS = "it is a list, of no named columns; write it by DataFrame.to_json(orient='records')"
_RATIO = 0.01  # by which a share of an element may be rounded
_INCOMPLETE = {"disorder", "implicit_atoms", "site_attachments", "assemblies"}
_UNASKED = (
    "it is OQMD's, without unit_cell and sites; ask its API for "
    "fields=name,entry_id,unit_cell,sites and the properties wanted"
)
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


def structure_in(entry: Any) -> Crystal | Described:
    """Return what an entry has of a structure: as pymatgen, JARVIS, OPTIMADE, OQMD or ASE write it, or a CIF.

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


def _found(entry: Any) -> Crystal | Described:
    if isinstance(entry, str):
        if "_cell_length" in entry.lower():
            return Described(entry, ())
        entry = json.loads(entry)
    if isinstance(entry, list):
        raise UnusableRecordError(_NAMELESS)
    if not isinstance(entry, dict):
        raise UnusableRecordError(_NO_STRUCTURE)
    refuse_repeated(entry)
    sizes = SIZES if _under(entry) != _BEFORE else ()
    beside = {key: entry[key] for key in (*CONTENT, *sizes) if key in entry}
    found = _held(entry)
    if isinstance(found, Described):
        return replace(found, beside=(*found.beside, beside))
    refuse_other(beside, found)
    return found


def _held(entry: Mapping[str, Any]) -> Crystal | Described:
    """Return what an object holds, by the keys that it has."""
    under = _under(entry)
    if under is not None:
        return _found(entry[under])
    if isinstance(entry.get("cif"), str):
        return Described(entry["cif"], ())
    if isinstance(entry.get("atoms"), dict):
        return _found(entry["atoms"])
    if isinstance(entry.get("attributes"), dict):
        return _optimade(entry["attributes"])
    if "lattice_vectors" in entry:
        return _optimade(entry)
    if "lattice_mat" in entry:
        return _jarvis(entry)
    if "numbers" in entry and "positions" in entry:
        return _ase(entry)
    if "lattice" in entry and "sites" in entry:
        return _pymatgen(entry)
    if "unit_cell" in entry or _OQMD & entry.keys():
        return _oqmd(entry)
    if entry.get("@class") in ("Molecule", "IMolecule") or "sites" in entry:
        raise UnusableRecordError(_MOLECULE)
    raise UnusableRecordError(_NO_STRUCTURE)


def _under(entry: Mapping[str, Any]) -> str | None:
    return next((key for key in _UNDER if key in entry), None)


def _pymatgen(data: Mapping[str, Any]) -> Crystal:
    sites = data["sites"]
    if not isinstance(sites, list):
        raise UnusableRecordError("its structure is incomplete: its sites are no list; restore it")
    lattice = mapping(data["lattice"], "lattice")
    for part in (lattice, *sites):
        refuse_repeated(part)
    symbols = [_symbol(site["species"]) for site in sites]
    positions = vectors([site["abc"] for site in sites], "position")
    matrix = _lattice(lattice)
    refuse_other_places(matrix, positions, [site.get("xyz") for site in sites])
    return _crystal(matrix, positions, symbols)


def _symbol(species: list[Mapping[str, Any]]) -> str:
    """Return the one element of a site, in one state of oxidation or several."""
    elements = {str(one["element"]) for one in species if one["occu"] != 0}
    if len(elements) != 1 or not abs(sum(float(one["occu"]) for one in species) - 1.0) <= 1e-8:
        raise UnusableRecordError(_PARTIAL)
    return elements.pop()


def _lattice(data: Mapping[str, Any]) -> Float[np.ndarray, "3 3"]:
    refuse_aperiodic(data.get("pbc", True))
    lengths = [data.get(name) for name in "abc"]
    angles = [data.get(name) for name in ("alpha", "beta", "gamma")]
    if "matrix" in data:
        matrix = cell(data["matrix"])
        refuse_other_lengths(matrix, lengths, data.get("volume"))
        refuse_other_angles(matrix, angles)
        return matrix
    return cell_of(lengths, angles)


def _jarvis(atoms: Mapping[str, Any]) -> Crystal:
    lattice, positions = cell(atoms["lattice_mat"]), vectors(atoms["coords"], "position")
    if isinstance(atoms.get("abc"), list):
        refuse_other_lengths(lattice, atoms["abc"][:3])
    if isinstance(atoms.get("angles"), list):
        refuse_other_angles(lattice, atoms["angles"][:3])
    cartesian = str(atoms.get("cartesian") or False).lower()
    if cartesian not in ("true", "1", "false", "0"):
        raise UnusableRecordError(f"its cartesian is {cartesian[:40]!r}; write true or false")
    if cartesian in ("true", "1"):
        positions = positions @ np.linalg.inv(lattice)
    return _crystal(lattice, positions, [str(symbol).strip() for symbol in atoms["elements"]])


def _oqmd(entry: Mapping[str, Any]) -> Crystal:
    """Read an answer of OQMD's API: lattice vectors, and sites as `Fe @ 0.333 0.667 0.25`, in fractions.

    It writes three digits of each, whatever the calculation has.
    """
    sites = entry.get("sites")
    if not isinstance(sites, list) or entry.get("unit_cell") is None:
        raise UnusableRecordError(_UNASKED)
    read = [_oqmd_site(site) for site in sites]
    positions = vectors([place for _, place in read], "position")
    crystal = _crystal(cell(entry["unit_cell"]), positions, [symbol for symbol, _ in read])
    for name in ("name", "composition"):
        refuse_other_formula(name, entry, Counter(crystal.numbers.tolist()))
    return crystal


def _oqmd_site(site: Any) -> tuple[str, list[float]]:
    words = _OQMD_SITE.fullmatch(site) if isinstance(site, str) else None
    if words is None:
        raise UnusableRecordError(f"its site {str(site)[:40]!r} is not as 'Fe @ 0 0 0.5'; restore it")
    if words[1].startswith("(") or words[1] == "Vac":
        raise UnusableRecordError(_PARTIAL)
    return words[1], [number(word) for word in words.groups()[1:]]


def _ase(atoms: Mapping[str, Any]) -> Crystal:
    """Read what ASE's `Atoms.todict`, its encoder and its JSON database write; without pbc it is none."""
    refuse_aperiodic(atoms.get("pbc", False))
    lattice = cell(atoms.get("cell"))
    positions = vectors(atoms["positions"], "position") @ np.linalg.inv(lattice)
    numbers = plain(atoms["numbers"])
    if not (isinstance(numbers, list) and all(type(n) is int and 0 < n < 119 for n in numbers)):
        raise UnusableRecordError("its numbers are not all atomic numbers; correct or drop the record")
    return Crystal(lattice, positions, np.array(numbers, dtype=np.int64))


def _optimade(attributes: Mapping[str, Any]) -> Crystal:
    refuse_repeated(attributes)
    if attributes.get("nperiodic_dimensions", 3) != 3 or not all(attributes.get("dimension_types") or (1,)):
        raise UnusableRecordError(NOT_PERIODIC)
    if features := _INCOMPLETE & set(attributes.get("structure_features") or ()):
        raise UnusableRecordError(f"it has {', '.join(sorted(features))}; write all of its atoms as sites")
    lattice = cell(attributes["lattice_vectors"])
    positions = vectors(attributes["cartesian_site_positions"], "position") @ np.linalg.inv(lattice)
    kinds = {kind["name"]: kind for kind in attributes.get("species") or ()}
    symbols = [_of_kind(kinds.get(name), name) for name in attributes["species_at_sites"]]
    crystal = _crystal(lattice, positions, symbols)
    _refuse_other_counts(attributes, symbols)
    return crystal


def _refuse_other_counts(attributes: Mapping[str, Any], symbols: list[str]) -> None:
    """Refuse sites that are not what the counts beside them say: some of them were lost."""
    formula, elements = attributes.get("chemical_formula_reduced"), attributes.get("elements")
    found = {
        "nsites": (attributes.get("nsites"), len(symbols)),
        "nelements": (attributes.get("nelements"), len(set(symbols))),
        "elements": (sorted(elements or ()) or None, sorted(set(symbols))),
        "chemical_formula_reduced": (
            formula and Composition(formula).reduced_formula,
            Composition(Counter(symbols)).reduced_formula,
        ),
    }
    for name, (stated, counted) in found.items():
        if stated is not None and stated != counted:
            raise UnusableRecordError(
                f"its {name} is {str(stated)[:60]}, and its sites give {str(counted)[:60]}; restore it"
            )
    for name, ratio in zip(elements or (), attributes.get("elements_ratios") or (), strict=False):
        if abs(symbols.count(name) / len(symbols) - float(ratio)) > _RATIO:
            raise UnusableRecordError(
                f"its elements_ratios has {float(ratio):g} of {str(name)[:20]}, and its sites give "
                f"{symbols.count(name)} of {len(symbols)}; restore it"
            )


def _of_kind(kind: Mapping[str, Any] | None, name: str) -> str:
    if kind is None:
        return name
    symbols, shares = kind["chemical_symbols"], kind.get("concentration", [1.0])
    ordered = len(symbols) == len(shares) == 1 and abs(float(shares[0]) - 1.0) <= 1e-8
    if not ordered or kind.get("attached"):
        raise UnusableRecordError(_PARTIAL)
    return str(symbols[0])


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
