"""Structures to files that other programs read."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ase import Atoms
from ase.io import write
from pymatgen.core.structure import Structure
from pymatgen.io.cif import CifWriter

from epitaxy.data._atomic import replacing, write_text
from epitaxy.data._extxyz import quoted
from epitaxy.data.progress import Progress

Info = Mapping[str, str | int | float | bool]


def write_extxyz(
    path: str | Path,
    structures: Sequence[Structure],
    infos: Sequence[Info] | None = None,
    *,
    progress: Progress | None = None,
) -> None:
    """Write structures, in order, to one extended XYZ file, with info keys that ASE reads back as they were.

    The file appears when it is complete. Positions have eight decimals of an angstrom.

    Raises:
        ValueError: if there is not one info a structure.

    """
    notes = [{}] * len(structures) if infos is None else infos
    frames = []
    for done, (structure, info) in enumerate(zip(structures, notes, strict=True), start=1):
        frames.append(_atoms(structure, info))
        if progress is not None:
            progress(done, len(structures))
    with replacing(Path(path)) as draft:
        write(draft, frames, format="extxyz")


def write_cifs(
    folder: str | Path, structures: Sequence[Structure], *, progress: Progress | None = None
) -> list[Path]:
    """Write structures to 000000.cif, 000001.cif ... in a folder, made if need be, and return the paths.

    The cells are written as they are, in P1.
    """
    paths = []
    for number, structure in enumerate(structures):
        path = Path(folder) / f"{number:06d}.cif"
        write_text(path, str(CifWriter(structure)))
        paths.append(path)
        if progress is not None:
            progress(number + 1, len(structures))
    return paths


def _atoms(structure: Structure, info: Info) -> Atoms:
    return Atoms(
        numbers=structure.atomic_numbers,
        positions=structure.cart_coords,
        cell=structure.lattice.matrix,
        pbc=True,
        info={key: quoted(value) for key, value in info.items()},
    )
