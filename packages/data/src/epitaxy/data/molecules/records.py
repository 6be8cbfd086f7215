"""Molecules out of files: SDF, MOL, XYZ, EDM's npz, and folders of them."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from epitaxy.data._input import refuse_stand_in_file
from epitaxy.data._json import is_json
from epitaxy.data._limits import LONGEST_NAME
from epitaxy.data._records import InputFaultError
from epitaxy.data.errors import DataError, UnusableRecordError
from epitaxy.data.molecules._boundary import record_boundary
from epitaxy.data.molecules._files import SDF, XYZ, is_kind, molecule_files, name_within
from epitaxy.data.molecules._molecule import (
    LEAST_DISTANCE,
    MAX_ATOMS,
    RawMolecule,
    distinct,
    prepared,
)
from epitaxy.data.molecules.npz import npz_molecules
from epitaxy.data.molecules.sdf import parse_sdf, sdf_records
from epitaxy.data.molecules.xyz import parse_frame, xyz_frames
from epitaxy.data.readers import Reject


@dataclass(frozen=True, slots=True)
class MoleculeSource:
    """The molecules of one file or folder, and how many there are (None: not known beforehand)."""

    records: Iterator[RawMolecule | Reject]
    total: int | None


def read_molecules(
    path: str | Path,
    *,
    hydrogens: bool = True,
    max_atoms: int = MAX_ATOMS,
    least_distance: float = LEAST_DISTANCE,
) -> Iterator[RawMolecule | Reject]:
    """Read the molecules of an SDF, MOL or XYZ file (gzipped or not), an npz file, or a folder, one by one.

    Ids are an SDF record's title, `id` or `name` of an XYZ comment, `gdb_<index>` of QM9; else the number of
    the record. In a folder, whose SDF and XYZ files are read in order and at any depth, a molecule alone in
    its file has the file's name, after its subfolders and without suffix (`batch-1/water`); a record that has
    no name has that before its number (`batch-1-17`). A name that comes again gets `~2`, `~3`, ...: molecules
    of one name are taken for conformers. Numeric data fields are properties. A record that cannot be used
    comes as a `Reject` that names file, record and title, and never stops the rest. Memory holds two
    records at most, but all of an npz file. Limits are in `epitaxy.data._limits`.

    Args:
        path: the file or folder.
        hydrogens: whether to keep them.
        max_atoms: larger molecules are rejected, counted without the hydrogens if these are left out.
        least_distance: angstrom; molecules with two atoms nearer than this are rejected. Who judges samples
            takes less, and counts them as what they are.

    Raises:
        DataError: if the file as a whole cannot be used.

    """
    return checked(
        molecule_source(Path(path)), hydrogens=hydrogens, max_atoms=max_atoms, least_distance=least_distance
    )


def checked(
    source: MoleculeSource, *, hydrogens: bool, max_atoms: int, least_distance: float = LEAST_DISTANCE
) -> Iterator[RawMolecule | Reject]:
    """Check each molecule, leave out hydrogens if asked to, and give each record a name of its own."""
    seen: dict[str, int] = {}
    for record in source.records:
        name = distinct(record.id[:LONGEST_NAME], seen)
        if isinstance(record, Reject):
            yield replace(record, id=name)
            continue
        try:
            with record_boundary():
                molecule = prepared(
                    record.molecule, hydrogens=hydrogens, max_atoms=max_atoms, least_distance=least_distance
                )
        except UnusableRecordError as error:
            yield Reject(name, record.source, str(error))
        else:
            yield replace(record, id=name, molecule=molecule)


def molecule_source(path: Path) -> MoleculeSource:
    """Return the molecules of a path, parsed but not checked.

    Raises:
        DataError: if there is no such path or its kind is unknown.

    """
    if not path.exists():
        raise DataError(f"{path} does not exist; check the path")
    if path.is_dir():
        files = molecule_files(path)
        return MoleculeSource((r for f in files for r in _file_of_folder(f, name_within(path, f))), None)
    if is_kind(path, (*SDF, *XYZ)):
        return MoleculeSource(_records(path), None)
    if is_kind(path, (".npz",)):
        _refuse_stand_in(path)
        return MoleculeSource(*npz_molecules(path))
    if is_json(path.name):
        raise DataError(
            f"{path} is JSON, of which only crystals are read; write molecules as .xyz or .sdf, as "
            "pymatgen does by Molecule.to('all.xyz') and ASE by ase.io.write('all.xyz', molecules)"
        )
    raise DataError(
        f"{path} is of an unknown kind; give a .sdf, .mol or .xyz file, gzipped or not, a .npz file, or a "
        f"folder of SDF or XYZ files"
    )


def _file_of_folder(file: Path, name: str) -> Iterator[RawMolecule | Reject]:
    """Yield a file's molecules: one alone under the file's name, several under their own.

    Several under one name would count as conformers, and stand together in one split.
    """
    records = _readable(file, name)
    ahead = list(itertools.islice(records, 2))
    if len(ahead) == 1:
        yield replace(ahead[0], id=name)
    else:
        yield from itertools.chain(ahead, records)


def _readable(file: Path, name: str) -> Iterator[RawMolecule | Reject]:
    """Yield a file's molecules, and one reject where it cannot be read, at all or any further."""
    try:
        yield from _records(file, unnamed=name)
    except DataError as error:
        yield Reject(name, str(file), str(error))


def _records(file: Path, *, unnamed: str | None = None) -> Iterator[RawMolecule | Reject]:
    """Yield the molecules of an SDF or XYZ file; one without a name is `unnamed` and its number."""
    _refuse_stand_in(file)
    if is_kind(file, SDF):
        return _sdf(file, unnamed or "record")
    return _xyz(file, unnamed or "frame")


def _refuse_stand_in(file: Path) -> None:
    try:
        refuse_stand_in_file(file)
    except InputFaultError as error:
        raise DataError(f"{file} {error}") from error


def _sdf(path: Path, unnamed: str) -> Iterator[RawMolecule | Reject]:
    for number, title, lines in sdf_records(path):
        where = f"{path}: record {number}" + (f" ({title[:80]})" if title else "")
        name = title or f"{unnamed}-{number}"
        try:
            with record_boundary():
                molecule, properties = parse_sdf(lines)
        except UnusableRecordError as error:
            yield Reject(name, where, str(error))
        else:
            yield RawMolecule(name, where, molecule, properties)


def _xyz(path: Path, unnamed: str) -> Iterator[RawMolecule | Reject]:
    for frame in xyz_frames(path):
        name, where = f"{unnamed}-{frame.number}", f"{path}: frame {frame.number}"
        try:
            with record_boundary():
                found, molecule, properties = parse_frame(frame)
        except UnusableRecordError as error:
            yield Reject(name, where, str(error))
        else:
            yield RawMolecule(found or name, where, molecule, properties)
