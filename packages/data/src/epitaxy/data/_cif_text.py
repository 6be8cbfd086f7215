"""The text of a CIF to the tags and values of its one structure, by gemmi; and its numbers."""

import re
from dataclasses import dataclass
from typing import Any

import gemmi

from epitaxy.data import _limits
from epitaxy.data.errors import UnusableRecordError
from epitaxy.geometry.typography import plain_text

_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d{1,3})?)(?:\(\d+\))?", re.ASCII)
_FRACTION = re.compile(r"([-+]?\d{1,9})/(\d{1,9})(?:\(\d+\))?", re.ASCII)
_COORDINATES = ("_atom_site_fract_x", "_atom_site_cartn_x")
_SITES = (*_COORDINATES, "_atom_site_label", "_atom_site_type_symbol")
_ONE_NAME = re.compile(r"duplicate block name: *(.{0,40})")


@dataclass(frozen=True)
class Block:
    """One data block: values by tag, None for `.` and `?`.

    Attributes:
        name: what follows `data_`.
        values: by tag in lower case, dots after the category as underscores (DDLm's as DDL1's).
        open_end: whether the text stops in a row's last coordinate, which may have lost digits.
        ended: whether the text ends in a line end, and with no loop that has names and no values.

    """

    name: str
    values: dict[str, list[str | None]]
    open_end: bool
    ended: bool

    def column(self, *tags: str) -> list[str | None]:
        """Return the values of the first of these tags that has any; empty if none has."""
        given = (self.values.get(tag, []) for tag in tags)
        return next((column for column in given if any(value is not None for value in column)), [])

    def one(self, *tags: str) -> str | None:
        """Return the value that is given under the first of these tags that has any.

        Raises:
            UnusableRecordError: if there are several, and different: of measurements, phases or parents.

        """
        given = list(dict.fromkeys(v for v in self.column(*tags) if v is not None))
        if len(given) > 1:
            raise UnusableRecordError(
                f"the CIF gives {len(given)} values of {tags[0]} ({given[0][:20]}, {given[1][:20]}); leave "
                "that of its structure"
            )
        return given[0] if given else None


def structure_block(text: str) -> Block:
    """Return the one block of a CIF that holds a structure.

    Raises:
        UnusableRecordError: if the text is no CIF, stops within something, or holds no or several structures.

    """
    blocks = [_block(block, text) for block in _document(text)]
    found = [block for block in blocks if any(tag in block.values for tag in _SITES)]
    if len(found) > 1:
        raise UnusableRecordError(f"the CIF holds {len(found)} structures; give each its own file or row")
    if not found or not any(tag in found[0].values for tag in _COORDINATES):
        raise unreadable("it lists no atom sites with coordinates")
    return found[0]


def unreadable(why: str) -> UnusableRecordError:
    """Return the refusal of a text that stops short or is no CIF."""
    return UnusableRecordError(f"truncated or unparseable CIF ({why[:160]}); restore it from its source")


def number(value: str) -> float | None:
    """Return a CIF number, with or without its uncertainty, or a fraction; None if it is neither."""
    value = plain_text(value).strip()
    if len(value) > _limits.LONGEST_NUMBER:
        return None
    if match := _NUMBER.fullmatch(value):
        return float(match[1].lower().replace("d", "e"))
    if (match := _FRACTION.fullmatch(value)) and int(match[2]):
        return int(match[1]) / int(match[2])
    return None


def _document(text: str) -> gemmi.cif.Document:
    if not text.strip():
        raise UnusableRecordError("its CIF is empty; fill it in or drop the record")
    if "\x00" in text:
        raise unreadable("it holds zero bytes")
    try:
        return gemmi.cif.read_string(_typed(_without_containers(text.lstrip("\ufeff"))))
    except (ValueError, RuntimeError) as error:  # all that gemmi raises
        if twice := _ONE_NAME.search(str(error)):
            raise UnusableRecordError(
                f"the CIF has a duplicate block name, data_{twice[1]}; give each structure a name and file"
            ) from error
        lines = str(error).strip().splitlines() or ["no reason given"]
        raise unreadable(lines[-1].removeprefix("string:")) from error


