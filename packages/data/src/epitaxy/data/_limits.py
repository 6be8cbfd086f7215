"""What no input may exceed, so that a hostile or broken file costs seconds and megabytes, never a machine.

Every reader takes its limits from here; the package's README lists them.
"""

LARGEST_RECORD = 64 * 1024**2
"""Bytes of one record after expansion: a CIF or POSCAR, a frame, a table's cell, a line of JSON."""

LONGEST_LINE = 64 * 1024**2
"""Bytes of one line of a file that is read line by line."""

LARGEST_MOLECULE = 16 * 1024**2
"""Bytes of one record of an SDF or XYZ file of molecules."""

LONGEST_MOLECULE_LINE = 1024**2
"""Characters of a line of an SDF or XYZ file of molecules."""

LARGEST_NPZ = 512 * 1024**2
"""Bytes of all arrays of an npz file together, which are in memory at once."""

LARGEST_DOCUMENT = 2 * 1024**3
"""Bytes, after expansion, of a file that can only be read whole: JSON that is no JSON lines."""

FREE_EXPANSION = 64 * 1024**2
"""Bytes that a compressed file may always expand to."""

MOST_EXPANSION = 250
"""How many times its own size a compressed file may expand to, beyond `FREE_EXPANSION`; CIFs reach 20."""

MOST_RECORDS = 10_000_000
"""Records of one source; rows of a table, frames, entries and files are records."""

MOST_FILES = 1_000_000
"""Files of a folder, or members of an archive."""

MOST_COLUMNS = 1000
"""Columns of a table, columns of an extxyz frame, and properties of a source."""

LONGEST_COMMENT = 1024**2
"""Characters of the second line of an extxyz frame."""

LONGEST_NAME = 200
"""Characters of an id or of a property's name: arrays of names are as wide as the longest."""

LONGEST_NUMBER = 64
"""Characters of one number, where doubles need 24; Python converts longer ones in time quadratic in them."""

LARGEST_COORDINATE = 1e6
"""Angstrom, of an atom of a molecule; float32, in which positions are kept, tells none apart beyond."""

MOST_OPERATIONS = 1536
"""Symmetry operations of a CIF: 192 of a space group, eight times these in the largest magnetic cells."""

LONGEST_OPERATION = 100
"""Characters of one symmetry operation of a CIF."""

MOST_SITES = 100_000
"""Atom sites that a CIF lists."""

MOST_PARTIAL_SITES = 1000
"""Partly occupied or disordered sites of a CIF, each of which is compared with all others."""

MOST_ATOMS = 200_000
"""Atoms that the sites and operations of a CIF may make, before those on one spot are merged."""

MOST_SECONDS = 20.0
"""Seconds in which one record is parsed, checked and reduced by `prepare`."""


def expansion(size: int) -> int:
    """Return how many bytes a compressed file of this size may expand to."""
    return FREE_EXPANSION + MOST_EXPANSION * size
