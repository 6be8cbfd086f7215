"""The energy above the convex hull of known phases."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

import numpy as np
from pymatgen.core.composition import Composition
from scipy.optimize import linprog

DIGITS = 9
"""Decimals of an energy above the hull, eV/atom: rounding errors must not tell stable from unstable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HullEntry:
    """A known phase.

    Attributes:
        id: Its id.
        composition: What it is made of; the amounts count as ratios.
        energy: Its energy, eV/atom.

    """

    id: str
    composition: Composition
    energy: float

    @property
    def system(self) -> frozenset[str]:
        """Its elements."""
        return chemical_system(self.composition)


@dataclass(frozen=True, slots=True, kw_only=True)
class AboveHull:
    """Where a composition and an energy lie against a hull.

    Attributes:
        value: Energy above the hull, eV/atom; negative below it; None if the hull cannot tell.
        reason: Why it cannot.
        decomposition: Ids of the phases of the hull at this composition, and their shares of the atoms.

    """

    value: float | None
    reason: str = ""
    decomposition: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Hull:
    """Known phases, among which the most stable mixture of each composition is found.

    A candidate is compared with the hull of the known phases alone: neither it nor another candidate is part
    of it, so that one below it has a negative energy.

    Attributes:
        source: Where the phases come from.
        statement: What the hull can and cannot say.
        entries: The phases.
        potential: The potential behind their energies; None if they were given.
        systems: Chemical systems it was built for, whose subsystems it covers too; None for whatever its
            entries have.
        failed: Phases that are not part of it because their energy could not be computed, with the reason.
        method: What given energies stand for (:mod:`epitaxy.eval.stability.methods`); None if that is not
            said.

    """

    source: str
    statement: str
    entries: tuple[HullEntry, ...]
    potential: str | None = None
    systems: frozenset[frozenset[str]] | None = None
    failed: Mapping[str, str] = field(default_factory=dict)
    method: str | None = None

    @cached_property
    def _lowest(self) -> dict[frozenset[str], list[HullEntry]]:
        """Return the lowest phase of each composition, by chemical system."""
        return _by_system(_lowest(self.entries))

    def above(self, composition: Composition, energy: float) -> AboveHull:
        """Compare an energy, in eV/atom, with the lowest mixture of phases of this composition.

        The least of sum x_i E_i over shares x_i >= 0 that add up to the composition: a linear program, exact,
        and the same number as pymatgen's ``PhaseDiagram`` gives.
        """
        target = composition.element_composition.fractional_composition
        system = chemical_system(target)
        if self.systems is not None and not any(system <= built for built in self.systems):
            return AboveHull(value=None, reason=f"the hull was not built for {_name(system)}")
        phases = [entry for part, some in self._lowest.items() if part <= system for entry in some]
        elements = sorted(system)
        missing = [symbol for symbol in elements if frozenset([symbol]) not in self._lowest]
        if missing:
            return AboveHull(value=None, reason=f"the hull has no pure {', '.join(missing)}")
        fractions = np.array([[_share(entry, symbol) for entry in phases] for symbol in elements])
        pure = {symbol: self._lowest[frozenset([symbol])][0].energy for symbol in elements}
        base = np.array([pure[symbol] for symbol in elements])
        wanted = np.array([target[symbol] for symbol in elements], dtype=float)
        # Formation energies, not total ones: small numbers keep the solver's tolerances small.
        formation = np.array([entry.energy for entry in phases]) - base @ fractions
        found = linprog(formation, A_eq=fractions, b_eq=wanted, bounds=(0, None), method="highs")
        if found.x is None:
            return AboveHull(value=None, reason=f"no hull was found ({found.message})")
        value = round(float(energy - base @ wanted - formation @ found.x), DIGITS) + 0.0
        shares = zip(phases, found.x.tolist(), strict=True)
        return AboveHull(
            value=value,
            decomposition=tuple((entry.id, share) for entry, share in shares if share > 1e-9),
        )

    def covers(self) -> int:
        """Count the chemical systems that have a phase of their own."""
        return len(self._lowest)


def hull_of_entries(entries: Iterable[HullEntry], *, source: str, method: str | None = None) -> Hull:
    """Make a hull of phases whose energies are given, and stand for a method, if that is known.

    Raises:
        ValueError: If there are none.

    """
    held = tuple(entries)
    if not held:
        raise ValueError(f"{source} holds no entries: a hull needs at least the pure elements")
    return Hull(
        source=source,
        entries=held,
        method=method,
        statement=(
            f"{len(held)} phases of {source}, energies as given there. Means something only if those "
            "energies and the potential's stand for one method: for CHGNet's default weights, PBE and PBE+U "
            "with the Materials Project's 2020 corrections. The potential's error then does not cancel "
            "between a candidate and its competitors. Says nothing of temperature, or of phases that "
            f"{source} lacks."
        ),
    )


def chemical_system(composition: Composition) -> frozenset[str]:
    """Name the elements."""
    return frozenset(element.symbol for element in composition.elements)


def _lowest(entries: Iterable[HullEntry]) -> list[HullEntry]:
    """Keep the lowest phase of each composition; of equals the first."""
    best: dict[str, HullEntry] = {}
    for entry in entries:
        key = entry.composition.element_composition.reduced_composition.alphabetical_formula
        if key not in best or entry.energy < best[key].energy:
            best[key] = entry
    return list(best.values())


def _by_system(entries: Sequence[HullEntry]) -> dict[frozenset[str], list[HullEntry]]:
    ordered = sorted(entries, key=lambda entry: sorted(entry.system))
    return {system: list(some) for system, some in groupby(ordered, key=lambda entry: entry.system)}


def _share(entry: HullEntry, symbol: str) -> float:
    return float(entry.composition.element_composition.get_atomic_fraction(symbol))


def _name(system: Collection[str]) -> str:
    return "-".join(sorted(system))


NO_HULL = Hull(
    source="nothing",
    statement="No --hull was given: energies above it, and what is stable, are not known.",
    entries=(),
)
"""Candidates are then ranked by energy within each composition."""
