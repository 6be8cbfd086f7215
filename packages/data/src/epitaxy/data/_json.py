"""pymatgen structures in JSON: as `Structure.as_dict()` or monty write them.

Read by hand: monty's own decoder imports whatever module a file names.
"""

import gzip
import json
import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core.periodic_table import Element

from epitaxy.data._cells import lattice_matrix
from epitaxy.data._crystal import Crystal, unknown_elements
from epitaxy.data.errors import DataError, UnusableRecordError

JSON_SUFFIXES = (".json", ".json.gz", ".jsonl", ".jsonl.gz")
_ID_KEYS = ("material_id", "id", "entry_id")


@dataclass(frozen=True, slots=True)
class StructureDict:
    """What stands where a file should have a structure."""

    data: Any


def json_entries(path: Path) -> list[tuple[str, StructureDict, dict[str, float]]] | None:
    """Each structure of a file with its id and numbers; None for JSON lines, which `json_lines` streams.

    A file is a list of structures, a dict of them by id, or one; a structure may stand in an entry of its own
    under `structure`, beside `material_id`, `id` or `entry_id` and numbers. Without an id a structure of a
    list is `item-<number>`; one that is the whole file has the file's stem.

    Raises:
        DataError: if the file is no JSON or of none of these forms.

    """
    if ".jsonl" in path.name.lower():
        return None
    try:
        with _open(path) as file:
            content = json.load(file)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        why = " ".join(str(error).split())[:120]
        raise DataError(f"{path} is no complete JSON file ({why}); restore it") from error
    if isinstance(content, dict) and ("structure" in content or "sites" in content or "@class" in content):
        return [_entry(content, path.name.split(".")[0])]
    if isinstance(content, dict):
        return [_entry(value, str(key), named=True) for key, value in content.items()]
    if isinstance(content, list):
        return [_entry(value, f"item-{number}") for number, value in enumerate(content, start=1)]
    raise DataError(f"{path} holds no structures; give a list of them, a dict of them by id, or one")


def json_lines(path: Path) -> Iterator[tuple[int, str, StructureDict, dict[str, float]]]:
    """Line number, id, structure and numbers of each line that is not blank.

    Raises:
        DataError: if the file cannot be read.

    """
    try:
        with _open(path) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    try:
                        value = json.loads(line)
                    except ValueError:
                        value = None
                    yield number, *_entry(value, f"item-{number}")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}); fetch or copy it again") from error


def _open(path: Path) -> Any:
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")


def _entry(value: Any, name: str, *, named: bool = False) -> tuple[str, StructureDict, dict[str, float]]:
    if not (isinstance(value, dict) and "structure" in value):
        return name, StructureDict(value), {}
    found = next((str(value[key]) for key in _ID_KEYS if isinstance(value.get(key), str | int)), None)
    numbers = {
        key: float(number)
        for key, number in value.items()
        if key not in _ID_KEYS and isinstance(number, int | float) and not isinstance(number, bool)
    }
    return name if named or not found else found, StructureDict(value["structure"]), numbers


def parse_structure_dict(entry: StructureDict) -> Crystal:
    """Return the crystal of a structure's dict, or of its JSON text.

    Raises:
        UnusableRecordError: if it is none, or not ordered, periodic and made of elements.

    """
    data = entry.data
    try:
        if isinstance(data, str):
            data = json.loads(data)
        if not isinstance(data, dict) or "lattice" not in data or "sites" not in data:
            raise UnusableRecordError("it is no pymatgen structure; write it by Structure.as_dict()")
        symbols = [_symbol(site["species"]) for site in data["sites"]]
        positions = np.array([site["abc"] for site in data["sites"]], dtype=np.float64).reshape(-1, 3)
        lattice = _lattice(data["lattice"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        why = f"{type(error).__name__}: {error}"[:120]
        raise UnusableRecordError(f"its structure is incomplete ({why}); restore it") from error
    unknown = {symbol for symbol in symbols if not Element.is_valid_symbol(symbol)}
    if unknown:
        raise UnusableRecordError(unknown_elements(unknown))
    numbers = {symbol: Element(symbol).Z for symbol in set(symbols)}
    return Crystal(lattice, positions, np.array([numbers[symbol] for symbol in symbols], dtype=np.int64))


def _symbol(species: list[Mapping[str, Any]]) -> str:
    if len(species) != 1 or abs(float(species[0]["occu"]) - 1.0) > 1e-8:
        raise UnusableRecordError(
            "it has partial occupancies; replace it by an ordered approximant or drop the record"
        )
    return str(species[0]["element"])


def _lattice(data: Mapping[str, Any]) -> np.ndarray:
    if not all(data.get("pbc", (True, True, True))):
        raise UnusableRecordError("it is not periodic in three directions; write one that is")
    if "matrix" in data:
        return np.array(data["matrix"], dtype=np.float64).reshape(3, 3)
    a, b, c = (float(data[name]) for name in "abc")
    return lattice_matrix(a, b, c, *(math.radians(float(data[name])) for name in ("alpha", "beta", "gamma")))
