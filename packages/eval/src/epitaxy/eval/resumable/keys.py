"""Names of items by what is in them, for :func:`epitaxy.eval.resumable.resume_map`."""

import hashlib

import numpy as np
from pymatgen.core.structure import Structure


def structure_key(structure: Structure | None) -> str:
    """Name a crystal by its content: lattice, species and fractional coordinates, in the order given.

    The same file read twice has one key; a rotated or reordered copy, or one with any number another bit
    away, has another. Site properties play no part.

    Returns:
        32 hexadecimal digits; a word for None, which stands for a record that could not be read.

    """
    if structure is None:
        return "unreadable"
    digest = hashlib.sha256("\n".join(site.species_string for site in structure).encode())
    digest.update(np.ascontiguousarray(structure.lattice.matrix, dtype="<f8").tobytes())
    digest.update(np.ascontiguousarray(structure.frac_coords, dtype="<f8").tobytes())
    return digest.hexdigest()[:32]


def joint_key(*keys: str) -> str:
    """Name a pair, or more, of named things, in this order: a sample and its reference, say."""
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:32]
