"""Symmetric random structures: a space group, its Wyckoff positions filled by chance (PyXtal)."""

import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.util import find_spec
from typing import Any

import numpy as np
from jaxtyping import Int
from pymatgen.analysis.structure_prediction.volume_predictor import DLSVolumePredictor
from pymatgen.core import Structure

from epitaxy.apps.discovery.proposals.groups import units_in
from epitaxy.apps.discovery.proposals.proposal import Origin, Proposal, Proposer, Source
from epitaxy.apps.discovery.proposals.stream import Scheduled
from epitaxy.apps.discovery.question import Amounts
from epitaxy.apps.foundation.errors import WorkError
from epitaxy.geometry import structure_seed

BATCH = 4
TRIES = 40
"""Space groups tried until one can hold the atoms."""
GROUPS = 230
_STREAM = -7
"""What the search's seed is mixed with."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SymmetricRandom:
    """Random crystals of one composition (Fredericks et al., Comput. Phys. Commun. 261, 107810 (2021)).

    Numbers of formula units are drawn in inverse proportion to themselves, space groups with equal chance
    among those that can hold the atoms. The volume is that at which the closest atoms are as far apart as
    pymatgen's ``DLSVolumePredictor`` expects.

    Attributes:
        amounts: the composition.
        max_atoms: of the primitive cell, unless one formula unit has more.
        seed: of all draws.
        group: the space group of all of them; None: drawn.
    """

    amounts: Amounts
    max_atoms: int
    seed: int
    group: int | None = None

    @property
    def kind(self) -> Source:
        """Chance."""
        return "random"

    @property
    def name(self) -> str:
        """The kind's."""
        return "random"

    def batch(self, number: int) -> Sequence[Proposal]:
        """Draw a batch; there is no last one."""
        return [self._drawn(structure_seed(self.seed, number * BATCH + place)) for place in range(BATCH)]

    def _drawn(self, seed: int) -> Proposal:
        rng = np.random.default_rng(seed)
        units = self._units
        for _ in range(TRIES):
            count = int(rng.choice(units, p=(1 / units) / (1 / units).sum()))
            group = self.group or int(rng.integers(1, GROUPS + 1))
            structure = _crystal(group, {s: n * count for s, n in self.amounts.items()}, rng)
            if structure is not None:
                origin = Origin(kind="random", by="random", detail=f"space group {group}, seed {seed}")
                return Proposal(origin=origin, structure=structure)
        origin = Origin(kind="random", by="random", detail=f"seed {seed}")
        reason = f"none of {TRIES} space groups could hold the atoms"
        return Proposal(origin=origin, structure=None, fault=reason)

    @cached_property
    def _units(self) -> Int[np.ndarray, " choices"]:
        """The numbers of formula units that are drawn from: those that the group can hold."""
        if self.group is not None:
            return np.array(units_in(self.group, self.amounts, self.max_atoms))
        return np.arange(1, max(1, self.max_atoms // sum(self.amounts.values())) + 1)


def require_pyxtal() -> None:
    """Complain if PyXtal is missing.

    Raises:
        WorkError: with the command that installs it.
    """
    if find_spec("pyxtal") is None:
        raise WorkError("--proposals random needs PyXtal: pip install pyxtal, or leave random out")


def random_proposer(
    compositions: Sequence[Amounts], *, max_atoms: int, seed: int, group: int | None = None
) -> Proposer:
    """Return random structures (of a space group) of one composition, or in turn of those that fit."""
    own = structure_seed(seed, _STREAM)
    makers: list[Callable[[], Proposer]] = [
        partial(
            SymmetricRandom, amounts=amounts, max_atoms=max_atoms, seed=structure_seed(own, n), group=group
        )
        for n, amounts in enumerate(compositions)
        if group is None or units_in(group, amounts, max_atoms)
    ]
    return makers[0]() if len(makers) == 1 else Scheduled("random", "random", makers)


def _crystal(group: int, counts: Amounts, rng: np.random.Generator) -> Structure | None:
    """Fill the group's positions with these atoms of a primitive cell; None if they do not fit."""
    from pyxtal import pyxtal  # two seconds, and an extra

    made: Any = pyxtal()
    random.seed(int(rng.integers(2**31)))  # some of its choices are the random module's
    try:
        made.from_random(
            3, group, list(counts), list(counts.values()), conventional=False, max_count=4, random_state=rng
        )
    except Exception:  # its refusals have types of their own; the next group may do
        return None
    if not made.valid:
        return None
    structure: Structure = made.to_pymatgen()
    predictor: Any = DLSVolumePredictor  # pymatgen left it unannotated
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        structure.scale_lattice(predictor().predict(structure))
    return structure
