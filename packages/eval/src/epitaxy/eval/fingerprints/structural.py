"""The structure fingerprint of the coverage metrics: CrystalNN "ops" site fingerprints, mean over the sites.

What matminer calls ``CrystalNNFingerprint.from_preset("ops")`` (Zimmermann and Jain, RSC Adv. 10, 6063
(2020)), as CDVAE (arXiv:2110.06197) uses it. The neighbours are pymatgen's ``CrystalNN``; the order
parameters are this package's arrays, equal to pymatgen's loops to rounding.
"""

import warnings
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from pymatgen.core.periodic_table import Species
from pymatgen.core.structure import Structure

from epitaxy.eval.fingerprints.motifs import LARGEST_COORDINATION, Motif, ops_labels, ops_motifs
from epitaxy.eval.fingerprints.order_parameters import Environment, order_parameter

if TYPE_CHECKING:
    from pymatgen.analysis.local_env import CrystalNN

STRUCTURE_LENGTH = 61
"""Entries of a structure fingerprint."""


def structure_fingerprint(structure: Structure) -> Float[np.ndarray, "61"]:
    """Fingerprint a crystal by the environments of its sites.

    The same for any choice of cell, origin, order of sites and, to rounding, orientation. An environment
    changes by jumps where two of its angles or distances are exactly equal, as in the papers.

    Args:
        structure: An ordered crystal; oxidation states play no part, as in the papers.

    Returns:
        The mean over sites of, for each number of neighbours from 1 to 24, its likelihood and, times the
        likelihood, the scores of its motifs; :func:`ops_labels` names them.

    Raises:
        ValueError: If a site is partly occupied or there are no atoms.

    """
    if len(structure) == 0:
        raise ValueError("no atoms")
    if not structure.is_ordered:
        raise ValueError("partial occupancy: the fingerprint is of whole atoms; choose an ordered variant")
    if any(isinstance(species, Species) for species in structure.composition):
        structure = structure.copy().remove_oxidation_states()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # CrystalNN asks for oxidation states, once a neighbour
        sites = np.array([_site(structure, n) for n in range(len(structure))])
    mean: np.ndarray = sites.mean(axis=0)
    return mean


@cache
def _neighbours() -> "CrystalNN":
    """Make pymatgen's default finder; the defaults are spelled out so that figures do not move with them."""
    from pymatgen.analysis.local_env import CrystalNN  # a second: networkx and scipy's statistics

    return CrystalNN(  # type: ignore[no-untyped-call]  # pymatgen left it unannotated
        weighted_cn=False,
        cation_anion=False,
        distance_cutoffs=(0.5, 1),
        x_diff_weight=3.0,
        porous_adjustment=True,
        search_cutoff=7,
        fingerprint_length=None,
    )


@cache
def _motifs(number: int) -> tuple[tuple[int, Motif], ...]:
    """List the motifs of that many neighbours with their places in the fingerprint."""
    start = ops_labels().index(f"wt CN_{number}") + 1
    mine = [motif for motif in ops_motifs() if motif.neighbours == number]
    return tuple(enumerate(mine, start=start))


def _site(structure: Structure, n: int) -> Float[np.ndarray, "61"]:
    found = _neighbours().get_nn_data(structure, n)
    fingerprint, centre = np.zeros(STRUCTURE_LENGTH), structure[n].coords
    for number, likelihood in found.cn_weights.items():
        if not 1 <= number <= LARGEST_COORDINATION or likelihood == 0:
            continue
        fingerprint[ops_labels().index(f"wt CN_{number}")] = likelihood
        if not _motifs(number):
            continue
        vectors = np.array([neighbour["site"].coords for neighbour in found.cn_nninfo[number]]) - centre
        environment = Environment.of(vectors)
        for place, motif in _motifs(number):
            fingerprint[place] = likelihood * order_parameter(motif, environment)
    return fingerprint
