"""What a file of molecules may at most be: beyond it a record or file is refused, and takes no memory."""

LONGEST_LINE = 1 << 20
"""Characters of a line."""

LONGEST_NUMBER = 64
"""Characters of a number; doubles need 24."""

LONGEST_NAME = 200
"""Characters of an id; longer titles are cut there."""

LARGEST_RECORD = 1 << 24
"""Bytes of one record of an SDF or XYZ file."""

LARGEST_NPZ = 1 << 29
"""Bytes of all arrays of an npz file together, which are in memory at once."""

EXPANSION = 250
"""A gzipped file may unpack to so many times its size; text that says something stays below 50."""

EXPANSION_FREE = 1 << 26
"""Bytes that any gzipped file may unpack to."""

LARGEST_COORDINATE = 1e6
"""Angstrom: beyond it float32, in which prepared positions are kept, no longer tells atoms apart."""
