"""CHGNet, whose weights come in its package."""

import contextlib
import io
import multiprocessing
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from pymatgen.core.structure import Structure

from epitaxy.eval.stability.ase_potential import require_ase
from epitaxy.eval.stability.engine import check_elements, energy_with, relax_with
from epitaxy.eval.stability.methods import PBE, R2SCAN
from epitaxy.eval.stability.potential import Relaxed, RelaxSettings
from epitaxy.eval.stability.wheel_files import check_wheel_files

WEIGHTS = ("0.3.0", "0.2.0", "r2scan")

ELEMENTS = 94
"""It was trained on hydrogen to plutonium."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CHGNetPotential:
    """CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)); works offline.

    Its energies stand for PBE and PBE+U with the Materials Project's 2020 corrections (weights 0.2.0, 0.3.0),
    or r2SCAN. An atom without a neighbour within 6 angstrom is an error, not an energy.

    Attributes:
        weights: ``0.3.0``, ``0.2.0`` or ``r2scan``.
        device: Torch's name of where it runs.

    """

    weights: str = "0.3.0"
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Refuse what cannot be made.

        Raises:
            ImportError: If CHGNet or ASE is not installed.
            ValueError: If CHGNet has no such weights.

        """
        if find_spec("chgnet") is None:
            raise ImportError("the potential chgnet needs CHGNet: pip install chgnet")
        require_ase()
        if self.weights not in WEIGHTS:
            raise ValueError(f"CHGNet has the weights {', '.join(WEIGHTS)}, not {self.weights!r}")

    @property
    def name(self) -> str:
        """The weights' name."""
        return f"chgnet:{self.weights}"

    @property
    def method(self) -> str:
        """What its energies stand for."""
        return R2SCAN if self.weights == "r2scan" else PBE

    @property
    def version(self) -> str:
        """The version of the package."""
        return f"chgnet {metadata.version('chgnet')}"

    def prepare(self) -> None:
        """Load the weights."""
        with _quiet():
            _calculator(self.weights, self.device, "e")

    def energy(self, structure: Structure) -> float:
        """Compute the energy per atom, eV; quicker than one step of a relaxation, which needs forces.

        Raises:
            ValueError: If it has no energy for an element, or an atom is isolated.

        """
        check_elements(structure, range(1, ELEMENTS + 1), "CHGNet")
        with _quiet(), _isolated_named():
            return energy_with(_calculator(self.weights, self.device, "e"), structure)

    def relax(self, structure: Structure, settings: RelaxSettings) -> Relaxed:
        """Relax atoms and cell. Raises as :meth:`energy` does, and if the structure flies apart."""
        check_elements(structure, range(1, ELEMENTS + 1), "CHGNet")
        with _quiet(), _isolated_named():
            return relax_with(_calculator(self.weights, self.device, "efs"), structure, settings)


@contextmanager
def _isolated_named() -> Iterator[None]:
    """Say in a sentence that an atom has no neighbours."""
    try:
        yield
    except ValueError as error:
        if "isolated atom" not in str(error):
            raise
        raise ValueError(
            "isolated atom: one has no neighbour within 6 angstrom, and CHGNet has no energy for that; the "
            "cell is too empty, or flew apart"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what its libraries warn developers of out of the user's way."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _calculator(weights: str, device: str, task: str) -> Any:
    """Make an ASE calculator that computes what is needed and no magnetic moments."""
    from chgnet.model.dynamics import CHGNetCalculator

    model = _model(weights, device)
    with contextlib.redirect_stdout(io.StringIO()):  # it announces its device
        calculator: Any = CHGNetCalculator(model=model, use_device=device, on_isolated_atoms="error")
    calculator.calculate = partial(calculator.calculate, task=task)
    return calculator


@lru_cache(maxsize=2)
def _model(weights: str, device: str) -> Any:
    """Load the weights once a process; a worker process computes on one core, the others have the rest."""
    import torch
    from chgnet.model.model import CHGNet

    from epitaxy.eval.stability.chgnet_forces import for_use_alone

    check_wheel_files("chgnet")
    if multiprocessing.parent_process() is not None:
        torch.set_num_threads(1)
    with contextlib.redirect_stdout(io.StringIO()):  # it announces its size
        return for_use_alone(CHGNet.load(model_name=weights, use_device=device, verbose=False))
