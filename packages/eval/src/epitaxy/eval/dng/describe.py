"""What the distributions are made of: validity, density, elements and space group of each crystal."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymatgen.core.structure import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from epitaxy.eval.dng.large import refuse_large
from epitaxy.eval.dng.validity import SAMPLE_LIMIT, SampleValidity
from epitaxy.eval.resumable import Failed, Progress, resume_map, structure_key
from epitaxy.eval.shipped import shipped
from epitaxy.eval.symmetry import SPACE_GROUPS
from epitaxy.eval.validity import TABLE_NAMES, Validity, compositional_validity, structural_validity

SYMPREC = 0.1
"""How far, in angstrom, atoms may be from where a symmetry puts them, as the tables have it."""

CRYSTAL_SYSTEMS = {
    "triclinic": 2,
    "monoclinic": 15,
    "orthorhombic": 74,
    "tetragonal": 142,
    "trigonal": 167,
    "hexagonal": 194,
    "cubic": 230,
}
"""The last space group of each crystal system."""

TASK, GROUP_TASK = "describe", "space-group"
VERSION = 1
"""Of both tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """One crystal.

    Attributes:
        id: Its id.
        readable: Whether there was a structure.
        structural: Whether it is geometrically possible.
        compositional: Whether it is chemically possible, by the name of the oxidation-state table.
        density: In g/cm^3; None where it is not structurally valid.
        elements: Number of different elements; None where it is not structurally valid.

    """

    id: str
    readable: bool
    structural: Validity
    compositional: Mapping[str, Validity]
    density: float | None
    elements: int | None

    def valid(self, table: str) -> bool:
        """Whether it is both structurally and, by that table, compositionally valid."""
        return bool(self.structural) and bool(self.compositional[table])

    def validity(self, table: str) -> SampleValidity:
        """Give its verdicts by one table."""
        return SampleValidity(
            id=self.id,
            readable=self.readable,
            structural=self.structural,
            compositional=self.compositional[table],
        )


def describe(
    structures: Mapping[str, Structure | None],
    *,
    cache: Path | None = None,
    workers: int | str = 0,
    timeout_s: float | None = SAMPLE_LIMIT,
    progress: Progress | None = None,
) -> tuple[Description, ...]:
    """Describe every crystal, in the order given; one that fails, or takes too long, is invalid."""
    keys = [structure_key(s) for s in structures.values()]
    outcomes = resume_map(
        _describe,
        list(structures.values()),
        keys=keys,
        name=TASK,
        version=VERSION,
        known=shipped(TASK, VERSION, dict(zip(keys, structures.values(), strict=True))),
        cache=cache,
        workers=workers,
        limit=timeout_s,
        progress=progress,
    )
    return tuple(
        _failed(name, structures[name] is not None, outcome.reason)
        if isinstance(outcome, Failed)
        else _description(name, structures[name] is not None, outcome.value)
        for name, outcome in zip(structures, outcomes, strict=True)
    )


def _describe(structure: Structure | None) -> dict[str, Any]:
    composition = None if structure is None else structure.composition
    structural = structural_validity(structure)
    chemical = {name: compositional_validity(composition, table=name).reason for name in TABLE_NAMES}
    density = elements = None
    if structure is not None and structural:
        density, elements = float(structure.density), len(structure.composition.element_composition)
    return {
        "structural": structural.reason,
        "compositional": chemical,
        "density": density,
        "elements": elements,
    }


def _failed(name: str, readable: bool, reason: str) -> Description:
    verdict = Validity(False, reason)
    return Description(
        id=name,
        readable=readable,
        structural=verdict,
        compositional=dict.fromkeys(TABLE_NAMES, verdict),
        density=None,
        elements=None,
    )


def _description(name: str, readable: bool, found: Any) -> Description:
    return Description(
        id=name,
        readable=readable,
        structural=_verdict(found["structural"]),
        compositional={table: _verdict(reason) for table, reason in found["compositional"].items()},
        density=found["density"],
        elements=found["elements"],
    )


def _verdict(reason: str | None) -> Validity:
    return Validity(reason is None, reason)


def space_groups(
    structures: Mapping[str, Structure],
    *,
    symprec: float = SYMPREC,
    cache: Path | None = None,
    workers: int | str = 0,
    timeout_s: float | None = SAMPLE_LIMIT,
    progress: Progress | None = None,
) -> tuple[dict[str, int], dict[str, str]]:
    """Find the space group of each crystal with spglib, by way of pymatgen's ``SpacegroupAnalyzer``.

    Returns:
        The numbers by id, and the reasons of those for which spglib found none.

    """
    keys = [structure_key(s) for s in structures.values()]
    outcomes = resume_map(
        _SpaceGroup(symprec),
        list(structures.values()),
        keys=keys,
        name=GROUP_TASK,
        version=VERSION,
        parameters={"symprec": symprec},
        known=shipped(GROUP_TASK, VERSION, dict(zip(keys, structures.values(), strict=True)))
        if symprec == SYMPREC
        else {},
        cache=cache,
        workers=workers,
        limit=timeout_s,
        progress=progress,
    )
    numbers: dict[str, int] = {}
    failures: dict[str, str] = {}
    for name, outcome in zip(structures, outcomes, strict=True):
        if isinstance(outcome, Failed):
            failures[name] = outcome.reason
        elif isinstance(outcome.value, int):
            numbers[name] = outcome.value
    return numbers, failures


@dataclass(frozen=True, slots=True)
class _SpaceGroup:
    symprec: float

    def __call__(self, structure: Structure) -> int:
        refuse_large(structure)
        return int(SpacegroupAnalyzer(structure, symprec=self.symprec).get_space_group_number())


def crystal_system(number: int) -> str:
    """Name the crystal system of a space group.

    Raises:
        ValueError: If there is no such space group.

    """
    if not 1 <= number <= SPACE_GROUPS:
        raise ValueError(f"space groups have numbers from 1 to {SPACE_GROUPS}, not {number}")
    return next(name for name, last in CRYSTAL_SYSTEMS.items() if number <= last)
