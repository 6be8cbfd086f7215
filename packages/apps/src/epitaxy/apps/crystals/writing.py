"""Sampled crystals as files that other programs read."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pymatgen.io.cif import CifWriter

from epitaxy.apps.foundation.files import write_text
from epitaxy.apps.requests.sample import Sample
from epitaxy.apps.sampling.writers import CIFS, SAMPLES, note
from epitaxy.data import write_extxyz


def write_crystals(out: Path, samples: Sequence[Sample]) -> None:
    """Write ``samples.extxyz`` and one CIF file a crystal, named by id and formula."""
    good = [(sample, sample.crystal) for sample in samples if sample.crystal is not None]
    structures = [crystal for _, crystal in good]
    infos = [note(sample, crystal.composition.reduced_formula) for sample, crystal in good]
    write_extxyz(out / SAMPLES, structures, infos)
    for name, crystal in zip(_names(samples), structures, strict=True):
        write_text(out / CIFS / f"{name}.cif", str(CifWriter(crystal)))


def _names(samples: Sequence[Sample]) -> list[str]:
    """Name the crystals: id and formula, and between them which of the id's candidates, if it has several."""
    several = Counter(sample.request.id for sample in samples)
    place: Counter[str] = Counter()
    names = []
    for sample in samples:
        name = sample.request.id
        number = f"_{place[name]}" if several[name] > 1 else ""
        place[name] += 1
        if sample.crystal is not None:
            formula = sample.crystal.composition.reduced_formula
            names.append(re.sub(r"[^\w.-]", "_", f"{name}{number}_{formula}"))
    return names
