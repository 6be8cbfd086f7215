"""Asked-for properties of molecules against what a predictor, trained on other molecules, measures.

python benchmarks/molecule_property.py MODEL [--properties homo mu] [--num 300] [--guidance 0 1] [--steps 100]
                                             [--draws 1] [--minutes 20] [--precision bf16-mixed]
                                             [--predictor FILE] [--out .]

A GeoBFN that was trained on QM9's training split with the properties is asked for those of molecules of the
test split, each with its molecule's number of atoms (EDM, arXiv:2203.17003, Sec. 5.2, draws such pairs too;
its predictor and its generator have one half of the training split each). The predictor is a transformer that
is trained for ``--minutes`` of processor time on the validation split alone, and tried on the test split: no
generator can be shown to have a smaller error than its. ``--predictor`` keeps its weights, and finds them.

With ``--draws`` so many molecules are drawn for each request; beside the first of them the one is judged that
is the nearest to it by GFN2-xTB, stable ones in one piece first. The predictor has no part in the choice.
This needs epitaxy-eval[xtb].

Three lines a property: what was asked and what was measured on all molecules; on those that are stable, since
a predictor was never taught broken ones; and the error of all pairings of a request with a measured value,
which is that of a generator that does not listen. Writes ``molecule_property.json`` and a drawing. Needs
epitaxy-apps, epitaxy-eval[molecules], matplotlib and QM9.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import matplotlib.pyplot as plt
import numpy as np
import torch
from ase import Atoms
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from epitaxy.apps import GeoBFN
from epitaxy.apps.config import TrainingConfig
from epitaxy.apps.molecules.data import load_molecules
from epitaxy.apps.requests.request import TargetedRequest
from epitaxy.apps.training.optimiser import optimiser as optimiser_of
from epitaxy.data.molecules import MoleculeDataset
from epitaxy.eval.molecules import (
    Molecules,
    PropertyResult,
    evaluate_property,
    measure_properties,
    measure_stability,
)
from epitaxy.geometry import MoleculeBatch, structure_seed
from epitaxy.models import MoleculeTransformer

UNITS = {"homo": "hartree", "mu": "debye"}
ELEMENTS = torch.tensor([1, 6, 7, 8, 9])
HIDDEN, LAYERS, BATCH = 128, 5, 64
TRAINING = TrainingConfig(passes=1, batch_size=BATCH, optimiser="muon", learning_rate=2e-3, weight_decay=0.05)
"""Of this the optimiser is made; the minutes say how long it trains."""


class Predictor(nn.Module):
    """Numbers of a molecule, in standard deviations about the mean of what it was trained on.

    Made of the mean of the atoms' features and of the length of the sum of their displacements: a dipole
    moment is such a length.
    """

    def __init__(self, properties: int) -> None:
        super().__init__()
        self.network = MoleculeTransformer(
            features=len(ELEMENTS), outputs=HIDDEN, conditions=1, hidden=HIDDEN, layers=LAYERS
        )
        self.head = nn.Sequential(nn.Linear(HIDDEN + 1, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, properties))
        self.register_buffer("mean", torch.zeros(properties))
        self.register_buffer("std", torch.ones(properties))

    def forward(self, batch: MoleculeBatch) -> Float[Tensor, "graphs properties"]:
        """Predict, in standard deviations."""
        types = (batch.numbers[:, None] == ELEMENTS).float()
        nothing = torch.zeros(batch.segments.num_graphs, 1)
        output = self.network(
            segments=batch.segments, positions=batch.positions, features=types, conditions=nothing
        )
        squared = batch.segments.sum(output.displacement).square().sum(1, keepdim=True)
        length = (squared + 1e-6).sqrt()  # the root has no slope at 0
        found: Tensor = self.head(torch.cat([batch.segments.mean(output.features), length], dim=1).float())
        return found

    @torch.inference_mode()
    def of(self, dataset: MoleculeDataset) -> np.ndarray:
        """Predict every molecule's properties, in the data's units."""
        pieces = torch.split(torch.arange(len(dataset)), 256)
        rows = [self(dataset.batch(piece)) * self.std + self.mean for piece in pieces]
        return torch.cat(rows).double().numpy()


def table(dataset: MoleculeDataset, names: Sequence[str]) -> Float[Tensor, "molecules properties"]:
    """Return the named columns."""
    return torch.stack([dataset.properties[name] for name in names], dim=1).float()


def train(data: MoleculeDataset, names: Sequence[str], minutes: float, precision: str) -> Predictor:
    """Train by the absolute error; the rate falls with the minutes that are left, over their second half."""
    torch.manual_seed(0)
    predictor, values = Predictor(len(names)), table(data, names)
    predictor.mean, predictor.std = values.mean(0), values.std(0)
    optimiser = optimiser_of(predictor, TRAINING)
    shuffle, start, step = torch.Generator().manual_seed(0), time.process_time(), 0
    recent: list[float] = []
    while (done := (time.process_time() - start) / (60 * minutes)) < 1.0:
        chosen = torch.randint(len(data), (BATCH,), generator=shuffle)
        for group in optimiser.param_groups:
            group["lr"] = TRAINING.learning_rate * min(1.0, step / 200, 2 * (1 - done))
        target = (values[chosen] - predictor.mean) / predictor.std
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16-mixed"):
            loss = (predictor(data.batch(chosen)) - target).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(predictor.parameters(), 1.0)
        optimiser.step()
        step, recent = step + 1, [*recent[-199:], float(loss.detach())]
        if step % 500 == 0:
            error = np.mean(recent)
            print(f"predictor: step {step}, error {error:.3f} standard deviations", flush=True)
    return predictor.eval()


def predictor_of(
    file: Path | None, names: Sequence[str], minutes: float, precision: str, root: Path | None
) -> Predictor:
    """Return the predictor that the file has, or train one and keep it there."""
    if file is not None and file.is_file():
        predictor = Predictor(len(names))
        predictor.load_state_dict(load_file(file))
        return predictor.eval()
    held = load_molecules("qm9", "val", root=root)
    known = table(held, names).isfinite().all(1).nonzero()[:, 0]  # six have no dipole moment
    predictor = train(held.subset(known), names, minutes, precision)
    if file is not None:
        save_file({name: value.contiguous() for name, value in predictor.state_dict().items()}, file)
    return predictor


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked of one property, and what came."""

    guidance: float
    draws: int
    seconds: float
    asked: int
    all: PropertyResult
    stable: PropertyResult

    def summary(self) -> dict[str, object]:
        """Return the figures."""
        return {
            "property": self.all.name,
            "guidance": self.guidance,
            "draws": self.draws,
            "asked": self.asked,
            "molecules": len(self.all.ids),
            "mae": self.all.mae(),
            "mae_unconditional": self.all.mae_unconditional(),
            "stable": len(self.stable.ids),
            "mae_stable": self.stable.mae(),
            "mae_unconditional_stable": self.stable.mae_unconditional(),
            "seconds_per_molecule": self.seconds / self.asked,
        }