_CURLY = re.compile(
    r"^([ \t]*(?:_\S+[ \t]+)?)[\u2018\u201c]([^\u2018-\u201f\"\n]*)[\u2019\u201d](?=[ \t]*$)", re.MULTILINE
)
_REFERENCE = re.compile(r"&#(\d{3,6});", re.ASCII)
_BLANKS = str.maketrans(dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u202f\u3000", " "))


def _typed(text: str) -> str:
    """Return the text as gemmi reads CIFs, in ASCII: outside quotes it knows no other character.

    Blanks separate, quotes around a line's only value are such, and all else is written as a reference that
    `_plain` undoes: signs and digits are put right where a number or a symbol is read, names stay.
    """
    if text.isascii():
        return text
    return _CURLY.sub(r'\1"\2"', text.translate(_BLANKS)).encode("ascii", "xmlcharrefreplace").decode()


def _plain(value: str) -> str | None:
    """Return a value without quotes and references; None for `.` and `?`."""
    if gemmi.cif.is_null(value):
        return None
    return _REFERENCE.sub(lambda found: chr(int(found[1])), gemmi.cif.as_string(value))


_CIF2 = re.compile(r"#\\#CIF_2", re.ASCII)
_TOKEN = re.compile(
    r"""(?P<kept>^;.*?^;|(?<!\S)\#[^\n]*|(?<!\S)'(?!'')[^\n]*?'(?!\S)|(?<!\S)"(?!"")[^\n]*?"(?!\S))"""
    r"""|(?P<triple>(?<!\S)(?:\'{3}.*?\'{3}|"{3}.*?"{3}))|(?P<list>(?<!\S)[\[{])""",
    re.DOTALL | re.MULTILINE,
)
_BRACKET = re.compile(r"[\[\]{}]")


def _without_containers(text: str) -> str:
    """Replace the values that only CIF 2 has, lists, tables and triple quotes, by `?`: gemmi reads CIF 1.

    Nothing a structure is read from is such a value; if it were, it would be missing and so refused.
    """
    if not _CIF2.match(text):
        return text
    parts, end = [], 0
    while match := _TOKEN.search(text, end):
        parts.append(text[end : match.start()])
        end = match.end()
        if match["kept"] is not None:
            parts.append(match["kept"])
            continue
        parts.append("?")
        depth = 1 if match["list"] is not None else 0
        while depth:
            bracket = _BRACKET.search(text, end)
            if bracket is None:
                raise unreadable("a list has no end")
            depth += 1 if bracket[0] in "[{" else -1
            end = bracket.end()
    return "".join([*parts, text[end:]])


def _block(block: gemmi.cif.Block, text: str) -> Block:
    values: dict[str, list[str | None]] = {}
    last: list[str] = []
    item: Any  # gemmi's types say that it is a pair and a loop, when it is one of them
    for item in block:
        if item.loop is not None:
            tags, flat = list(item.loop.tags), list(item.loop.values)
            columns = {_tag(tag): flat[i :: len(tags)] for i, tag in enumerate(tags)}
        elif item.pair is not None:
            columns = {_tag(item.pair[0]): [item.pair[1]]}
        else:
            continue
        last = list(columns)
        for tag, column in columns.items():
            read = [_plain(value) for value in column]
            if values.setdefault(tag, read) != read:
                raise UnusableRecordError(f"the CIF gives {tag} twice, and differently; remove one of them")
    ended = text.endswith(("\n", "\r")) and not (last and not values[last[-1]])
    cut = not ended and bool(last) and re.fullmatch(r"_atom_site_(fract|cartn)_[xyz]", last[-1]) is not None
    return Block(block.name, values, cut, ended)


def _tag(tag: str) -> str:
    return tag.lower().replace(".", "_")
