"""Which compositions a space group can hold, and which models can make them there."""

from collections.abc import Sequence
from functools import cache

from pymatgen.core import Element

from epitaxy.apps.asymmetric_units.occupations import fitting
from epitaxy.apps.asymmetric_units.symmetry import Symmetry
from epitaxy.apps.discovery.question import Amounts, Question, formula_of
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.requests.capabilities import Capability
from epitaxy.data.wyckoff import WyckoffStatistics
from epitaxy.geometry.symmetry import MAX_ATOMS, lattice_points, occupation_possible


def units_in(group: int, amounts: Amounts, max_atoms: int) -> list[int]:
    """List the numbers of formula units of primitive cells that fit a space group's Wyckoff positions."""
    most = max(1, max_atoms // sum(amounts.values()))
    counts = tuple(sorted((Element(symbol).Z, count) for symbol, count in amounts.items()))
    return [units for units in range(1, most + 1) if _fit(group, counts, units)]


@cache
def _fit(group: int, counts: tuple[tuple[int, int], ...], units: int) -> bool:
    conventional = {z: count * units * lattice_points(group) for z, count in counts}
    return sum(conventional.values()) > MAX_ATOMS or occupation_possible(group, conventional)


def may_be_in(group: int, amounts: Amounts, atoms: int) -> bool:
    """Whether a crystal of so many atoms a cell, primitive or not, may have a space group."""
    units = atoms // sum(amounts.values())
    return any(units % fitting == 0 for fitting in units_in(group, amounts, atoms))


def why_no_group(model: Capability, question: Question) -> str | None:
    """Say why a model cannot make crystals of the space group asked for; None if it can, or none is."""
    if question.group is None:
        return None
    if not model.groups:
        return "cannot be asked for a space group"
    if question.amounts is not None:
        return (
            None if possible_in(model, [question.amounts], question.group) else "cannot make it in that group"
        )
    most = max(_statistics(model).orbits_of(question.group))
    if most < len(question.elements):
        return f"makes at most {most} orbits in that group"
    return None


def possible_in(model: Capability, compositions: Sequence[Amounts], group: int | None) -> list[Amounts]:
    """Return the compositions that a model can put on the Wyckoff positions of a group; all, of no group."""
    if group is None:
        return list(compositions)
    symmetry, statistics = Symmetry(groups=(group,)), _statistics(model)
    found = []
    for amounts in compositions:
        unit = {Element(symbol).Z: count for symbol, count in amounts.items()}
        try:
            fitting(formula_of(amounts), unit, symmetry, statistics, None)
        except UsageError:
            continue
        found.append(amounts)
    return found


def _statistics(model: Capability) -> WyckoffStatistics:
    return WyckoffStatistics.from_json((model.path / "statistics.json").read_text(encoding="utf-8"))
