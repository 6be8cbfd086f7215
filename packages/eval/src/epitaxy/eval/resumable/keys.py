"""Names of items by what is in them, for :func:`epitaxy.eval.resumable.resume_map`."""

import hashlib

import numpy as np
from pymatgen.core.structure import Structure


def structure_key(structure: Structure | None, *, decimals: int | None = None) -> str:
    """Name a crystal by its content: lattice, species and fractional coordinates, in the order given.

    The same file read twice has one key; a rotated or reordered copy, or one with any number another bit
    away, has another. Site properties play no part.

    Args:
        structure: The crystal.
        decimals: Only so many, of angstrom and of fractions, count. Processors differ in the sixteenth, in
            sines and in products of matrices: what is kept on one is found on another by fewer.

    Returns:
        32 hexadecimal digits; a word for None, which stands for a record that could not be read.

    """
    if structure is None:
        return "unreadable"
    digest = hashlib.sha256("\n".join(site.species_string for site in structure).encode())
    for numbers in (structure.lattice.matrix, structure.frac_coords):
        content = np.ascontiguousarray(numbers, dtype="<f8")
        if decimals is None:
            digest.update(content.tobytes())
            continue
        with np.errstate(invalid="ignore"):  # of what is no number
            whole = np.rint(content * 10**decimals).astype("<i8")  # whole numbers have no signed zero
        digest.update(whole.tobytes())
    return digest.hexdigest()[:32]


def joint_key(*keys: str) -> str:
    """Name a pair, or more, of named things, in this order: a sample and its reference, say."""
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:32]
