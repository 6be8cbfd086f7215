"""Whether a candidate may be a crystal, before any force is computed."""

from pymatgen.core import Structure

from epitaxy.apps.sampling.soundness import crystal_fault
from epitaxy.eval.stability import impossible_bond


def fault(structure: Structure) -> str | None:
    """Say why a structure cannot be a crystal; None if it may be one."""
    return crystal_fault(structure) or impossible_bond(structure)
