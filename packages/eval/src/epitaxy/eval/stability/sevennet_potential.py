"""SevenNet, whose weights come in its package; many crystals at once by TorchSim."""

import multiprocessing
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from pymatgen.core.structure import Structure

from epitaxy.eval.stability.ase_potential import require_ase
from epitaxy.eval.stability.engine import check_elements, energy_with, relax_with
from epitaxy.eval.stability.methods import PBE_RAW
from epitaxy.eval.stability.potential import Forces, Relaxed, RelaxSettings
from epitaxy.eval.stability.torchsim_forces import TorchSimForces, has_torchsim, require_torchsim
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
        device: Torch's name of where it runs; ``auto`` is a CUDA GPU for many crystals at once, and else the
            CPU.
        batches: Whether many crystals are computed at once, by TorchSim; by default where it is installed and
            ``device`` is a CUDA GPU, or finds one.

    """

    weights: str = "sevennet"
    device: str = "auto"
    batches: bool | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be made.

        Raises:
            ImportError: If SevenNet, ASE or, where it is asked for, TorchSim is not installed.
            ValueError: If there are no such weights.

        """
        if self.weights not in WEIGHTS:
            raise ValueError(f"SevenNet has the weights {', '.join(WEIGHTS)}, not {self.weights!r}")
        if find_spec("sevenn") is None:
            raise ImportError(f"the potential {self.weights} needs SevenNet: pip install sevenn")
        require_ase()
        if self.batches:
            require_torchsim()

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

    @property
    def batched(self) -> bool:
        """Whether many crystals are computed at once."""
        if self.batches is not None:
            return self.batches
        return has_torchsim() and self._device(many=True).startswith("cuda")

    def prepare(self) -> None:
        """Load the weights, for one at a time."""
        self._calculator()

    def prepare_many(self) -> None:
        """Load the weights, for many at once."""
        self._together()

    def check(self, structure: Structure) -> None:
        """Raise ValueError if it has no energy for an element."""
        check_elements(structure, self._together().model.type_map, "SevenNet")

    def forces(self, crystals: Sequence[Any]) -> list[Forces]:
        """Compute ASE atoms in one call.

        Raises:
            MemoryError: If fewer at once may do.
            LostError: If the device failed.

        """
        return self._together()(crystals)

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
        calculator = self._calculator()
        check_elements(structure, calculator.type_map, "SevenNet")
        return calculator

    def _calculator(self) -> Any:
        return _calculator(WEIGHTS[self.weights], self._device(many=False))

    def _together(self) -> TorchSimForces:
        return _together(WEIGHTS[self.weights], self._device(many=True))

    def _device(self, *, many: bool) -> str:
        if self.device != "auto":
            return self.device
        if not many:
            return "cpu"
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"


@lru_cache(maxsize=2)
def _calculator(model: str, device: str) -> Any:
    """Load the weights once a process; a worker process computes on one core, the others have the rest."""
    import torch

    check_wheel_files("sevenn")
    if multiprocessing.parent_process() is not None:
        torch.set_num_threads(1)
    with _quietly():
        from sevenn.calculator import SevenNetCalculator

        return SevenNetCalculator(model, device=device)


@lru_cache(maxsize=2)
def _together(model: str, device: str) -> TorchSimForces:
    """Load the weights once a process.

    TorchSim's own choice of neighbours, Warp's, refuses cells that are denser than it expects.
    """
    check_wheel_files("sevenn")
    with _quietly():
        from sevenn.torchsim import SevenNetModel
        from torch_sim.neighbors import torch_nl_linked_cell

        return TorchSimForces(SevenNetModel(model, neighbor_list_fn=torch_nl_linked_cell, device=device))


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep warnings of accelerators that it could use, for developers, out of the way."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
