"""The files of a search: the table, everything as JSON, the shortlist, all as extxyz, the page."""

import csv
import io
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pymatgen.io.cif import CifWriter
from pymatgen.io.vasp import Poscar

from epitaxy.apps.discovery.options import SearchOptions
from epitaxy.apps.discovery.page import write_search_page
from epitaxy.apps.discovery.result import Find, SearchResult
from epitaxy.apps.discovery.table import COLUMNS, Row, row_of
from epitaxy.apps.foundation.files import write_text
from epitaxy.data import write_extxyz
from epitaxy.eval.stability import Standard, standardised
from epitaxy.eval.stability.descent import SYMPREC

RANKED, CANDIDATES, STRUCTURES, SHORTLIST, PAGE = (
    "ranked.csv", "candidates.json", "candidates.extxyz", "shortlist", "search.html",
)  # fmt: skip
_ENDINGS = {"cif": ".cif", "poscar": ".vasp"}


def write_outputs(options: SearchOptions, result: SearchResult) -> None:
    """Write all files of a search into its folder, each whole or as it was before."""
    out = options.out
    rows = [row_of(rank, find) for rank, find in enumerate(result.finds, start=1)]
    write_text(out / RANKED, _table(rows))
    write_text(out / CANDIDATES, json.dumps(_record(result, rows), indent=1) + "\n")
    held = [(find.structure, row) for find, row in zip(result.finds, rows, strict=True) if find.structure]
    write_extxyz(out / STRUCTURES, [s for s, _ in held], [_info(row) for _, row in held])
    listed = result.shortlist(options.window)
    files = _write_shortlist(out / SHORTLIST, listed, options.formats)
    write_search_page(out / PAGE, result, window=options.window, files=files)


def file_stem(rank: int, find: Find) -> str:
    """Name a file by rank, formula and space group: ``001_SrTiO3_Pm-3m``."""
    relaxed = find.candidate.relaxed
    formula = "" if relaxed is None else relaxed.structure.composition.reduced_formula
    symbol = find.spacegroup.split(" ")[0] or "P1"
    return re.sub(r"[^\w.-]", "_", f"{rank:03d}_{formula}_{symbol.replace('/', '')}")


def _write_shortlist(folder: Path, listed: Sequence[Find], formats: Sequence[str]) -> dict[str, str]:
    """Write the shortlist anew; return the first file of each candidate by its id, as the page links it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files: dict[str, str] = {}
    for rank, find in enumerate(listed, start=1):
        if find.structure is None:
            continue
        standard = standardised(find.structure)
        for form in dict.fromkeys(formats):
            name = f"{file_stem(rank, find)}{_ENDINGS[form]}"
            write_text(folder / name, _text(form, find, standard))
            files.setdefault(find.candidate.id, f"{folder.name}/{name}")
    return files


def _text(form: str, find: Find, standard: Standard) -> str:
    formula = standard.structure.composition.reduced_formula
    about = " ".join(_about(find).split())
    if form == "poscar":
        comment = f"{formula} {standard.symbol} ({standard.number}); {about}"
        return str(Poscar(standard.structure, comment=comment, sort_structure=True))
    text = str(CifWriter(standard.structure, symprec=SYMPREC if standard.number > 1 else None))
    return text.replace(f"data_{formula}", f"# {about}\ndata_{formula}", 1)


def _about(find: Find) -> str:
    said = [f"{find.candidate.enthalpy:.4f} eV/atom"]
    if find.candidate.above_best is not None:
        said.append(f"{find.candidate.above_best:+.4f} above the best")
    if find.candidate.e_hull is not None:
        said.append(f"{find.candidate.e_hull:+.4f} above the hull")
    said.append(f"found {find.found} times by {find.found_by}; first by {find.origins[0]}")
    if find.candidate.known:
        said.append(f"known as {find.candidate.known}")
    return ", ".join(said)


def _table(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows({name: _short(row[name]) for name in COLUMNS} for row in rows)
    return text.getvalue()


def _short(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


def _info(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None and name != "reason"}


def _record(result: SearchResult, rows: Sequence[Row]) -> dict[str, Any]:
    """Return everything, as plain JSON values."""
    return {
        "asked": dict(result.options),
        "hull": result.stability.hull.statement,
        "seconds": round(result.seconds, 2),
        "interrupted": result.interrupted,
        "force_calls": result.force_calls,
        "of_another_group": result.strayed,
        "sources": {name: asdict(tally) for name, tally in result.tallies.items()},
        "candidates": [
            {
                **row,
                "fine": find.fine,
                "origins": [asdict(origin) for origin in find.origins],
                "relaxed": None if find.candidate.relaxed is None else find.candidate.relaxed.to_json(),
            }
            for row, find in zip(rows, result.finds, strict=True)
        ],
    }
