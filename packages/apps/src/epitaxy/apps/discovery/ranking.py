"""In which order crystals of one composition are shown: by energy, and by how often they were proposed."""

from collections.abc import Mapping
from math import exp, log

from epitaxy.apps.discovery.proposals.proposal import Source

ENERGY_ERROR = 0.025
"""eV/atom by which a potential errs in the order of two crystals of one composition."""
EVIDENCE: Mapping[Source, tuple[float, float]] = {"models": (6.0, 3.0), "prototypes": (1.0, 2.0)}
"""By source: proposals that every crystal is thought to have had beside those that were seen, and the power
of their number. What chance proposes tells nothing about which crystals there are."""


def probabilities(
    enthalpies: Mapping[str, float], proposals: Mapping[str, Mapping[Source, int]]
) -> dict[str, float]:
    """Return how probable each distinct crystal is to be the one that is known, of those that were found.

    ``p_i ~ exp(-H_i / s) prod_k (n_ik + a_k)^w_k``: what lies far above the lowest is improbable, but within
    the error of a potential (``s``, :data:`ENERGY_ERROR`) energies tell little. There it matters how many
    structures that models drew relaxed to it, and how many structure types with their elements replaced
    (``n_ik``; :data:`EVIDENCE` has the ``a_k`` and ``w_k``): models have learned from known crystals which
    structures occur. The constants are round numbers near the greatest likelihood of the known structures of
    thirty validation compositions of mp_20, relaxed by CHGNet (``benchmarks/search.py --split val --limit 30
    --arms all``).

    Args:
        enthalpies: eV/atom, by id, of one composition.
        proposals: how many of each source relaxed to it; none where nothing is said.

    Returns:
        Numbers between 0 and 1 whose sum is 1, by id.
    """
    if not enthalpies:
        return {}
    scores = {
        name: _evidence(proposals.get(name, {})) - enthalpy / ENERGY_ERROR
        for name, enthalpy in enthalpies.items()
    }
    highest = max(scores.values())
    weights = {name: exp(score - highest) for name, score in scores.items()}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def _evidence(counts: Mapping[Source, int]) -> float:
    return sum(power * log(counts.get(kind, 0) + unseen) for kind, (unseen, power) in EVIDENCE.items())
