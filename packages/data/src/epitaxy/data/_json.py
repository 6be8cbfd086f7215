"""Structures in JSON, as pymatgen, pandas, OPTIMADE, OQMD and JARVIS write them.

Read by hand: monty's own decoder imports whatever module a file names.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from epitaxy.data import _limits
from epitaxy.data._input import open_input, to_text
from epitaxy.data._json_frames import (
    column_frame,
    column_lists,
    is_column_frame,
    numbered,
    split_frame,
)
from epitaxy.data._json_structures import Repeated, refuse_repeated, structure_in
from epitaxy.data._names import uncompressed
from epitaxy.data._records import (
    IncompleteError,
    InputFaultError,
    RawRecord,
    RawSource,
    Reject,
    brief,
    rejected,
)
from epitaxy.data._suffixes import JSON_SUFFIXES
from epitaxy.data._words import id_name
from epitaxy.data.errors import DataError

_WHOLE = (
    *("structure", "sites", "@class", "atoms", "attributes", "lattice_mat", "lattice_vectors", "positions"),
)
_TOO_DEEP = object()
_BLANKS = re.compile(r"[ \t\n\r]*")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_WRAPPERS = ("structures", "entries", "results", "materials", "crystals")
_FORMS = "give a list of structures, a dict of them by id, or one"


def is_json(name: str) -> bool:
    """Whether a file's name says JSON."""
    return uncompressed(name).lower().endswith(JSON_SUFFIXES)


def json_source(path: Path) -> RawSource:
    """Return the structures of a JSON file.

    A file is a list of structures, a dict of them by id, one, a DataFrame (records, split, columns, index or
    table), OPTIMADE's answer, ASE's database, or JSON lines; see `structure_in` for what counts as one. Ids
    are `material_id` and the like beside a structure, the keys, else `item-<number>`; one that is the whole
    file has the file's stem.

    Raises:
        DataError: if the file is no JSON or of none of these forms.

    """
    by_lines = not uncompressed(path.name).lower().endswith(".json")
    if by_lines and not _begins_with_list(path):
        return RawSource(_lines(path), None)
    try:
        with open_input(path, total=_limits.LARGEST_DOCUMENT) as stream:
            content = stream.read()
        value = _value(content)
    except IncompleteError as error:
        raise DataError(f"{path} is no complete JSON file: it {error}") from error
    except ValueError as error:
        if by_lines or _begins_with_document(content):
            return RawSource(_lines(path), None)
        raise DataError(f"{path} is no complete JSON file ({brief(error)}); restore it") from error
    if isinstance(value, dict) and value.get("errors") and not value.get("data"):
        raise InputFaultError(f"is a server's message ({_title(value['errors'])}); ask the server again")
    entries = list(_entries(value, path.name.split(".")[0]))
    if not entries:
        raise DataError(f"{path} holds no structures; {_FORMS}")
    records = (_record(value, name, f"{path}: {name}") for name, value in entries)
    return RawSource(records, len(entries), _pages(value))


def _title(errors: Any) -> str:
    first = errors[0] if isinstance(errors, list) else errors
    return brief(str(first.get("detail") or first.get("title")) if isinstance(first, dict) else str(first))


def _pages(value: Any) -> list[str]:
    """Say so where a server's answer is one page of several."""
    links = value.get("links") if isinstance(value, dict) else None
    more = isinstance(links, dict) and bool(links.get("next"))
    return ["the file is one page of several, says its links.next; fetch the others too"] if more else []


def _value(content: bytes) -> Any:
    """Read a whole document; a byte that is not UTF-8 spoils a name, and an entry too deep itself alone."""
    try:
        text: bytes | str = content
        try:
            return _loads(text)
        except UnicodeDecodeError:
            text = to_text(content)
            return _loads(text)
    except RecursionError:
        text = to_text(content)
        if not text.lstrip().startswith("["):
            raise
        return list(_apart(text, text.index("[") + 1))


def _loads(content: bytes | str) -> Any:
    return json.loads(content, parse_int=_integer, object_pairs_hook=_pairs)


def _apart(text: str, place: int) -> Iterator[Any]:
    """Yield the entries of a list one by one, `_TOO_DEEP` for what cannot be read; place is its first."""
    decoder = json.JSONDecoder(parse_int=_integer, object_pairs_hook=_pairs)
    mark = ","
    while mark == ",":
        place = _written(text, place)
        try:
            value, place = decoder.raw_decode(text, place)
        except RecursionError:
            value, place = _TOO_DEEP, _after(text, place)
        yield value
        place = _written(text, place)
        mark, place = text[place : place + 1], place + 1
    if mark != "]" or _written(text, place) < len(text):
        raise json.JSONDecodeError("Expecting ',' or the end of the list", text, place - 1)


