"""Sites and symmetry operations to all atoms of a cell; special positions written short are put right."""

import gemmi
import numpy as np
from jaxtyping import Float

from epitaxy.data._cif_sites import Site
from epitaxy.data.errors import UnusableRecordError

SPECIAL = 0.15
"""Angstrom: an atom this near to an image of its own is meant to lie on the special position between."""

_OTHERS = (0.5, 0.05, 0.01)  # tried where a declared multiplicity disagrees with `SPECIAL`
_SAME = 1e-3  # angstrom between images that are one atom, after the projection

Fractions = Float[np.ndarray, "atoms 3"]


class Operations:
    """Symmetry operations as arrays: rotations and translations of fractional coordinates."""

    def __init__(self, operations: tuple[gemmi.Op, ...]) -> None:
        self.rotations: Float[np.ndarray, "ops 3 3"] = np.array([op.rot for op in operations]) / gemmi.Op.DEN
        self.shifts: Float[np.ndarray, "ops 3"] = np.array([op.tran for op in operations]) / gemmi.Op.DEN

    def images(self, position: Float[np.ndarray, "3"]) -> Float[np.ndarray, "ops 3"]:
        """Return where each operation puts a position."""
        images: np.ndarray = self.rotations @ position + self.shifts
        return images


def orbit(site: Site, operations: Operations, lattice: Float[np.ndarray, "3 3"]) -> Fractions:
    """Return all atoms of one site.

    Raises:
        UnusableRecordError: if no special position near the site has the multiplicity declared, or the site
            is near several at once.

    """
    position = np.array(site.position)
    if len(operations.shifts) == 1:
        atoms: Fractions | None = position[None]
    else:
        atoms = _orbit(position, operations, lattice, SPECIAL)
    if site.multiplicity is None or (atoms is not None and len(atoms) == site.multiplicity):
        if atoms is None:
            raise UnusableRecordError(
                f"its site {site.label} lies near several special positions; give its coordinates in full"
            )
        return atoms
    for within in _OTHERS:
        other = _orbit(position, operations, lattice, within)
        if other is not None and len(other) == site.multiplicity:
            return other
    found = "no whole orbit" if atoms is None else f"{len(atoms)}"
    raise UnusableRecordError(
        f"its site {site.label} has a multiplicity of {site.multiplicity}, its symmetry operations make "
        f"{found} of it; correct the operations or the coordinates"
    )


def _orbit(
    position: Float[np.ndarray, "3"], operations: Operations, lattice: Float[np.ndarray, "3 3"], within: float
) -> Fractions | None:
    """Return the orbit of the special position within reach; None if there is no one such position."""
    order = len(operations.shifts)
    near = position
    for _ in range(3):  # what lies near two special positions may only meet their common one in steps
        images = operations.images(near)
        offsets = images - near
        offsets -= np.round(offsets)
        here = np.linalg.norm(offsets @ lattice, axis=1) <= within
        near = near + offsets[here].mean(axis=0)
    moved = near - position
    if np.linalg.norm(moved @ lattice) > within:
        return None
    images = operations.images(near)
    offsets = images - near
    offsets -= np.round(offsets)
    fixed = np.linalg.norm(offsets @ lattice, axis=1) <= _SAME
    if not np.array_equal(fixed, here) or order % int(fixed.sum()):
        return None
    atoms = _distinct(images, lattice)
    return atoms if len(atoms) * int(fixed.sum()) == order else None


def _distinct(images: Fractions, lattice: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "distinct 3"]:
    offsets = images[:, None] - images[None]
    offsets -= np.round(offsets)
    same = np.square(offsets @ lattice).sum(axis=-1) <= _SAME**2
    distinct: np.ndarray = images[same.argmax(axis=1) == np.arange(len(images))]  # none before is the same
    return distinct
