"""Every model on a device: nothing is made elsewhere, values are the CPU's, and the host waits where it is said.

The device is pretended (`epitaxy.geometry.testing.pretended`), so this runs, and must pass, without a GPU. `nox -s
gpu` runs what needs one.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor

from epitaxy.apps.config import apply_overrides, preset
from epitaxy.apps.data import load_asymmetric_units, load_molecules, load_split
from epitaxy.apps.families import FAMILIES, AnyModel
from epitaxy.apps.names import ModelName, Task
from epitaxy.apps.sampling import crystals, molecules, wyckoff
from epitaxy.apps.sampling.generate import generate, with_sampler
from epitaxy.apps.sampling.request import Request
from epitaxy.apps.training.module import TrainingModule
from epitaxy.geometry import SharedRng
from epitaxy.geometry.testing import Tolerance
from epitaxy.geometry.testing.pretended import PRETENDED, PretendedGenerator, Watching, values


@dataclass(frozen=True)
class Case:
    """A recipe: the model, its preset, its task, and words of ``--set``."""

    model: ModelName
    preset: str
    task: Task
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "-".join([self.model, self.preset, self.task, *self.words])

    @property
    def exact(self) -> bool:
        """Whether a device computes just what the CPU does: one block of edges, no attention of its own."""
        return "network.kind=rotary" not in self.words


ROTARY = ("network.kind=rotary", "network.heads=2")
PROPERTY = "conditioning.properties=[\"{}\"]"
CRYSTALS = [
    Case(model, name, task, network)
    for model in ("crysbfn", "kldm")
    for name in ("paper", "small")
    for task in ("csp", "dng")
    for network in ((), ROTARY)
]
FLOWS = [
    Case("crysbfn", "small", "csp", ("positions.draw=all_at_once", "positions.loss=kl")),
    Case("crysbfn", "small", "csp", ("positions.draw=stepwise",)),
    Case("crysbfn", "small", "dng", ("species.kind=absorbing", "lattice.loss=continuous")),
    Case("crysbfn", "small", "dng", ("lattice_form.kind=parameters", "species.guess=sampled", "species.final=mode")),
    Case("kldm", "small", "dng", ("species.kind=one_hot",)),
    Case("kldm", "small", "dng", ("species.kind=analog_bits", "lattice_form.kind=matrix")),
    Case("kldm", "small", "dng", ("species.kind=categorical_bfn", "positions.parametrisation=direct")),
    Case("kldm", "small", "dng", ("species.loss=cross_entropy", "lattice.prediction=epsilon")),
]
OTHERS = [
    Case("symmbfn", "paper", "dng"),
    Case("symmbfn", "small", "dng", (PROPERTY.format("density"),)),
    Case("geobfn", "paper", "dng"),
    Case("geobfn", "small", "dng", (PROPERTY.format("zpe"), "network.equivariance=SE(3)", "network.attention=true")),
    *(
        Case("geobfn", "small", "dng", (f"atoms.kind={kind}",))
        for kind in ("continuous_basis", "discrete", "discrete_continuous", "discrete_discretised")
    ),
]
CASES = [*CRYSTALS, *FLOWS, *OTHERS]


@cache
def dataset(model: ModelName) -> Any:
    match model:
        case "symmbfn":
            return load_asymmetric_units("prototypes", "val", symprec=0.1).subset(range(12))
        case "geobfn":
            return load_molecules("g2", "val")
        case _:
            return load_split("prototypes", "val", limit=12)


def build(case: Case) -> AnyModel:
    torch.manual_seed(0)
    data = "g2" if case.model == "geobfn" else "prototypes"
    base = preset(case.preset, model=case.model, task=case.task, dataset=data)
    words = [*case.words, "network.hidden=16", "network.layers=2", "network.time_dim=8"]
    if hasattr(base.network, "frequencies") and case.exact:
        words.append("network.frequencies=4")
    recipe = apply_overrides(base, words)
    model = FAMILIES[case.model].build(recipe, FAMILIES[case.model].summarise(dataset(case.model)))
    # The bank of trajectories is drawn on the host, once, however many steps it has.
    return model if model.flow.grid is None else fewer_steps(model)


def fewer_steps(model: AnyModel) -> AnyModel:
    model.flow = model.flow.with_steps(20)
    return model


def generator(device: torch.device, seed: int) -> torch.Generator:
    made = PretendedGenerator() if device == PRETENDED else torch.Generator()
    return made.manual_seed(seed)
