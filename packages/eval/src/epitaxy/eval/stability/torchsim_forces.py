"""Many crystals in one call of a TorchSim model (Cohen et al., AI for Science 1 (2025))."""

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from epitaxy.eval.stability.potential import Forces, LostError

PYTHON = (3, 12)
"""TorchSim's own bound."""

OUT_OF_MEMORY = ("out of memory", "failed to allocate", "can't allocate", "alloc_failed")
"""What PyTorch, Warp and CUDA's libraries say of it, in small letters."""


def has_torchsim() -> bool:
    """Whether TorchSim is installed."""
    return find_spec("torch_sim") is not None


def require_torchsim() -> None:
    """Complain if TorchSim is missing.

    Raises:
        ImportError: If it is.

    """
    if sys.version_info < PYTHON:
        needed, here = (".".join(map(str, version[:2])) for version in (PYTHON, sys.version_info))
        raise ImportError(f"many crystals at once need TorchSim, which needs Python {needed}; this is {here}")
    if not has_torchsim():
        raise ImportError("many crystals at once need TorchSim: pip install torch-sim-atomistic")


class TorchSimForces:
    """Energies, forces and stresses by a TorchSim model.

    Args:
        model: Any of TorchSim's; one that computes stress.

    """

    def __init__(self, model: Any) -> None:
        self.model = model

    def __call__(self, crystals: Sequence[Any]) -> list[Forces]:
        """Compute ASE atoms, one answer each, in order.

        Raises:
            MemoryError: If they need more memory than there is.
            LostError: If the device failed; it answers no more.

        """
        import torch

        try:
            return self._computed(crystals)
        except torch.AcceleratorError as error:
            what = str(error).partition("\n")[0]
            raise LostError(f"the device failed ({what}): run this again, what is done is kept") from error
        except RuntimeError as error:
            if not any(words in str(error).lower() for words in OUT_OF_MEMORY):
                raise
        if torch.cuda.is_available():  # outside the handler, whose traceback holds tensors
            torch.cuda.empty_cache()
        raise MemoryError(f"{len(crystals)} crystals are too many at once")

    def _computed(self, crystals: Sequence[Any]) -> list[Forces]:
        from torch_sim.io import atoms_to_state

        state = atoms_to_state(list(crystals), device=self.model.device, dtype=self.model.dtype)
        found = self.model(state)
        energies, forces, stresses = (
            found[name].detach().cpu().double().numpy() for name in ("energy", "forces", "stress")
        )
        ends = np.cumsum([len(atoms) for atoms in crystals])
        return [
            Forces(energy=float(energy), forces=part, stress=_voigt(stress))
            for energy, part, stress in zip(energies, np.split(forces, ends[:-1]), stresses, strict=True)
        ]


def _voigt(stress: Any) -> Any:
    """Take xx, yy, zz, yz, xz, xy."""
    return stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
