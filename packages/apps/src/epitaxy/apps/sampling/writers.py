"""The structures of a sample folder as files that other programs read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from epitaxy.apps.sampling.sample import Sample
from epitaxy.data import write_cifs, write_extxyz

SAMPLES, CIFS = "samples.extxyz", "cif"


def write_crystals(out: Path, samples: Sequence[Sample]) -> None:
    """Write ``samples.extxyz`` and one CIF file a crystal, numbered in order."""
    good = [(sample, sample.crystal) for sample in samples if sample.crystal is not None]
    structures = [crystal for _, crystal in good]
    infos = [note(sample, crystal.composition.reduced_formula) for sample, crystal in good]
    write_extxyz(out / SAMPLES, structures, infos)
    write_cifs(out / CIFS, structures)


def note(sample: Sample, formula: str) -> dict[str, Any]:
    """Return what a file says of a structure."""
    request = sample.request
    return {"id": request.id, "seed": request.seed, "formula": formula, **request.notes}
