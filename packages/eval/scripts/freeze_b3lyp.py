"""Fit GFN2-xTB to QM9's labels and freeze the maps into ``b3lyp.json``, with what they miss.

    python packages/eval/scripts/freeze_b3lyp.py --num 4000

Fits to so many molecules of QM9's training split and as many of its validation split (fluorine is hardly in
the first), tries half as many of its test split. Needs epitaxy-apps, which reads QM9, and EPITAXY_DATA; ten
thousand molecules take some four minutes of a processor.
"""

import argparse
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64

from epitaxy.apps.foundation.files import write_text
from epitaxy.apps.molecules.data import load_molecules
from epitaxy.eval.isolation import Failed, map_isolated
from epitaxy.eval.molecules import Molecules, b3lyp
from epitaxy.eval.molecules.xtb import ElectronicStructure, electronic_structure

HOME = Path(__file__).parents[1] / "src/epitaxy/eval/molecules"
DAMPING = 1e-3
"""Ridge on descriptors in standard deviations: a share of fluorine's few atoms would go anywhere without."""

Table = tuple[Float64[np.ndarray, "molecules descriptors"], Float64[np.ndarray, "molecules properties"]]


def main() -> None:
    """Parse the words, compute, fit, try, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--num", type=int, default=4000)
    parser.add_argument("--workers", type=int, default=0)
    words = parser.parse_args()
    parts = [_table(split, words.num, words.workers) for split in ("train", "val")]
    given, labels = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    others, truth = _table("test", words.num // 2, words.workers)
    maps = {name: _fit(given, label) for name, label in zip(b3lyp.FITTED, labels.T, strict=True)}
    found = [b3lyp.whole({name: float(row @ maps[name]) for name in maps}) for row in others]
    known, truths = _columns(labels), _columns(truth)
    made = {name: np.array([one[name] for one in found]) for name in b3lyp.PROPERTY_UNITS}
    said = {
        name: {
            "error": float(f"{np.abs(made[name] - truths[name]).mean():.3g}"),
            "std": float(f"{known[name].std():.4g}"),
            "low": float(f"{known[name].min():.4g}"),
            "high": float(f"{known[name].max():.4g}"),
        }
        for name in b3lyp.PROPERTY_UNITS
    }
    print(json.dumps(said, indent=1))  # noqa: T201
    rows = {name: [float(f"{c:.6g}") for c in row] for name, row in maps.items()}
    write_text(HOME / b3lyp.FILE, json.dumps({"labels": said, "coefficients": rows}, indent=1) + "\n")


def _columns(table: Float64[np.ndarray, "molecules properties"]) -> dict[str, np.ndarray]:
    columns = dict(zip(b3lyp.FITTED, table.T, strict=True))
    return columns | {"gap": columns["lumo"] - columns["homo"]}


def _table(split: str, num: int, workers: int) -> Table:
    """Return descriptors and labels of molecules of a split that have all of both."""
    data = load_molecules("qm9", split, root=None)
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))[:num]
    held = Molecules.of(data.batch(order))
    atoms = [(held.numbers[a:b], held.positions[a:b]) for a, b in pairwise(held.offsets)]
    labels = torch.stack([data.properties[name][order].double() for name in b3lyp.FITTED], dim=1)
    rows, kept = [], []
    for place, outcome in enumerate(map_isolated(_computed, atoms, workers=workers)):
        if isinstance(outcome, Failed):
            continue
        row = b3lyp.descriptors(atoms[place][0], outcome.value)
        if np.isfinite(row).all() and bool(labels[place].isfinite().all()):
            rows.append(row)
            kept.append(place)
    print(f"{split}: {len(kept)} of {num} molecules")  # noqa: T201
    return np.array(rows), labels[kept].numpy()


def _computed(atoms: tuple[np.ndarray, np.ndarray]) -> ElectronicStructure:
    return electronic_structure(*atoms)


def _fit(
    given: Float64[np.ndarray, "molecules descriptors"], label: Float64[np.ndarray, " molecules"]
) -> Float64[np.ndarray, " descriptors"]:
    """Return the linear map, damped; the last descriptor is 1 and is not."""
    mean, std = given[:, :-1].mean(0), given[:, :-1].std(0)
    scaled = (given[:, :-1] - mean) / std
    moment = scaled.T @ scaled / len(label) + DAMPING * np.eye(scaled.shape[1])
    slopes = np.linalg.solve(moment, scaled.T @ (label - label.mean()) / len(label)) / std
    return np.concatenate([slopes, [label.mean() - slopes @ mean]])


if __name__ == "__main__":
    main()
