"""Relaxed candidates as files of their own: conventional cells, by rank."""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from pymatgen.io.cif import CifWriter
from pymatgen.io.vasp import Poscar

from epitaxy.apps.foundation.files import write_text
from epitaxy.eval.stability import Candidate, Standard, standardised
from epitaxy.eval.stability.descent import SYMPREC

_ENDINGS: Mapping[str, str] = {"cif": ".cif", "poscar": ".vasp"}

SHORTLIST_FORMATS = tuple(_ENDINGS)
"""What a shortlist can be written as; ``poscar`` has the symmetry in its first line."""


def write_shortlist(
    folder: Path, candidates: Iterable[Candidate], formats: Iterable[str] = ("cif",)
) -> list[Path]:
    """Write each relaxed candidate, in its conventional cell with its symmetry named; return the paths.

    Args:
        folder: where; made if need be.
        candidates: in order of rank; those without a relaxed structure are passed over.
        formats: of ``SHORTLIST_FORMATS``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    relaxed = [(c, c.relaxed.structure) for c in candidates if c.relaxed is not None]
    paths = []
    for rank, (candidate, structure) in enumerate(relaxed, start=1):
        standard = standardised(structure)
        formula = structure.composition.reduced_formula
        name = re.sub(r"[^\w.-]", "_", f"{rank:03d}_{formula}_{candidate.id}")
        for form in formats:
            paths.append(folder / f"{name}{_ENDINGS[form]}")
            write_text(paths[-1], _WRITERS[form](candidate, standard))
    return paths


def _cif(candidate: Candidate, standard: Standard) -> str:
    tag = f"data_{standard.structure.composition.reduced_formula}"
    text = str(CifWriter(standard.structure, symprec=SYMPREC if standard.number > 1 else None))
    return text.replace(tag, f"# {_about(candidate)}\n{tag}", 1)


def _poscar(candidate: Candidate, standard: Standard) -> str:
    comment = f"{standard.structure.composition.reduced_formula} {standard.symbol} ({standard.number})"
    return str(Poscar(standard.structure, comment=f"{comment}; {_about(candidate)}", sort_structure=True))


def _about(candidate: Candidate) -> str:
    """Say on one line what is known of a candidate."""
    said = [f"id {candidate.id}", f"found {candidate.found} times"]
    if candidate.relaxed is not None:
        said.append(f"{candidate.relaxed.energy:.4f} eV/atom")
    if candidate.e_hull is not None:
        said.append(f"{candidate.e_hull:+.4f} eV/atom above the hull")
    if candidate.known is not None:
        said.append(f"known as {candidate.known}")
    return " ".join(", ".join(said).split())


_WRITERS: Mapping[str, Callable[[Candidate, Standard], str]] = {"cif": _cif, "poscar": _poscar}