def ask(
    model: GeoBFN, wanted: MoleculeDataset, name: str, guidance: float, steps: int, draws: int
) -> dict[int, list[Atoms]]:
    """Sample molecules for each of these, of its number of atoms and its property; by its place."""
    values = wanted.properties[name].tolist()
    requests = [
        TargetedRequest(
            id=f"{n:06d}",
            seed=structure_seed(1 + draw, n),
            num_atoms=atoms,
            targets={name: value},
            guidance=guidance,
        )
        for n, (atoms, value) in enumerate(zip(wanted.counts.tolist(), values, strict=True))
        for draw in range(draws)
    ]
    groups: dict[int, list[Atoms]] = {}
    for sample in model.samples(requests, steps=steps):
        if sample.molecule is not None:
            groups.setdefault(int(sample.request.id), []).append(sample.molecule)
    return groups


def nearest(molecules: Sequence[Atoms], name: str, value: float) -> Atoms:
    """Return the molecule that is the nearest to a value by GFN2-xTB: a stable, whole one, if there is."""
    if len(molecules) == 1:
        return molecules[0]
    held = Molecules.from_pairs((one.numbers, one.positions) for one in molecules)
    far = measure_properties(held).distances({name: np.full(len(held), value)})
    stability = measure_stability(held)
    sound = stability.stable & stability.connected
    return molecules[int(np.lexsort((np.nan_to_num(far, nan=np.inf), ~sound))[0])]


def measure(
    model: GeoBFN, predictor: Predictor, wanted: MoleculeDataset, names: Sequence[str], name: str,
    guidance: float, steps: int, draws: int,
) -> list[Asked]:  # fmt: skip
    """Ask, and measure the first that comes, and the nearest of all that come."""
    start = time.monotonic()
    groups = ask(model, wanted, name, guidance, steps, draws)
    seconds = time.monotonic() - start
    asked = {n: wanted.properties[name].tolist()[n] for n in groups}
    chosen = {1: [group[0] for group in groups.values()]}
    if draws > 1:
        chosen[draws] = [nearest(group, name, asked[n]) for n, group in groups.items()]
    return [
        Asked(
            guidance=guidance,
            draws=of,
            seconds=seconds * of / draws,
            asked=len(wanted),
            **judged(predictor, molecules, list(asked.values()), names, name),
        )
        for of, molecules in chosen.items()
    ]


