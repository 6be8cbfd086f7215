"""Phases from a file of pymatgen entries, or of a phase diagram."""

import gzip
import json
from pathlib import Path
from typing import Any

from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import DummySpecies

from epitaxy.eval.stability.hull import Hull, HullEntry, hull_of_entries
from epitaxy.eval.stability.methods import PBE, PBE_RAW, one_method, stated_method


def read_entries(path: Path, *, corrected: bool = True) -> Hull:
    """Read a hull from JSON of pymatgen entries.

    Understood are a list as ``json.dump([entry.as_dict() for entry in entries])`` writes it, of
    ``ComputedEntry``, ``ComputedStructureEntry`` or ``PDEntry``, and a ``PhaseDiagram`` or
    ``PatchedPhaseDiagram`` as ``as_dict()`` or monty write it. Records are read as data: no class that a file
    names is imported.

    Args:
        path: The file, gzipped if its name ends so.
        corrected: Whether an energy is that of the record with its correction, or without it.

    Raises:
        ValueError: If the file, or a record in it, is not understood, or its energies are of several methods;
            the message names it.

    """
    records = _records(path)
    if not corrected and not any("correction" in r for r in records if isinstance(r, dict)):
        raise ValueError(
            f"{path} holds no energies without corrections, and this potential's are of that kind: write it "
            f"with "
            "ComputedEntry.as_dict(), or name known crystals"
        )
    entries = [_entry(record, number, path, corrected) for number, record in enumerate(records)]
    method = one_method((stated_method(r) for r in records), str(path))
    return hull_of_entries(
        entries, source=path.name, method=PBE_RAW if method == PBE and not corrected else method
    )


def _records(path: Path) -> list[Any]:
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        held = json.loads(raw)
    except (OSError, EOFError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON file of entries: {error}") from error
    if isinstance(held, dict):
        # Of a phase diagram pymatgen has them in `computed_data`, in earlier versions beside it.
        places = (held, held.get("computed_data"))
        found = (p[k] for p in places if isinstance(p, dict) for k in ("all_entries", "entries") if k in p)
        held = next(found, held)
    if not isinstance(held, list):
        raise ValueError(
            f"{path} holds no list and no phase diagram: write it as json.dump([entry.as_dict() for entry in "
            "entries])"
        )
    return held


def _entry(record: Any, number: int, path: Path, corrected: bool) -> HullEntry:
    try:
        composition = Composition(record["composition"])
        if any(isinstance(element, DummySpecies) for element in composition):
            raise ValueError(f"{composition} holds what is no element")
        energy = float(record["energy"]) + (float(record.get("correction") or 0.0) if corrected else 0.0)
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
