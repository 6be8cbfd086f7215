"""Stoichiometries of some elements that are worth looking at."""

import itertools
from collections.abc import Iterable
from math import gcd

from pymatgen.core import Composition, Element

from epitaxy.apps.discovery.question import Amounts
from epitaxy.eval.validity import compositional_validity

LARGEST_UNIT = 12
"""Atoms of a formula unit up to which stoichiometries are tried."""
LARGEST_AMOUNT = 8
"""Atoms of one element in it."""
LISTED = 60
"""Stoichiometries looked at in one search."""


def stoichiometries(elements: Iterable[str], known: Iterable[Amounts] = ()) -> list[Amounts]:
    """List compositions of a chemical system, most promising first.

    The pure elements and the compositions of fewer elements are among them: what has all elements competes
    with these. Compositions that known crystals have come first; others must be neutral by the SMACT rule
    (:func:`epitaxy.eval.validity.compositional_validity`): those that are so by common oxidation states come
    before the rest, and small units before large ones.

    Args:
        elements: symbols.
        known: compositions of known crystals of these elements.
    """
    symbols = sorted(elements)
    of_known = {_key(amounts): amounts for amounts in known}
    whole = [amounts for amounts in _enumerated(symbols) if _key(amounts) not in of_known]
    full = _by_size(a for a in of_known.values() if len(a) == len(symbols)) + whole
    parts = _by_size(a for a in of_known.values() if len(a) < len(symbols))
    for number in range(len(symbols) - 1, 0, -1):
        for some in itertools.combinations(symbols, number):
            parts += [a for a in _enumerated(list(some)) if _key(a) not in of_known]
    return _merged(full, _by_size(parts))[:LISTED]


def _enumerated(symbols: list[str]) -> list[Amounts]:
    if len(symbols) == 1:
        return [{symbols[0]: 1}]
    found = []
    for counts in itertools.product(range(1, LARGEST_AMOUNT + 1), repeat=len(symbols)):
        if sum(counts) <= LARGEST_UNIT and gcd(*counts) == 1:
            amounts = dict(zip(symbols, counts, strict=True))
            if compositional_validity(Composition(amounts)):
                found.append(amounts)
    return _by_size(found)


def _by_size(amounts: Iterable[Amounts]) -> list[Amounts]:
    return sorted(amounts, key=lambda a: (not _is_common(a), sum(a.values()), max(a.values()), _key(a)))


def _is_common(amounts: Amounts) -> bool:
    """Whether it is one element alone, or neutral with each in one of its common oxidation states."""
    states = [
        [count * state for state in Element(symbol).common_oxidation_states]
        for symbol, count in amounts.items()
    ]
    return len(amounts) == 1 or any(sum(charges) == 0 for charges in itertools.product(*states))


def _merged(full: list[Amounts], parts: list[Amounts]) -> list[Amounts]:
    """Put one composition of fewer elements after each two of all elements, the pure elements early."""
    merged: list[Amounts] = []
    rest = iter(parts)
    for number, amounts in enumerate(full, start=1):
        merged.append(amounts)
        if number % 2 == 0:
            merged += itertools.islice(rest, 1)
    return merged + list(rest)


def _key(amounts: Amounts) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(amounts.items()))
