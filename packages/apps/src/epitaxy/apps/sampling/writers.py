"""The structures of a sample folder as files that other programs read."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pymatgen.io.cif import CifWriter

from epitaxy.apps.files import write_text
from epitaxy.apps.sampling.sample import Sample
from epitaxy.data import write_extxyz
from epitaxy.data.molecules import write_sdf, write_xyz
from epitaxy.eval.molecules import bond_orders
from epitaxy.geometry import MoleculeBatch, Segments

SAMPLES, CIFS, SDFS, ALL_SDF, GALLERY = "samples.extxyz", "cif", "sdf", "samples.sdf", "gallery.html"


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


def note(sample: Sample, formula: str) -> dict[str, Any]:
    """Return what a file says of a structure."""
    request = sample.request
    return {"id": request.id, "seed": request.seed, "formula": formula, **request.notes}


def write_molecules(out: Path, samples: Sequence[Sample]) -> None:
    """Write ``samples.extxyz``, ``samples.sdf``, one SDF file a molecule, numbered in order, and a gallery.

    Bonds are those that the EDM tables see, by which molecules are scored.
    """
    from epitaxy.apps.report.molecules_page import write_gallery  # plotly: slow to import

    good = [(sample, sample.molecule) for sample in samples if sample.molecule is not None]
    if not good:
        return
    molecules = MoleculeBatch(
        segments=Segments.from_counts([len(molecule) for _, molecule in good]),
        positions=torch.from_numpy(np.concatenate([molecule.positions for _, molecule in good])),
        numbers=torch.from_numpy(np.concatenate([molecule.numbers for _, molecule in good]).astype(np.int64)),
        ids=tuple(sample.request.id for sample, _ in good),
        properties={},
    )
    fields = [note(sample, str(molecule.symbols.formula.format("hill"))) for sample, molecule in good]
    bonds = bond_orders(molecules).rows()
    write_xyz(out / SAMPLES, molecules, fields=fields)
    write_sdf(out / ALL_SDF, molecules, bonds, fields=fields)
    ends = molecules.segments.offsets.tolist()
    owner = np.searchsorted(ends, bonds[:, 0], side="right") - 1
    for k, (start, _) in enumerate(pairwise(ends)):
        own = bonds[owner == k] - np.array([start, start, 0])
        write_sdf(out / SDFS / f"{k:06d}.sdf", molecules.select([k]), own, fields=[fields[k]])
    write_gallery(out / GALLERY, molecules, bonds, [_title(k, field) for k, field in enumerate(fields)])


def _title(place: int, fields: Mapping[str, Any]) -> str:
    """Return what stands above a molecule: its file and formula, then what was asked for."""
    asked = [f"{name} = {value}" for name, value in fields.items() if name not in ("id", "seed", "formula")]
    return "<br>".join([f"{place:06d}.sdf: {fields['formula']}", *([", ".join(asked)] if asked else [])])
