"""Asked-for formation energies against what comes out, by CHGNet.

python benchmarks/formation_energy.py MODEL [--targets -3.0 -1.5 -0.2] [--num 100] [--guidance 0 1] [--out .]

Samples a SymmBFN that was trained with ``formation_energy_per_atom``, leaves out what is not structurally
valid, and predicts each crystal's energy with CHGNet, as it is or after ``--relax`` steps. Formation energies
need the energies of elements: they are fitted, one number each, to CHGNet's energies of training crystals and
the dataset's own formation energies, and tried on other crystals (the error of the yardstick itself). Writes
``formation_energy.json`` and a drawing. Needs epitaxy-apps[stability], matplotlib and mp_20.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from pymatgen.core import Structure

from epitaxy.apps import SymmBFN
from epitaxy.apps.crystals.data import load_crystals
from epitaxy.eval import structural_validity
from epitaxy.eval.stability import CHGNetPotential, RelaxSettings

PROPERTY = "formation_energy_per_atom"
FITTED, TRIED, MOST_ATOMS = 600, 150, 60
RIDGE = 1e-3


@dataclass(frozen=True, slots=True)
class Yardstick:
    """CHGNet's formation energy, eV an atom."""

    potential: CHGNetPotential
    elements: np.ndarray
    error: float

    def of(self, structure: Structure, *, steps: int) -> float:
        """Predict, after so many steps of relaxation."""
        if steps:
            settings = RelaxSettings(max_steps=steps, max_atoms=MOST_ATOMS)
            structure = self.potential.relax(structure, settings).structure
        return self.potential.energy(structure) - float(shares(structure) @ self.elements)


def shares(structure: Structure) -> np.ndarray:
    """Return each element's share of the atoms, by atomic number."""
    counts = np.bincount(structure.atomic_numbers, minlength=119).astype(float)
    found: np.ndarray = counts / counts.sum()
    return found


def calibrate(root: Path | None) -> Yardstick:
    """Fit the elements' energies to training crystals, by ridge regression."""
    potential = CHGNetPotential()
    potential.prepare()
    data = load_crystals("mp_20", "train", root=root, limit=FITTED + TRIED)
    known = data.properties[PROPERTY].numpy()
    structures = data.structures()
    rest = np.array([potential.energy(s) for s in structures]) - known
    rows = np.array([shares(s) for s in structures])
    fit, tried = rows[:FITTED], rows[FITTED:]
    normal = fit.T @ fit + RIDGE * np.eye(119)
    elements = np.linalg.solve(normal, fit.T @ rest[:FITTED])
    seen = (tried @ (fit.sum(0) == 0)) == 0
    error = float(np.abs(tried @ elements - rest[FITTED:])[seen].mean())
    return Yardstick(potential, elements, error)


def measure(
    model: SymmBFN, yardstick: Yardstick, target: float | None, guidance: float, num: int, steps: int
) -> dict[str, object]:
    """Sample at one target and predict."""
    properties = None if target is None else {PROPERTY: target}
    crystals = model.sample(num=num, properties=properties, guidance=guidance if properties else 0.0, seed=1)
    valid = [c for c in crystals if structural_validity(c).valid]
    cells = [cell for cell in (c.get_primitive_structure() for c in valid) if len(cell) <= MOST_ATOMS]
    energies = [yardstick.of(cell, steps=steps) for cell in cells]
    return {
        "target": target, "guidance": guidance, "sampled": num, "valid": len(valid),
        "measured": len(energies), "median": float(np.median(energies)), "mean": float(np.mean(energies)),
        "mean_absolute_error": None if target is None else float(np.abs(np.array(energies) - target).mean()),
        "energies": energies,
    }  # fmt: skip


def draw(path: Path, found: Sequence[dict[str, object]], training: np.ndarray) -> None:
    """Draw what came out of each target, over the training data."""
    figure, axes = plt.subplots(len(found), 1, figsize=(6, 1.6 * len(found)), sharex=True, squeeze=False)
    bins = np.linspace(-5, 2, 57)
    for one, panel in zip(found, axes[:, 0], strict=True):
        panel.hist(training, bins, density=True, color="0.85", label="training data")
        panel.hist(one["energies"], bins, density=True, histtype="step", color="C0", label="sampled")
        if one["target"] is not None:
            panel.axvline(one["target"], color="C3", linestyle="--", label="target")
        asked = f"target {one['target']}, guidance {one['guidance']}"
        panel.set_title("no target" if one["target"] is None else asked, fontsize=9)
        panel.set_yticks([])
    axes[0, 0].legend(fontsize=8)
    axes[-1, 0].set_xlabel("formation energy by CHGNet, eV an atom")
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    """Sample, measure, write, print."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("model")
    parser.add_argument("--targets", nargs="+", type=float, default=[-3.0, -1.5, -0.2])
    parser.add_argument("--guidance", nargs="+", type=float, default=[0.0, 1.0])
    parser.add_argument("--num", type=int, default=100)
    parser.add_argument("--relax", type=int, default=0, help="steps of relaxation before the energy")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--out", type=Path, default=Path())
    words = parser.parse_args()
    model, yardstick = SymmBFN.load(words.model), calibrate(words.root)
    print(f"the yardstick's own mean absolute error: {yardstick.error:.3f} eV an atom", flush=True)
    asked: list[tuple[float | None, float]] = [(None, 0.0)]
    asked += [(target, strength) for target in words.targets for strength in words.guidance]
    found = []
    for target, strength in asked:
        one = measure(model, yardstick, target, strength, words.num, words.relax)
        found.append(one)
        print({name: value for name, value in one.items() if name != "energies"}, flush=True)
    training = load_crystals("mp_20", "train", root=words.root).properties[PROPERTY].numpy()
    words.out.mkdir(parents=True, exist_ok=True)
    result = {"yardstick_error": yardstick.error, "relax_steps": words.relax, "runs": found}
    (words.out / "formation_energy.json").write_text(json.dumps(result, indent=1))
    draw(words.out / "formation_energy.svg", found, training)


if __name__ == "__main__":
    main()
