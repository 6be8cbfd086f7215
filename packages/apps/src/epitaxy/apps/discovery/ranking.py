"""In which order the crystals of one composition are shown: by energy, and by how often models draw them."""

from collections.abc import Mapping
from math import exp, log

ENERGY_ERROR = 0.03
"""eV/atom by which a potential errs in the order of two crystals of one composition."""
UNDRAWN = 1.0
"""Draws that every crystal is thought to have had beside those that were seen."""
TRUST = 2.0
"""The power of the number of draws: how much what models have learned counts beside the energy."""


def probabilities(enthalpies: Mapping[str, float], draws: Mapping[str, int]) -> dict[str, float]:
    """Return how probable each distinct crystal is to be the one that is known, of those that were found.

    ``p_i ~ exp(-H_i / s) (n_i + a)^w``: what lies far above the lowest is improbable, but within the error
    of a potential (``s``, :data:`ENERGY_ERROR`) energies tell little, and there it matters how many
    structures that models drew relaxed to it (``n_i``; ``a`` is :data:`UNDRAWN`, ``w`` :data:`TRUST`):
    models have learned from known crystals which structures occur. The numbers were chosen on validation
    compositions of mp_20 with CHGNet (``benchmarks/search.py --split val``).

    Args:
        enthalpies: eV/atom, by id, of one composition.
        draws: how many structures that models drew relaxed to it; 0 where nothing is said.

    Returns:
        Numbers between 0 and 1 whose sum is 1, by id.
    """
    if not enthalpies:
        return {}
    scores = {
        name: -enthalpy / ENERGY_ERROR + TRUST * log(draws.get(name, 0) + UNDRAWN)
        for name, enthalpy in enthalpies.items()
    }
    highest = max(scores.values())
    weights = {name: exp(score - highest) for name, score in scores.items()}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}
