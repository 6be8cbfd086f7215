"""Going downhill: which optimiser, how the cell moves, and when a structure is given up.

BFGS that begins with a guess of the crystal's elasticity (ASE's ``CellAwareBFGS``). On 42 samples of the
shipped models (``benchmarks/relaxers.py --num 40 --fmax 0.02``; CHGNet, cells of at most ten atoms) it takes
a median of 7 calls for forces, 1,924 in all, where FIRE takes 30 and 4,055. 31 end within 1 meV/atom of
FIRE's energy; the others, which begin far off, end in other minima, 4 lower and 7 higher. On twelve, neither
thresholds down to 0.01 nor steps of half and a quarter of the length brought all together. Down to 0.05
it takes 4.5 calls to FIRE's 21, but one sample was seen to stop after three on a plateau 2.8 eV/atom above
the minimum: hence the default of 0.025.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from epitaxy.eval.stability.course import Course
from epitaxy.eval.stability.potential import GPA, RelaxSettings

SYMPREC = 0.1
"""Angstrom within which sites count as equivalent when a space group is named or kept."""

FLOWN = 200.0
"""Cubic angstrom an atom: no crystal is that empty (caesium has 115)."""

CRUSHED = 1.5
"""Cubic angstrom an atom: no crystal is that dense below a thousand GPa (diamond has 5.7)."""


SYMMETRIC_STEP = 0.1
"""Largest step of an atom (angstrom) and of the strain where symmetry is kept, half of ASE's: its constraint
warns of changes of the cell by over 15 % and refuses those by over 25 %."""


class GoneError(ValueError):
    """A structure that is no crystal any more: it flies apart or collapses."""


def descending(atoms: Any, settings: RelaxSettings) -> Course[tuple[bool, int]]:
    """Lower the energy (enthalpy) of ASE atoms, which change, atoms and cell.

    The cell moves by the logarithm of its deformation (:mod:`epitaxy.eval.stability.cell_filter`).

    Returns:
        Whether the forces fell below the threshold, and the steps taken.

    Raises:
        GoneError: If the atoms fly apart or collapse.
        ValueError: If the potential gives forces that are not finite.

    """
    from ase import constraints
    from ase.optimize import cellawarebfgs

    from epitaxy.eval.stability.cell_filter import CellFilter

    # ASE's own types are partial and partly wrong (`logfile` takes None): these two are taken as they are.
    symmetric: Any = constraints.FixSymmetry
    downhill: Any = cellawarebfgs.CellAwareBFGS
    if settings.keep_symmetry:
        atoms.set_constraint(symmetric(atoms, symprec=SYMPREC))
    moved = CellFilter(atoms, settings.pressure * GPA)
    optimizer = downhill(moved, logfile=None, maxstep=SYMMETRIC_STEP if settings.keep_symmetry else None)
    start, steps = atoms.get_volume() / len(atoms), 0
    yield atoms
    # ASE's own threshold is one of stress and knows of no pressure.
    while _largest(moved.get_forces()) >= settings.fmax:
        if steps == settings.max_steps:
            return False, steps
        optimizer.step()
        steps += 1
        _stop_if_gone(atoms, start, steps)
        yield atoms
    return True, steps


def _largest(forces: Float[np.ndarray, "rows 3"]) -> float:
    """Find the largest force on an atom, or gradient by the strain (the last three rows) over the atoms.

    Raises:
        ValueError: If there is none, as they are not finite.

    """
    if not np.isfinite(forces).all():
        raise ValueError("the potential gives no finite forces for it")
    rows = np.linalg.norm(forces, axis=1)
    rows[-3:] /= len(forces) - 3
    return float(rows.max())


def _stop_if_gone(atoms: Any, start: float, steps: int) -> None:
    """End what cannot come back; a structure that began as far out or in may still do so."""
    volume = atoms.get_volume() / len(atoms)
    if volume > max(FLOWN, 1.5 * start):
        raise GoneError(f"it flies apart: {volume:.0f} cubic angstrom an atom after {steps} steps")
    if volume < min(CRUSHED, start / 1.5):
        raise GoneError(f"it collapses: {volume:.2f} cubic angstrom an atom after {steps} steps")
