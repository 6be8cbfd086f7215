"""Phases from a file of pymatgen entries."""

import gzip
import json
from pathlib import Path
from typing import Any

from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import DummySpecies

from epitaxy.eval.stability.hull import Hull, HullEntry, hull_of_entries


def read_entries(path: Path) -> Hull:
    """Read a hull from JSON as ``json.dump([entry.as_dict() for entry in entries])`` writes it.

    Understood are ``ComputedEntry``, ``ComputedStructureEntry`` and ``PDEntry``; an energy is that of the
    record with its correction. Records are read as data: no class that a file names is imported.

    Args:
        path: The file, gzipped if its name ends so.

    Raises:
        ValueError: If the file, or a record in it, is not understood; the message names it.

    """
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        records = json.loads(raw)
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(f"{path} is no JSON file of entries: {error}") from error
    if not isinstance(records, list):
        raise ValueError(
            f"{path} holds no list: write it as json.dump([entry.as_dict() for entry in entries])"
        )
    entries = [_entry(record, number, path) for number, record in enumerate(records)]
    return hull_of_entries(entries, source=path.name)


def _entry(record: Any, number: int, path: Path) -> HullEntry:
    try:
        composition = Composition(record["composition"])
        if any(isinstance(element, DummySpecies) for element in composition):
            raise ValueError(f"{composition} holds what is no element")
        energy = float(record["energy"]) + float(record.get("correction") or 0.0)
        per_atom = energy / composition.num_atoms
        name = record.get("entry_id") or record.get("name") or number
    except Exception as error:  # pymatgen refuses a composition in many ways
        raise ValueError(
            f"{path}: record {number} is no entry with a composition and an energy ({type(error).__name__}: "
            f"{error}); write it with ComputedEntry.as_dict()"
        ) from error
    if not abs(per_atom) < float("inf"):
        raise ValueError(f"{path}: record {number} has no finite energy; leave it out")
    return HullEntry(id=str(name), composition=composition, energy=per_atom)
