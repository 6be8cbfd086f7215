"""Sampled molecules as files that other programs read, and a page of them."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from epitaxy.apps.requests.sample import Sample
from epitaxy.apps.sampling.writers import SAMPLES, SDFS, note
from epitaxy.data.molecules import write_sdf, write_xyz
from epitaxy.eval.molecules import bond_orders
from epitaxy.geometry import MoleculeBatch, Segments

ALL_SDF, GALLERY = "samples.sdf", "gallery.html"


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