def _written(text: str, place: int) -> int:
    """Return where something stands again, blanks aside."""
    blanks = _BLANKS.match(text, place)
    return place if blanks is None else blanks.end()


def _after(text: str, place: int) -> int:
    """Return where the value that begins here ends, by its brackets alone."""
    depth = 0
    for token in _TOKEN.finditer(text, place):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth == 0:
            return token.end()
    raise ValueError("a list has no end")


def _integer(text: str) -> int | float:
    """Python refuses whole files for one integer of thousands of digits; as a float it is infinite."""
    return int(text) if len(text) <= _limits.LONGEST_NUMBER else float(text)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Repeated(pairs)


def _begins_with_document(content: bytes) -> bool:
    """Whether a file that is no JSON has a first line that is: JSON lines by another name."""
    first, _, rest = content.lstrip().partition(b"\n")
    try:
        return bool(rest.strip()) and isinstance(_loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _begins_with_list(path: Path) -> bool:
    """Whether a file called JSON lines is one list of all."""
    with open_input(path) as stream:
        return stream.peek(64).lstrip().startswith(b"[")


def _lines(path: Path) -> Iterator[RawRecord | Reject]:
    with open_input(path, line=_limits.LARGEST_RECORD) as stream:
        for number, line in enumerate(stream, start=1):
            record = _line(line, f"item-{number}", f"{path}: line {number}") if line.strip() else None
            if record is not None:
                yield record


def _line(line: bytes, name: str, where: str) -> RawRecord | Reject | None:
    try:
        value = _loads(to_text(line).rstrip().removesuffix(","))
    except ValueError as error:
        return Reject(name, where, f"the line is no JSON ({brief(error)}); restore it")
    except RecursionError as error:
        return rejected(name, where, error)
    return None if _heads(value) else _record(value, name, where)


def _heads(value: Any) -> bool:
    """Whether a line is no entry but says what follows, as OPTIMADE's first ones do."""
    return isinstance(value, dict) and ("x-optimade" in value or value.get("type") == "info")


def _entries(value: Any, stem: str) -> Iterable[tuple[str, Any]]:
    """Return each structure's name and what the file has of it."""
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        frame = split_frame(value) if isinstance(value.get("columns"), list) else None
        return numbered(value["data"]) if frame is None else frame
    if isinstance(value, list):
        return numbered(value)
    if isinstance(value, dict) and isinstance(value.get("data"), dict) and "attributes" in value["data"]:
        return [(stem, value["data"])]
    if not isinstance(value, dict):
        return []
    if any(key in value for key in _WHOLE) and not (is_column_frame(value) or column_lists(value)):
        return [(stem, value)]
    if is_column_frame(value):
        return column_frame(value)
    if (columns := column_lists(value)) is not None:
        return columns
    if isinstance(value.get("ids"), list) and "nextid" in value:  # ASE's database
        return [(str(key), _Named(value.get(str(key)))) for key in value["ids"]]
    held = [key for key in _WRAPPERS if isinstance(value.get(key), list)]
    if len(held) == 1:
        return numbered(value[held[0]])
    pairs = value.pairs if isinstance(value, Repeated) else list(value.items())
    if all(str(key).isdecimal() for key, _ in pairs) and all(_has_id(entry) for _, entry in pairs):
        return numbered([entry for _, entry in pairs])  # a DataFrame's rows, of which a column holds the ids
    return [(str(key), _Named(entry)) for key, entry in pairs]


def _has_id(entry: Any) -> bool:
    return isinstance(entry, dict) and (key := id_name(entry)) is not None and entry[key] is not None


class _Named:
    """An entry whose key in the file is its name, whatever ids it has itself."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _record(value: Any, name: str, where: str) -> RawRecord | Reject:
    named = isinstance(value, _Named)
    entry = value.value if named else value
    try:
        if entry is _TOO_DEEP:
            raise RecursionError
        if isinstance(entry, dict):
            refuse_repeated(entry)
            key = None if named else id_name(entry)
            if key is not None and isinstance(entry[key], str | int) and entry[key] != "":
                name = str(entry[key])
        payload = structure_in(entry)
        return RawRecord(name, where, payload, _numbers(entry))
    except Exception as error:
        return rejected(name, where, error)


def _numbers(entry: Any) -> dict[str, float]:
    """Return the numbers beside a structure; those of OPTIMADE's attributes and of ASE's pairs too."""
    if not isinstance(entry, dict) or ("sites" in entry and "unit_cell" not in entry):
        return {}
    inner = entry.get("attributes", entry.get("key_value_pairs"))
    left = {id_name(entry), *(("ctime", "mtime") if "unique_id" in entry else ())}  # when ASE wrote it
    return {
        str(key): float(value)
        for key, value in [*entry.items(), *(inner.items() if isinstance(inner, dict) else ())]
        if isinstance(value, int | float) and not isinstance(value, bool) and key not in left
    }
