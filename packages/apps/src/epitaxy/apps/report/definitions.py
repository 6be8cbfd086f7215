"""What each figure means, in a sentence, and in which unit it is."""

import re
from dataclasses import dataclass

PERCENT = "%"

_RATES = {
    r"match_rate@(\d+)": "References that one of their first {0} predictions matches, over all references.",
    r"metre": "References that any prediction of the same reduced composition matches, paired by nothing "
    "else; "
    "copies count once (METRe).",
    r"metre_compositions_any_found": "Compositions of which at least one reference is found.",
    r"metre_compositions_all_found": "Compositions of which all references are found.",
    r"metre_polymorphic_any_found": "The same, of compositions with several references.",
    r"metre_polymorphic_all_found": "The same, of compositions with several references.",
    r"structural_validity": "Samples with all distances >= 0.5 Å and a volume >= 0.1 Å³.",
    r"compositional_validity": "Samples that CDVAE's SMACT rule calls neutral and balanced.",
    r"compositional_validity_(\w+)": "Samples that CDVAE's SMACT rule calls neutral and balanced, with the "
    "{0} "
    "oxidation states.",
    r"validity": "Samples that are structurally and compositionally valid.",
    r"validity_(\w+)": "Samples that are structurally and, with the {0} states, compositionally valid.",
    r"coverage_recall": "References whose nearest structure and whose nearest composition among the "
    "samples are "
    "within the cut-offs.",
    r"coverage_precision": "Samples whose nearest structure and whose nearest composition among the "
    "references "
    "are within the cut-offs.",
    r"coverage_(recall|precision)_joint": "The same, but one crystal must be within both cut-offs.",
    r"uniqueness": "Classes of samples that match each other, over samples.",
    r"novelty": "Samples that no training crystal matches.",
    r"unique_novel": "Classes of samples that no training crystal matches, over samples.",
    r"valid_unique_novel": "Those of these classes that hold a valid sample, over samples.",
    r"space_group_kept": "Samples that have every operation of the space group they were asked for, over "
    "those that were asked for one.",
    r"space_group_exact": "Those of them whose space group is no larger.",
    r"space_group_(kept|exact)_of_valid": "The same, of the structurally valid samples.",
    r"share_(\w+)": "Valid samples whose space group is {0}.",
    r"reference_share_(\w+)": "References whose space group is {0}.",
}
_CRYSTALS = [(pattern, PERCENT, words) for pattern, words in _RATES.items()] + [
    (r"rmse@(\d+)", "", "Mean over matched references of the least displacement among the first {0} "
    "predictions, "
     "over (volume per atom)^(1/3)."),
    (r"crmse", "", "Mean over all references of the least displacement; the site tolerance where none "
    "matches."),
    (r"metre_rmse", "", "Mean over the references found of the least displacement."),
    (r"wasserstein_density", "g/cm³", "Wasserstein distance of the densities of valid samples to the "
     "reference's."),
    (r"wasserstein_elements", "", "Wasserstein distance of the numbers of elements of valid samples to the "
     "reference's."),
    (r"wasserstein_(.+?)_(\d+)", "", "The same, the mean over random draws of {1} valid samples, as the "
    "papers' "
     "tables have it."),
    (r"wasserstein_(.+?)_(\d+)_sd", "", "Standard deviation over these draws."),
    (r"wasserstein_(.+)", "", "Wasserstein distance of {0} of valid samples to the reference's."),
    (r"jsd_space_groups", "", "Jensen-Shannon distance (square root, natural logarithm; 0 to 0.83) of the "
     "frequencies of the 230 space groups."),
]  # fmt: skip
_MOLECULES = [
    (pattern, PERCENT, words)
    for pattern, words in {
        r"atom_stability": "Atoms whose bond orders, told from distances, sum to a valence of their element.",
        r"molecule_stability": "Molecules all of whose atoms are stable.",
        r"validity": "Molecules that RDKit sanitises.",
        r"uniqueness": "Different SMILES over valid molecules.",
        r"novelty": "SMILES that the training set lacks, over the different ones.",
        r"validity_x_uniqueness": "Different SMILES of valid molecules over all samples.",
        r"stable_valid_unique": "Different SMILES of stable and valid molecules over all samples.",
        r"connected": "Molecules that their bonds hold in one piece.",
        r"stable_connected": "Stable molecules in one piece.",
        r"valid_connected": "Valid molecules in one piece.",
    }.items()
]
_STABILITY = [
    (r"stable", PERCENT, "Samples below the hull of known phases, e < 0 eV/atom."),
    (r"sun", PERCENT, "Those that are unique and novel as well (S.U.N.)."),
    (r"metastable", PERCENT, "Samples at most 0.1 eV/atom above the hull, the stable ones included."),
    (r"metastable_sun", PERCENT, "Those that are unique and novel as well (metastable S.U.N.)."),
    (r"mattergen_stable", PERCENT, "Samples less than 0.1 eV/atom above the hull, as MatterGen counts."),
    (r"mattergen_sun", PERCENT, "Those that are unique and novel as well."),
    (r"converged", PERCENT, "Relaxations whose forces fell below the threshold."),
    (r"e_hull_mean", "eV/atom", "Energy above the hull, mean over samples that have one."),
    (r"e_hull_median", "eV/atom", "Energy above the hull, median over samples that have one."),
    (r"rmsd", "", "RMS displacement between a sample and itself relaxed, over (volume per atom)^(1/3), "
    "mean over "
     "those that match."),
    (r"displacement", "Å", "Root mean square way that the atoms went against the cell, mean."),
    (r"relaxation_seconds", "s", "Wall-clock seconds of one relaxation, mean."),
    (r"(generation|relaxation)_seconds_per_(\w+)", "s", "Seconds of {0} spent for one {1} sample."),
]  # fmt: skip

_FAMILIES = {"molecules": _MOLECULES, "stability": _STABILITY}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a figure is.

    Attributes:
        unit: ``%`` for a rate; empty for a number without a unit.
        definition: a sentence; empty for a figure that is not known here.
    """

    unit: str
    definition: str


def meaning(name: str, protocol: str) -> Meaning:
    """Return what a metric of a protocol means."""
    for pattern, unit, definition in _FAMILIES.get(protocol, _CRYSTALS):
        found = re.fullmatch(pattern, name)
        if found is not None:
            words = (word.replace("_", " ") for word in found.groups())
            return Meaning(_unit(unit, name), definition.format(*words))
    return Meaning("", "")


def _unit(unit: str, name: str) -> str:
    return "g/cm³" if name.startswith("wasserstein_density") else unit


def catalogue() -> dict[str, list[tuple[str, str, str]]]:
    """Return all that is defined here, by the kind of evaluation: name, unit and definition.

    ``*`` in a name, and ``…`` in a definition, stands for a number or a word.
    """
    kinds = {"Crystals": _CRYSTALS, "Molecules": _MOLECULES, "Stability": _STABILITY}
    return {
        kind: [(_readable(pattern), unit, definition.format("…", "…")) for pattern, unit, definition in rows]
        for kind, rows in kinds.items()
    }


def _readable(pattern: str) -> str:
    return re.sub(
        r"\(([a-z]+\|[a-z|]+)\)", lambda m: m[1].replace("|", "/"), re.sub(r"\((\\|\.)[^)]*\)", "*", pattern)
    )
