"""One record's text or file to a `Crystal`: CIF of any kind and POSCAR."""

import re

from epitaxy.data._cif import parse_cif
from epitaxy.data._crystal import Crystal
from epitaxy.data._input import read_whole, to_text
from epitaxy.data._json_beside import refuse_other
from epitaxy.data._names import kind_of
from epitaxy.data._poscar import parse_poscar
from epitaxy.data._records import Described, Payload, PoscarText
from epitaxy.data.errors import UnusableRecordError

_FILE_NAME = re.compile(r"[^\s{}]+\.(?:cif|mcif|vasp|poscar|xyz|extxyz|json)(?:\.gz)?", re.IGNORECASE)


def decode(name: str, content: bytes) -> str | PoscarText:
    """Return the text of a CIF or POSCAR of this name."""
    text = to_text(content)
    return PoscarText(text) if kind_of(name) == "poscar" else text


def parse(payload: Payload, remarks: list[str] | None = None) -> Crystal:
    """Return the crystal of a CIF text, of a CIF or POSCAR file, or one that is already there.

    What a file says that is not true of its crystal is added to `remarks`.

    Raises:
        UnusableRecordError: if there is no one ordered crystal in it.
        InputFaultError: if the file cannot be read.

    """
    if isinstance(payload, Crystal):
        return payload
    if isinstance(payload, PoscarText):
        return parse_poscar(payload.text)
    if isinstance(payload, Described):
        crystal = parse(payload.text, remarks)
        for beside in payload.beside:
            refuse_other(beside, crystal)
        return crystal
    if isinstance(payload, str):
        try:
            return parse_cif(payload, remarks)
        except Exception as error:
            if (what := misplaced(payload)) is not None:
                raise UnusableRecordError(what) from error
            raise
    return parse(decode(payload.name, read_whole(payload)), remarks)


def misplaced(text: str) -> str | None:
    """Say what a text is that should be a CIF; None if it is not known to be anything else."""
    head = text.lstrip()[:400]
    first, *more = head.split("\n")
    if not head:
        return None
    if not more and _FILE_NAME.fullmatch(first.strip()):
        return f"{first.strip()[:60]!r} is a file's name where a CIF's text belongs; give the files' folder"
    if not more and "\\n" in first:
        return "its line ends are written as the two characters \\n; replace these by line ends"
    if head[0] in "{[":
        return "it is JSON where a CIF's text belongs; give it as a .json file, or write CIFs"
    if not more and re.match(r"#|data_", first):
        return "it is one line where a CIF has many: quote cells that hold several lines"
    if len(more) > 6 and re.fullmatch(r"\s*[-+.\d]+(?:\s+[-+.\deE]+){2}\s*", more[1]) and "_" not in more[1]:
        return "it is a POSCAR where a CIF's text belongs; give it as a file named *.vasp, or write CIFs"
    return None
