"""One record's text or file to a `Crystal`: CIF of any kind and POSCAR, by pymatgen."""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path

from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure
from pymatgen.io.cif import CifFile, CifParser
from pymatgen.io.vasp.inputs import Poscar

from epitaxy.data._crystal import Crystal, from_structure, unknown_elements
from epitaxy.data._json import StructureDict, parse_structure_dict
from epitaxy.data._plain_cif import read_plain_cif
from epitaxy.data.errors import UnusableRecordError

_WATER = {"Ow", "Hw", "Wat", "OH", "NO"}  # groups and water atoms that pymatgen understands as symbols
_CIF_SUFFIXES = {".cif"}
_POSCAR_SUFFIXES = {".poscar", ".vasp"}

LARGEST_GENERAL_CIF = 5000
"""Atom sites: pymatgen's CIF parser takes time quadratic in them."""


@dataclass(frozen=True, slots=True)
class PoscarText:
    """A POSCAR that is no file of its own."""

    text: str


Payload = str | Path | PoscarText | StructureDict | Crystal
"""What a record holds before it is parsed: a CIF's text, a file, or one of the others."""


def is_structure_file(path: Path) -> bool:
    """Whether a file's name says CIF or POSCAR."""
    return path.suffix.lower() in _CIF_SUFFIXES | _POSCAR_SUFFIXES or path.name.startswith(
        ("POSCAR", "CONTCAR")
    )


def file_id(path: Path) -> str:
    """Return the id of a structure file: its stem, or its whole name where that is POSCAR.something."""
    return path.name if path.name.startswith(("POSCAR", "CONTCAR")) else path.stem


def decode(name: str, content: bytes) -> str | PoscarText:
    """Return the text of a CIF or POSCAR of this name.

    Raises:
        UnusableRecordError: if it is not UTF-8.

    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnusableRecordError(f"the file cannot be read ({_brief(str(error))}); restore it") from error
    return text if Path(name).suffix.lower() in _CIF_SUFFIXES else PoscarText(text)


def parse(payload: Payload) -> Crystal:
    """Return the crystal of a CIF text, of a CIF or POSCAR file, or one that is already there.

    Raises:
        UnusableRecordError: if there is no one ordered crystal in it.

    """
    if isinstance(payload, Crystal):
        return payload
    if isinstance(payload, str):
        return parse_cif(payload)
    if isinstance(payload, PoscarText):
        return _parse_poscar(payload.text)
    if isinstance(payload, StructureDict):
        return parse_structure_dict(payload)
    try:
        content = payload.read_bytes()
    except OSError as error:
        raise UnusableRecordError(f"the file cannot be read ({_brief(str(error))}); restore it") from error
    return parse(decode(payload.name, content.replace(b"\r\n", b"\n")))


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


def _parse_poscar(text: str) -> Crystal:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            poscar = Poscar.from_str(text)
        except Exception as error:
            raise UnusableRecordError(
                f"unparseable POSCAR ({_brief(str(error))}); restore it from its source"
            ) from error
    if not poscar.true_names:
        raise UnusableRecordError(
            "the POSCAR does not name its elements; add their symbols as its sixth line"
        )
    return from_structure(poscar.structure)


def _brief(message: str) -> str:
    """Return a message's last line, in at most 120 characters."""
    lines = message.strip().splitlines() or ["no reason given"]
    return lines[-1][:120]
