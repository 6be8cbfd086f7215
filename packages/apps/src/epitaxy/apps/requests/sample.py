"""What sampling brings: a structure, or the reason why there is none."""

from dataclasses import dataclass

from ase import Atoms
from pymatgen.core import Structure

from epitaxy.apps.requests.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One generated structure (a molecule is ASE's Atoms), or the reason why there is none.

    Attributes:
        request: what was asked for.
        structure: what came.
        reason: why there is none.
        draws: how often it was drawn, until a draw was sound or no more were allowed.
        agreement: how much the others that were drawn for it speak for it, from 0 for none to 1 for all; None
            where it was not chosen among several.
    """

    request: Request
    structure: Structure | Atoms | None
    reason: str | None = None
    draws: int = 1
    agreement: float | None = None

    @property
    def crystal(self) -> Structure | None:
        """The structure, if it is a crystal."""
        return self.structure if isinstance(self.structure, Structure) else None

    @property
    def molecule(self) -> Atoms | None:
        """The structure, if it is a molecule."""
        return self.structure if isinstance(self.structure, Atoms) else None
