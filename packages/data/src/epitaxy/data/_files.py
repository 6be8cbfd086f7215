"""One record's text or file to a `Crystal`: CIF of any kind and POSCAR, by pymatgen."""

import re
import warnings

from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure
from pymatgen.io.cif import CifFile, CifParser

from epitaxy.data._crystal import Crystal, from_structure, unknown_elements
from epitaxy.data._input import read_whole, to_text
from epitaxy.data._names import kind_of
from epitaxy.data._plain_cif import read_plain_cif
from epitaxy.data._poscar import parse_poscar
from epitaxy.data._records import Payload, PoscarText
from epitaxy.data.errors import UnusableRecordError

_WATER = {"Ow", "Hw", "Wat", "OH", "NO"}  # groups and water atoms that pymatgen understands as symbols
LARGEST_GENERAL_CIF = 5000
"""Atom sites: pymatgen's CIF parser takes time quadratic in them."""


_FILE_NAME = re.compile(r"[^\s{}]+\.(?:cif|mcif|vasp|poscar|xyz|extxyz|json)(?:\.gz)?", re.IGNORECASE)


def decode(name: str, content: bytes) -> str | PoscarText:
    """Return the text of a CIF or POSCAR of this name."""
    text = to_text(content)
    return PoscarText(text) if kind_of(name) == "poscar" else text


def parse(payload: Payload) -> Crystal:
    """Return the crystal of a CIF text, of a CIF or POSCAR file, or one that is already there.

    Raises:
        UnusableRecordError: if there is no one ordered crystal in it.
        InputFaultError: if the file cannot be read.

    """
    if isinstance(payload, Crystal):
        return payload
    if isinstance(payload, PoscarText):
        return parse_poscar(payload.text)
    if isinstance(payload, str):
        try:
            return parse_cif(payload)
        except Exception as error:
            if (what := misplaced(payload)) is not None:
                raise UnusableRecordError(what) from error
            raise
    return parse(decode(payload.name, read_whole(payload)))


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


def parse_cif(text: str) -> Crystal:
    """Return the crystal of a CIF.

    Raises:
        UnusableRecordError: if the text is truncated or no CIF, has several structures, unknown elements or
            partial occupancies.

    """
    plain = read_plain_cif(text)
    return _parse_any_cif(text) if plain is None else plain


def _parse_any_cif(text: str) -> Crystal:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        structures, formulas = _read_with_pymatgen(text)
        if len(structures) > 1:
            raise UnusableRecordError(
                f"the CIF holds {len(structures)} structures; give each its own file or row"
            )
        crystal = from_structure(structures[0])
        _check_complete(formulas, structures[0].composition)
        return crystal


def _read_with_pymatgen(text: str) -> tuple[list[Structure], list[str]]:
    """Return the structures of a CIF, at least one, and the formulas it states."""
    parser = None
    # pymatgen raises whatever its arithmetic on a broken file raises: every exception means "not readable"
    try:
        blocks = [block.data for block in CifFile.from_str(text).data.values()]
        _check_symbols({s for block in blocks for s in _column(block, "_atom_site_type_symbol")})
        _check_size(max((len(_column(block, "_atom_site_fract_x")) for block in blocks), default=0))
        parser = CifParser.from_str(text)
        structures = parser.parse_structures(primitive=False, on_error="ignore")
    except UnusableRecordError:
        raise
    except Exception as error:
        notes = [n for n in getattr(parser, "warnings", []) if n.startswith("No structure parsed")]
        raise UnusableRecordError(_unreadable(text, [*notes, str(error)])) from error
    return structures, [f for block in blocks for f in _column(block, "_chemical_formula_sum")]


def _column(data: object, key: str) -> list[str]:
    """Return a CIF item's values, whether it stands alone or in a loop."""
    value = data.get(key, []) if isinstance(data, dict) else []
    return [value] if isinstance(value, str) else [str(v) for v in value]


def _check_symbols(symbols: set[str]) -> None:
    """Refuse what pymatgen would guess at: it reads `Nx` as nitrogen."""
    letters = {s: match[0] if (match := re.match(r"[A-Za-z]+", s)) else s for s in symbols}
    unknown = {s for s, x in letters.items() if x not in _WATER and not Element.is_valid_symbol(x.title())}
    if unknown:
        raise UnusableRecordError(unknown_elements(unknown))


def _check_size(sites: int) -> None:
    if sites > LARGEST_GENERAL_CIF:
        raise UnusableRecordError(
            f"the CIF lists {sites} atom sites in a form that only a general parser reads, too slow above "
            f"{LARGEST_GENERAL_CIF}; write it by pymatgen as P1, or as POSCAR or extxyz"
        )


def _check_complete(formulas: list[str], found: Composition) -> None:
    """Compare with the formula the CIF states: a file cut between two lines parses, with atoms missing."""
    if len(formulas) != 1:
        return
    try:
        formula = Composition(formulas[0])
    except ValueError:
        return
    if formula.reduced_formula != Composition(found.get_el_amt_dict()).reduced_formula:
        raise UnusableRecordError(
            f"the CIF lists {found.formula} where its _chemical_formula_sum says {formula.formula}: it is "
            f"truncated or incomplete; restore it or correct the formula"
        )


def _unreadable(text: str, notes: list[str]) -> str:
    """Return the reason to refuse a CIF that pymatgen has this to say of."""
    if not text.strip():
        return "its CIF is empty; fill it in or drop the record"
    if any("exceeded tolerance" in note for note in notes):
        return "two atoms on one spot: occupancies there sum to more than 1; remove one of them"
    return f"truncated or unparseable CIF ({_brief(notes[0])}); restore it from its source"


def _brief(message: str) -> str:
    """Return a message's last line, in at most 120 characters."""
    lines = message.strip().splitlines() or ["no reason given"]
    return lines[-1][:120]
