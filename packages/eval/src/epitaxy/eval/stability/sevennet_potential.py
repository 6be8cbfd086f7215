"""SevenNet, whose weights come in its package."""

import multiprocessing
import warnings
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from pymatgen.core.structure import Structure

from epitaxy.eval.stability.ase_potential import require_ase
from epitaxy.eval.stability.engine import check_elements, energy_with, relax_with
from epitaxy.eval.stability.methods import PBE_RAW
from epitaxy.eval.stability.potential import Relaxed, RelaxSettings
from epitaxy.eval.stability.wheel_files import check_wheel_files

WEIGHTS = {"sevennet": "7net-0", "sevennet-l3i5": "7net-l3i5"}
"""Names of the weights in SevenNet's package by what we call them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SevenNetPotential:
    """SevenNet-0 or l3i5 (Park et al., J. Chem. Theory Comput. 20, 4857 (2024)); works offline.

    Its energies stand for PBE and PBE+U as computed, without the Materials Project's corrections: NaCl has
    -3.38 eV/atom where CHGNet has -3.67.

    Attributes:
        weights: ``sevennet`` or ``sevennet-l3i5``, the better and slower one.
        device: Torch's name of where it runs.

    """

    weights: str = "sevennet"
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Refuse what cannot be made.

        Raises:
            ImportError: If SevenNet or ASE is not installed.
            ValueError: If there are no such weights.

        """
        if self.weights not in WEIGHTS:
            raise ValueError(f"SevenNet has the weights {', '.join(WEIGHTS)}, not {self.weights!r}")
        if find_spec("sevenn") is None:
            raise ImportError(f"the potential {self.weights} needs SevenNet: pip install sevenn")
        require_ase()

    @property
    def name(self) -> str:
        """The weights' name."""
        return self.weights

    @property
    def method(self) -> str:
        """What its energies stand for."""
        return PBE_RAW

    @property
    def version(self) -> str:
        """The version of the package."""
        return f"sevenn {metadata.version('sevenn')}"

    def prepare(self) -> None:
        """Load the weights."""
        _calculator(WEIGHTS[self.weights], self.device)

    def energy(self, structure: Structure) -> float:
        """Compute the energy per atom, eV.

        Raises:
            ValueError: If it has no energy for an element.

        """
        return energy_with(self._for(structure), structure)

    def relax(self, structure: Structure, settings: RelaxSettings) -> Relaxed:
        """Relax atoms and cell. Raises as :meth:`energy` does, and if the structure flies apart."""
        return relax_with(self._for(structure), structure, settings)

    def _for(self, structure: Structure) -> Any:
        calculator = _calculator(WEIGHTS[self.weights], self.device)
        check_elements(structure, calculator.type_map, "SevenNet")
        return calculator


@lru_cache(maxsize=2)
def _calculator(model: str, device: str) -> Any:
    """Load the weights once a process; a worker process computes on one core, the others have the rest."""
    import torch

    check_wheel_files("sevenn")
    if multiprocessing.parent_process() is not None:
        torch.set_num_threads(1)
    with warnings.catch_warnings():  # on accelerators that it could use, for developers
        warnings.simplefilter("ignore")
        from sevenn.calculator import SevenNetCalculator

        return SevenNetCalculator(model, device=device)
