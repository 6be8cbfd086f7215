"""The files of ``epitaxy relax``: the ranked table, and the relaxed structures."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

from epitaxy.apps.evaluation.publish import as_json
from epitaxy.apps.foundation.files import write_text
from epitaxy.apps.report.scores import Scored
from epitaxy.data import write_extxyz
from epitaxy.eval.stability import CONVENTIONS, Candidate, StabilityResult

FORMS = (".csv", ".json", ".extxyz")

COLUMNS = (
    "rank", "id", "formula", "atoms", "e_above_hull", "above_best", "energy", "enthalpy", "found", "known",
    "rmsd", "displacement", "spacegroup", "spacegroup_before", "status", "unique", "novel", "converged",
    "decomposition", "reason",
)  # fmt: skip
"""Of the table; energies in eV/atom, displacement in angstrom. All but ``spacegroup_before`` is said of
the relaxed crystal."""

Row = Mapping[str, str | float | int | bool | None]


def write_ranked(out: Path, result: StabilityResult, scored: Scored) -> None:
    """Write all candidates, each crystal once, the lowest first, in the form that the file's name says."""
    if out.suffix == ".csv":
        text = io.StringIO()
        table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(ranked_rows(result))
        write_text(out, text.getvalue())
    elif out.suffix == ".json":
        write_text(out, json.dumps(as_json([scored]), indent=1) + "\n")
    else:
        held = [(c, c.relaxed.structure) for c in result.ranked() if c.relaxed is not None]
        out.parent.mkdir(parents=True, exist_ok=True)
        write_extxyz(out, [structure for _, structure in held], [_info(candidate) for candidate, _ in held])


def ranked_rows(result: StabilityResult) -> list[Row]:
    """Return the rows of the table."""
    rows: list[Row] = []
    for rank, candidate in enumerate(result.ranked(), start=1):
        row = candidate.row()
        found = {**row, "rank": rank, "e_above_hull": row["e_hull"], "status": verdict(candidate)}
        rows.append({name: found[name] for name in COLUMNS})
    return rows


def verdict(candidate: Candidate) -> str:
    """Return stable, metastable or unstable; or why that is not known."""
    if candidate.relaxed is None:
        return "unreadable" if candidate.status == "unreadable" else f"failed ({candidate.status})"
    if candidate.e_hull is None:
        return "unknown"
    held = (name for name in ("stable", "metastable") if CONVENTIONS[name].holds(candidate.e_hull))
    return next(held, "unstable")


def _info(candidate: Candidate) -> dict[str, str | int | float | bool]:
    row = candidate.row() | {"e_above_hull": candidate.e_hull, "status": verdict(candidate)}
    names = (
        "id", "formula", "e_above_hull", "above_best", "energy", "found", "known", "rmsd", "spacegroup",
        "spacegroup_before", "status", "unique", "novel",
    )  # fmt: skip
    return {name: value for name in names if (value := row[name]) is not None}
