"""Molecules out of files: SDF, MOL, XYZ, EDM's npz, and folders of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from epitaxy.data.errors import DataError, UnusableRecordError
from epitaxy.data.molecules._molecule import MAX_ATOMS, RawMolecule, distinct, prepared
from epitaxy.data.molecules.npz import npz_molecules
from epitaxy.data.molecules.sdf import parse_sdf, sdf_records
from epitaxy.data.molecules.xyz import parse_frame, xyz_frames
from epitaxy.data.readers import Reject

_SDF = (".sdf", ".sdf.gz", ".mol", ".sd")
_XYZ = (".xyz", ".extxyz")


@dataclass(frozen=True, slots=True)
class MoleculeSource:
    """The molecules of one file or folder, and how many there are (None: not known beforehand)."""

    records: Iterator[RawMolecule | Reject]
    total: int | None


def read_molecules(
    path: str | Path, *, hydrogens: bool = True, max_atoms: int = MAX_ATOMS
) -> Iterator[RawMolecule | Reject]:
    """Read the molecules of an SDF (gzipped or not), MOL, XYZ or npz file, or of a folder, one by one.

    Ids are an SDF record's title, `id` or `name` of an XYZ comment, `gdb_<index>` of QM9, a file's stem in a
    folder; else the number of the record. A name that comes again gets `~2`, `~3`, ...: conformers keep the
    name of their molecule. Numeric data fields are properties. A record that cannot be used comes as a
    `Reject` that names file, record and title, and never stops the rest. One record is in memory at a time.

    Args:
        path: the file or folder.
        hydrogens: whether to keep them.
        max_atoms: larger molecules are rejected, counted without the hydrogens if these are left out.

    Raises:
        DataError: if the file as a whole cannot be used.

    """
    return checked(molecule_source(Path(path)), hydrogens=hydrogens, max_atoms=max_atoms)


def checked(source: MoleculeSource, *, hydrogens: bool, max_atoms: int) -> Iterator[RawMolecule | Reject]:
    """Check each molecule, leave out hydrogens if asked to, and give each record a name of its own."""
    seen: dict[str, int] = {}
    for record in source.records:
        name = distinct(record.id, seen)
        if isinstance(record, Reject):
            yield replace(record, id=name)
            continue
        try:
            molecule = prepared(record.molecule, hydrogens=hydrogens, max_atoms=max_atoms)
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
        return _folder(path)
    if _ends(path, _SDF):
        return MoleculeSource(_sdf(path), None)
    if _ends(path, _XYZ):
        return MoleculeSource(_xyz(path), None)
    if _ends(path, (".npz",)):
        return MoleculeSource(*npz_molecules(path))
    raise DataError(
        f"{path} is of an unknown kind; give a .sdf, .sdf.gz, .mol, .xyz or .npz file, or a folder of SDF or "
        f"XYZ files"
    )


def _ends(path: Path, suffixes: tuple[str, ...]) -> bool:
    return path.name.lower().endswith(suffixes)


def _folder(path: Path) -> MoleculeSource:
    files = sorted(f for f in path.iterdir() if f.is_file() and _ends(f, (*_SDF, *_XYZ)))
    if not files:
        raise DataError(f"{path} holds no SDF or XYZ file; name them *.sdf, *.mol or *.xyz")
    return MoleculeSource((record for file in files for record in _file_of_folder(file)), None)


def _file_of_folder(file: Path) -> Iterator[RawMolecule | Reject]:
    """Yield a file's molecules under its stem; a file that cannot be read at all is one reject."""
    stem = file.name.split(".")[0]
    try:
        for record in molecule_source(file).records:
            yield replace(record, id=stem)
    except DataError as error:
        yield Reject(stem, str(file), str(error))


def _sdf(path: Path) -> Iterator[RawMolecule | Reject]:
    for number, title, lines in sdf_records(path):
        where = f"{path}: record {number}" + (f" ({title[:80]})" if title else "")
        name = title or f"record-{number}"
        try:
            molecule, properties = parse_sdf(lines)
        except UnusableRecordError as error:
            yield Reject(name, where, str(error))
        else:
            yield RawMolecule(name, where, molecule, properties)


def _xyz(path: Path) -> Iterator[RawMolecule | Reject]:
    for frame in xyz_frames(path):
        name, where = f"frame-{frame.number}", f"{path}: frame {frame.number}"
        try:
            found, molecule, properties = parse_frame(frame)
        except UnusableRecordError as error:
            yield Reject(name, where, str(error))
        else:
            yield RawMolecule(found or name, where, molecule, properties)