class Judged(TypedDict):
    """What the predictor says of all molecules, and of those that are stable."""

    all: PropertyResult
    stable: PropertyResult


def judged(
    predictor: Predictor,
    molecules: Sequence[Atoms],
    requested: Sequence[float],
    names: Sequence[str],
    name: str,
) -> Judged:
    """Measure molecules by the predictor."""
    found = MoleculeDataset.from_atoms(molecules)
    measured = predictor.of(found)[:, list(names).index(name)]
    stable = measure_stability(Molecules.of(found.batch(range(len(found))))).stable
    unit, wanted = UNITS.get(name, ""), np.array(requested)
    return Judged(
        all=evaluate_property(wanted.tolist(), measured.tolist(), name=name, unit=unit),
        stable=evaluate_property(wanted[stable].tolist(), measured[stable].tolist(), name=name, unit=unit),
    )


def draw(path: Path, found: Sequence[Asked], errors: Mapping[str, float]) -> None:
    """Draw requested against measured values."""
    names = list(dict.fromkeys(one.all.name for one in found))
    ways = list(dict.fromkeys((one.guidance, one.draws) for one in found))
    shape = (len(names), len(ways))
    figure, axes = plt.subplots(*shape, figsize=(3.4 * shape[1], 3.2 * shape[0]), squeeze=False)
    for one in found:
        panel = axes[names.index(one.all.name), ways.index((one.guidance, one.draws))]
        ends = np.quantile(one.all.requested, [0.0, 1.0])
        margin = 0.15 * (ends[1] - ends[0])
        panel.scatter(one.all.requested, one.all.measured, s=5, color="0.75", label="any")
        panel.scatter(one.stable.requested, one.stable.measured, s=5, color="C0", label="stable")
        panel.plot(ends, ends, color="C3", linewidth=1)
        panel.fill_between(
            ends, ends - errors[one.all.name], ends + errors[one.all.name], color="C3", alpha=0.2, linewidth=0
        )
        panel.set_xlim(ends[0] - margin, ends[1] + margin)
        panel.set_ylim(ends[0] - margin, ends[1] + margin)
        way = f"guidance {one.guidance:g}" + (f", nearest of {one.draws}" if one.draws > 1 else "")
        panel.set_title(f"{one.all.name}, {way}: MAE {one.all.mae():.3g}", fontsize=9)
        panel.set_xlabel(f"requested, {one.all.unit}", fontsize=8)
        panel.set_ylabel("measured", fontsize=8)
        panel.tick_params(labelsize=7)
    axes[0, 0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    """Train or find the predictor, sample, measure, write, print."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("model")
    parser.add_argument("--properties", nargs="+", default=["homo", "mu"])
    parser.add_argument("--num", type=int, default=300)
    parser.add_argument("--guidance", nargs="+", type=float, default=[0.0, 1.0])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument(
        "--precision", choices=["bf16-mixed", "32-true"], default="bf16-mixed",
        help="of the predictor's training: bf16 is quick where the processor has it (AMX)",
    )  # fmt: skip
    parser.add_argument("--predictor", type=Path)
    parser.add_argument("--train-only", action="store_true", help="train the predictor, try it, and stop")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--out", type=Path, default=Path())
    words = parser.parse_args()
    names = words.properties
    predictor = predictor_of(words.predictor, names, words.minutes, words.precision, words.root)
    test = load_molecules("qm9", "test", root=words.root)
    gaps = np.abs(predictor.of(test) - table(test, names).double().numpy()).mean(0)
    errors = dict(zip(names, gaps.tolist(), strict=True))
    print(f"the predictor's own mean absolute error on {len(test)} test molecules: {errors}", flush=True)
    if words.train_only:
        return
    order = torch.randperm(len(test), generator=torch.Generator().manual_seed(0))[: words.num]
    model, wanted, found = GeoBFN.load(words.model), test.subset(order), []
    for name in names:
        for strength in words.guidance:
            for one in measure(model, predictor, wanted, names, name, strength, words.steps, words.draws):
                found.append(one)
                print(one.summary(), flush=True)
    words.out.mkdir(parents=True, exist_ok=True)
    result = {"predictor_error": errors, "steps": words.steps, "runs": [one.summary() for one in found]}
    (words.out / "molecule_property.json").write_text(json.dumps(result, indent=1))
    draw(words.out / "molecule_property.svg", found, errors)


if __name__ == "__main__":
    main()
