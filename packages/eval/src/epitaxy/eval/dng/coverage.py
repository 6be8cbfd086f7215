"""Coverage: how much of the reference the samples reach, and how much of the samples is near the reference.

The metric of CDVAE (arXiv:2110.06197, section 5.2), on fingerprints of structure and composition.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.distance import cdist

from epitaxy.eval.fingerprints import Cutoffs, Fingerprints

_BLOCK = 1 << 21  # distances held at once: 16 MiB each of structure and composition


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coverage:
    """Who covers whom.

    In the published form a crystal is covered when its nearest structure *and, independently,* its nearest
    composition among the others are within the cut-offs: they may belong to two crystals. In the joint form
    one crystal must be within both.

    Attributes:
        cutoffs: The cut-offs.
        samples: Ids of all samples generated, those without fingerprints included.
        reference: Ids of the references that have fingerprints.
        recalled: Which of ``reference`` are covered by a sample, as published.
        recalled_jointly: Which are in the joint form.
        precise: Which of ``samples`` are covered by a reference, as published; none without fingerprints.
        precise_jointly: Which are in the joint form.
        sample_failures: Why a sample has no fingerprint, by its id.
        reference_failures: Why a reference has none; it is left out of recall.

    """

    cutoffs: Cutoffs
    samples: tuple[str, ...]
    reference: tuple[str, ...]
    recalled: Bool[np.ndarray, " references"]
    recalled_jointly: Bool[np.ndarray, " references"]
    precise: Bool[np.ndarray, " samples"]
    precise_jointly: Bool[np.ndarray, " samples"]
    sample_failures: dict[str, str]
    reference_failures: dict[str, str]


def measure_coverage(samples: Fingerprints, reference: Fingerprints, cutoffs: Cutoffs) -> Coverage:
    """Compare every sample with every reference, a block of samples at a time.

    Recall is over the references that have fingerprints; precision over all samples, failures included.
    """
    mine, theirs = samples.usable(), reference.usable()
    structure, composition = reference.structure[theirs], reference.composition[theirs]
    precise, precise_jointly = np.zeros(len(mine), dtype=bool), np.zeros(len(mine), dtype=bool)
    near_structure = np.zeros(int(theirs.sum()), dtype=bool)
    near_composition, recalled_jointly = near_structure.copy(), near_structure.copy()
    if theirs.any():
        for rows in _blocks(np.flatnonzero(mine), int(theirs.sum())):
            alike = _within(samples.structure[rows], structure, cutoffs.structure)
            akin = _within(samples.composition[rows], composition, cutoffs.composition)
            both = alike & akin
            precise[rows] = alike.any(axis=1) & akin.any(axis=1)
            precise_jointly[rows] = both.any(axis=1)
            near_structure |= alike.any(axis=0)
            near_composition |= akin.any(axis=0)
            recalled_jointly |= both.any(axis=0)
    return Coverage(
        cutoffs=cutoffs,
        samples=samples.ids,
        reference=tuple(name for name, ok in zip(reference.ids, theirs, strict=True) if ok),
        recalled=near_structure & near_composition,
        recalled_jointly=recalled_jointly,
        precise=precise,
        precise_jointly=precise_jointly,
        sample_failures=dict(samples.failures),
        reference_failures=dict(reference.failures),
    )


def _blocks(rows: np.ndarray, others: int) -> Iterator[np.ndarray]:
    size = max(1, _BLOCK // others)
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _within(
    mine: Float[np.ndarray, "n d"], theirs: Float[np.ndarray, "m d"], cutoff: float
) -> Bool[np.ndarray, "n m"]:
    """Whether each pair is within the cut-off; a distance of exactly that much is."""
    near: np.ndarray = cdist(mine, theirs) <= cutoff
    return near
