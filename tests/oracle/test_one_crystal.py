"""Flows, sampler and decoding together: a network that knows the only crystal there is must give it back."""

from itertools import product

import pytest
import torch
from torch import Tensor, nn

from epitaxy.apps.config import apply_overrides
from epitaxy.apps.crystals.model import CrystalModel
from epitaxy.apps.crystals.recipe import CrystalRecipe
from epitaxy.apps.crystals.requests import for_compositions
from epitaxy.apps.generative.recipes import preset
from epitaxy.apps.requests.sample import Sample
from epitaxy.apps.sampling.generate import generate
from epitaxy.data import CrystalDataset, Statistics
from epitaxy.flows import KineticDiffusion
from epitaxy.flows.kinetic_kernel import KineticKernel
from epitaxy.geometry import FlatTorus, wrapped_normal_information, wrapped_normal_score
from epitaxy.models import CrystalNetOutput

POSITIONS = ("circular_bfn", "kinetic")
LATTICE = ("gaussian_bfn", "variance_preserving")
FORMS = ("matrix", "parameters")
SPECIES = (None, "categorical_bfn", "one_hot", "analog_bits", "absorbing")
TURN = 2 * torch.pi
CRYSTAL = CrystalDataset(
    ids=("only",),
    counts=torch.tensor([5]),
    numbers=torch.tensor([8, 8, 8, 22, 38]),
    positions=torch.tensor(
        [[0.6, 0.7, 0.3], [0.6, 0.2, 0.8], [0.1, 0.7, 0.8], [0.6, 0.7, 0.8], [0.1, 0.2, 0.3]]
    ),
    lattice=torch.tensor([[[3.9, 0.0, 0.0], [0.4, 4.1, 0.0], [-0.3, 0.2, 4.6]]]),
    properties={},
)


class KnowsTheCrystal(nn.Module):
    """In place of the network: the exact posterior where all data is one crystal, in the flows' terms."""

    def __init__(self, model: CrystalModel) -> None:
        super().__init__()
        self.flows, self.targets = model.flow.flows, model.targets  # not the model: it holds this module

    def forward(
        self, *, positions: Tensor, time: Tensor, velocities: Tensor | None, **_: object
    ) -> CrystalNetOutput:
        crystals = time.shape[0]
        batch = CRYSTAL.batch([0] * crystals)
        targets = self.targets(batch)
        return CrystalNetOutput(
            positions=self.movement(positions, targets["positions"], time, velocities),
            lattice=targets["lattice"],
            species=self.species(targets["species"]) if "species" in targets else None,
        )

    def movement(self, now: Tensor, truth: Tensor, time: Tensor, velocities: Tensor | None) -> Tensor:
        """The displacement to the truth; for the kinetic flow, the score that leads there."""
        if velocities is None:
            return FlatTorus().log(now, truth) * TURN
        flow = self.flows["positions"]
        assert isinstance(flow, KineticDiffusion)
        kernel = KineticKernel.at(flow.noise_time(time[:1]))
        gap = FlatTorus().log(truth, now) * TURN - kernel.slope * velocities
        scale = wrapped_normal_information(kernel.spread).sqrt()
        return (-wrapped_normal_score(gap, kernel.spread) / scale).float()

    def species(self, truth: Tensor) -> Tensor:
        """Certainty, as logits or as a code."""
        flow = self.flows["species"]
        if hasattr(flow, "encode"):
            code: Tensor = flow.encode(truth, torch.float32)
            return code
        return 100.0 * nn.functional.one_hot(truth, flow.classes).float()  # type: ignore[attr-defined]  # a flow of labels has classes


def recipe(positions: str, lattice: str, form: str, species: str | None) -> CrystalRecipe:
    words = [f"positions.kind={positions}", f"lattice.kind={lattice}", f"lattice_form.kind={form}"]
    words += [f"species.kind={species}"] if species else []
    base = preset("small", model="kldm", task="dng" if species else "csp", dataset="one")
    return apply_overrides(base, [*words, "network.hidden=12", "network.layers=1", "network.time_dim=8"])


def sample(recipe: CrystalRecipe, steps: int, sampler: str | None = None) -> list[Sample]:
    model = CrystalModel(recipe, Statistics.of(CRYSTAL))
    model.network = KnowsTheCrystal(model)
    requests = for_compositions({"only": CRYSTAL.numbers.tolist()}, model.statistics, num=4, seed=0)
    return [s for batch in generate(model, requests, steps=steps, sampler=sampler) for s in batch]


def check(samples: list[Sample], tolerance: float) -> None:
    """Same cell, and the same atoms at the same places but for one translation of them all."""
    truth = CRYSTAL.structures()[0]
    for one in samples:
        made = one.structure
        assert made is not None, one.reason
        assert made.lattice.abc == pytest.approx(truth.lattice.abc, rel=0.02)
        assert made.lattice.angles == pytest.approx(truth.lattice.angles, rel=0.02)
        assert made.atomic_numbers == truth.atomic_numbers
        moved = torch.tensor(made.frac_coords - truth.frac_coords)
        assert float(FlatTorus().wrap(moved - moved[:1]).abs().max()) < tolerance


@pytest.mark.parametrize(
    ("positions", "lattice", "form", "species"), list(product(POSITIONS, LATTICE, FORMS, SPECIES))
)
def test_the_only_crystal_comes_back(positions: str, lattice: str, form: str, species: str | None) -> None:
    check(sample(recipe(positions, lattice, form, species), steps=20), tolerance=0.01)


EXACT = ("ancestral", "exponential", "predictor_corrector", "probability_flow")


@pytest.mark.parametrize(
    ("sampler", "steps", "tolerance"),
    # The published sampler ends with a step like the others, not with a prediction of the data.
    [
        *((sampler, steps, 0.2 / steps) for sampler in EXACT for steps in (10, 100)),
        ("published_pc", 200, 0.01),
    ],
)
def test_every_sampler_of_kldm_finds_it(sampler: str, steps: int, tolerance: float) -> None:
    made = recipe("kinetic", "variance_preserving", "parameters", None)
    check(sample(made, steps=steps, sampler=sampler), tolerance)
