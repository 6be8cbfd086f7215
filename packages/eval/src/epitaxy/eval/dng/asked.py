"""Whether samples have the space group that each was asked to have."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymatgen.core.structure import Structure

from epitaxy.eval.dng.figures import Figures
from epitaxy.eval.dng.large import refuse_large
from epitaxy.eval.resumable import Failed, Progress, joint_key, resume_map, structure_key
from epitaxy.eval.symmetry import SPACE_GROUPS, SYMPREC, SymmetryMatch, match_symmetry

ASKED_DEFINITION = (
    "Space group kept: samples that have every operation of the group they were asked for, in the cell they "
    "are given in (the standard setting's), by spglib at 0.01 A; exact: and whose group is no larger. Over "
    "the samples that were asked for a group, and over the structurally valid ones of them."
)

_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedGroups:
    """What came of the samples that were asked for a space group.

    Attributes:
        found: By sample id; samples that could not be read or looked at are not in it.
        failures: Why a sample is not, by its id.
        valid: Ids of those samples, in either, that are structurally valid.

    """

    found: Mapping[str, SymmetryMatch]
    failures: Mapping[str, str]
    valid: frozenset[str]

    def add_to(self, figures: Figures) -> None:
        """Add the rates at which the groups were kept, over all samples asked and over the valid ones."""
        figures.named("asked_group_failed", self.failures)
        asked = {*self.found, *self.failures}
        for suffix, chosen in (("", asked), ("_of_valid", asked & self.valid)):
            held = [match for name, match in self.found.items() if name in chosen]
            none = "no sample that was asked for a space group is structurally valid"
            figures.counts[f"space_group_asked{suffix}"] = len(chosen)
            kept, exact = (f"space_group_{word}{suffix}" for word in ("kept", "exact"))
            figures.rate(kept, sum(match.contained for match in held), len(chosen), without=none)
            figures.rate(exact, sum(match.exact for match in held), len(chosen), without=none)


def match_asked(
    structures: Mapping[str, Structure | None],
    asked: Mapping[str, int],
    valid: frozenset[str],
    *,
    symprec: float = SYMPREC,
    cache: Path | None = None,
    workers: int | str = 0,
    timeout_s: float | None = None,
    progress: Progress | None = None,
) -> AskedGroups:
    """Compare each sample that was asked for a space group with it.

    Args:
        structures: The samples by id, in the cells they were generated in; None for an unreadable one, which
            counts as one that was asked, and failed.
        asked: The group asked for, by sample id.
        valid: Ids of the structurally valid samples.
        symprec: As in :func:`epitaxy.eval.symmetry.has_symmetry`.
        cache: A folder to keep what was found in, by content; None keeps nothing.
        workers: Worker processes, 0 for this process, or a Dask scheduler's address.
        timeout_s: Wall-clock seconds for one sample; None for no limit.
        progress: Called as ``progress(done, total)``.

    Raises:
        ValueError: If a group has no number from 1 to 230, or a setting makes no sense.

    """
    for name, number in asked.items():
        if not 1 <= number <= SPACE_GROUPS:
            raise ValueError(f"{name} was asked for space group {number}; numbers are 1 to {SPACE_GROUPS}")
    chosen = {name: s for name, s in structures.items() if s is None or name in asked}
    readable = {name: structure for name, structure in chosen.items() if structure is not None}
    outcomes = resume_map(
        _Match(symprec),
        [(structure, asked[name]) for name, structure in readable.items()],
        keys=[joint_key(structure_key(s), str(asked[name])) for name, s in readable.items()],
        name="asked-group",
        version=_VERSION,
        parameters={"symprec": symprec},
        cache=cache,
        workers=workers,
        limit=timeout_s,
        progress=progress,
    )
    failures = {name: "it could not be read" for name in chosen if name not in readable}
    found = {}
    for name, outcome in zip(readable, outcomes, strict=True):
        if isinstance(outcome, Failed):
            failures[name] = outcome.reason
        else:
            value: Any = outcome.value
            found[name] = SymmetryMatch(asked=asked[name], detected=value[0], contained=value[1])
    return AskedGroups(found=found, failures=failures, valid=frozenset(chosen) & valid)


@dataclass(frozen=True, slots=True)
class _Match:
    symprec: float

    def __call__(self, item: tuple[Structure, int]) -> list[Any]:
        structure, number = item
        refuse_large(structure)
        found = match_symmetry(structure, number, symprec=self.symprec)
        return [found.detected, found.contained]
