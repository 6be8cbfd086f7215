"""Fingerprints of crystals and their compositions, as the coverage metrics of CDVAE use them."""

from epitaxy.eval.fingerprints.composition import composition_fingerprint, magpie_labels
from epitaxy.eval.fingerprints.compute import Fingerprints, fingerprint
from epitaxy.eval.fingerprints.motifs import ops_labels
from epitaxy.eval.fingerprints.standard import DATASETS, Cutoffs, cutoffs_for, standardised
from epitaxy.eval.fingerprints.structural import structure_fingerprint

__all__ = [
    "DATASETS",
    "Cutoffs",
    "Fingerprints",
    "composition_fingerprint",
    "cutoffs_for",
    "fingerprint",
    "magpie_labels",
    "ops_labels",
    "standardised",
    "structure_fingerprint",
]
