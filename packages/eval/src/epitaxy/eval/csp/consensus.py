"""Which of several predictions for one composition the others speak for."""

from collections.abc import Sequence
from math import exp

from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from epitaxy.eval.csp.pair import rms_displacement
from epitaxy.eval.csp.protocols import CSPProtocol, csp_protocol

_WIDTH = 0.4
"""Displacement, in (volume per atom)^(1/3), at which a match speaks with the weight 1/e."""


def agreement(
    structures: Sequence[Structure | None], *, protocol: str | CSPProtocol = "loose"
) -> list[float]:
    """Say how much the others speak for each structure.

    Each other that matches adds exp(-(d / 0.4)^2), with d the root mean square displacement over (volume per
    atom)^(1/3): 1 for the same crystal, a fifth for one that the tolerances just let pass. The structure with
    the most is the middle of what was predicted most often. Neither an energy nor a reference is asked; what
    it is worth is in docs/results.

    Cells that all have as many atoms are compared as they are, so that a distorted one still speaks for its
    symmetric parent; others by their primitive cells.

    Args:
        structures: predictions for one composition; None where there is none, for which nobody speaks.
        protocol: whose tolerances decide what matches; its other rules do not.

    """
    words = csp_protocol(protocol)
    matcher = StructureMatcher(
        ltol=words.ltol, stol=words.stol, angle_tol=words.angle_tol, primitive_cell=False
    )
    sizes = {len(each) for each in structures if each is not None}
    cells = [
        each if each is None or len(sizes) == 1 else each.get_primitive_structure() for each in structures
    ]
    found = [0.0] * len(cells)
    for i, one in enumerate(cells):
        for j, other in enumerate(cells[:i]):
            if one is None or other is None:
                continue
            distance = rms_displacement(matcher, one, other)
            if distance is not None:
                weight = exp(-((distance / _WIDTH) ** 2))
                found[i] += weight
                found[j] += weight
    return found
