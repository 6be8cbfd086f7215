"""A hull of a dataset's crystals by a potential, only where it is needed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pymatgen.core.structure import Structure

from epitaxy.eval.isolation import Failed
from epitaxy.eval.resumable import structure_key
from epitaxy.eval.stability.batch import Work, energies_of, known_phases, relax_all
from epitaxy.eval.stability.hull import Hull, HullEntry, chemical_system
from epitaxy.eval.stability.potential import Potential, Relaxed, RelaxSettings, pressure_energy


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """Known crystals, to build hulls of.

    Attributes:
        source: What they are called in the results.
        structures: Them, by id; None for one that could not be read.
        relax_within: Crystals within so many eV/atom of the hull of unrelaxed crystals are relaxed as the
            candidates are; None relaxes none. Candidates are compared at their minima, so phases that are not
            at theirs make every candidate look more stable than it is.
        limits: What the source is known to lack, for the result's statement.

    """

    source: str
    structures: Mapping[str, Structure | None]
    relax_within: float | None = 0.05
    limits: str = ""


def build_hull(
    references: References,
    systems: Collection[frozenset[str]],
    potential: Potential,
    *,
    settings: RelaxSettings | None = None,
    work: Work | None = None,
    candidates: Collection[Structure] = (),
) -> Hull:
    """Compute the energies of the references in these chemical systems, and in all systems within them.

    The crystals' energies as they are come first. Those close to the hull are then relaxed; the others are
    not: relaxing would have to lower one by more than ``relax_within`` for it to matter. An energy is the
    lower of the two; under pressure it is the enthalpy. With a cache in ``work`` nothing is computed twice,
    and what comes with the package (:mod:`epitaxy.eval.stability.phases`) is not computed at all.

    Args:
        references: The known crystals.
        systems: Sets of element symbols.
        potential: The potential.
        settings: When a relaxation ends; the candidates' own.
        work: Where and how it is done.
        candidates: What will be compared with it. A phase that is among them is computed as they are, that it
            may lie at 0 from itself, whatever the processor.

    Raises:
        ValueError: If a setting makes no sense or the cache cannot be used.
        RuntimeError: If no worker can start.

    """
    wanted = frozenset(systems)
    chosen = _within(references.structures, wanted)
    judged = {structure_key(candidate) for candidate in candidates}
    others = {name: one for name, one in chosen.items() if structure_key(one) not in judged}
    settings = settings or RelaxSettings()
    found: dict[str, float | Failed] = {**known_phases(others, potential)}
    rest = {name: one for name, one in chosen.items() if name not in found}
    found |= energies_of(rest, potential, work=work, stage="energies of known phases")
    failed = {name: outcome.reason for name, outcome in found.items() if isinstance(outcome, Failed)}
    energies = {
        name: energy + pressure_energy(one, settings.pressure)
        for name, one in chosen.items()
        if isinstance(energy := found[name], float)
    }
    close: dict[str, Structure] = {}
    if references.relax_within is not None:
        close = _close(chosen, energies, references.relax_within)
        lowest = known_phases({n: one for n, one in close.items() if n in others}, potential, settings)
        rest = {name: one for name, one in close.items() if name not in lowest}
        relaxed = relax_all(rest, potential, settings=settings, work=work, stage="relaxing known phases")
        lowest |= {name: one.enthalpy for name, one in relaxed.items() if isinstance(one, Relaxed)}
        energies |= {name: min(energies[name], lowest[name]) for name in lowest}
    return Hull(
        source=references.source,
        statement=_statement(references, potential, len(energies), len(close), len(failed)),
        entries=_entries(chosen, energies),
        potential=potential.name,
        systems=wanted,
        failed=failed,
    )


def _within(
    structures: Mapping[str, Structure | None], systems: frozenset[frozenset[str]]
) -> dict[str, Structure]:
    """Choose the crystals all of whose elements are in one of the systems."""
    named = {name: (s, chemical_system(s.composition)) for name, s in structures.items() if s is not None}
    needed = {
        part for part in {part for _, part in named.values()} if any(part <= system for system in systems)
    }
    return {name: structure for name, (structure, part) in named.items() if part in needed}


def _close(
    structures: Mapping[str, Structure], energies: Mapping[str, float], within: float
) -> dict[str, Structure]:
    """Choose the crystals so close to the hull of these energies that relaxing could put them on it."""
    hull = Hull(source="", statement="", entries=_entries(structures, energies))
    floors: dict[str, float | None] = {}  # polymorphs have one
    close = {}
    for entry in hull.entries:
        formula = entry.composition.reduced_formula
        if formula not in floors:
            floors[formula] = hull.above(entry.composition, 0.0).value
        floor = floors[formula]
        if floor is None or entry.energy + floor <= within:
            close[entry.id] = structures[entry.id]
    return close


def _entries(structures: Mapping[str, Structure], energies: Mapping[str, float]) -> tuple[HullEntry, ...]:
    return tuple(
        HullEntry(id=name, composition=structures[name].composition.element_composition, energy=energy)
        for name, energy in energies.items()
    )


def _statement(references: References, potential: Potential, known: int, relaxed: int, failed: int) -> str:
    how = (
        "none of them relaxed, which makes candidates look more stable than they are"
        if references.relax_within is None
        else f"the {relaxed} within {references.relax_within:g} eV/atom of the hull relaxed as candidates are"
    )
    lost = f" {failed} phases had no energy and are missing." if failed else ""
    limits = f" {references.limits}" if references.limits else ""
    return (
        f"{known} phases of {references.source} by {potential.name}, {how}.{lost} Says which candidates lie "
        f"below everything that {references.source} holds, by this potential and at 0 K. Cannot say that a "
        f"candidate is stable: phases that {references.source} lacks may lie lower, and the potential errs."
        f"{limits}"
    )
