"""SymmBFN put together: a network that knows the only crystal there is must give it back."""

import pytest
import torch
from pymatgen.analysis.structure_matcher import StructureMatcher
from torch import Tensor, nn

from epitaxy.apps import SymmBFN
from epitaxy.apps.asymmetric_units.data import load_asymmetric_units
from epitaxy.apps.asymmetric_units.model import WyckoffModel
from epitaxy.apps.asymmetric_units.recipe import WyckoffRecipe
from epitaxy.apps.config import apply_overrides
from epitaxy.apps.generative.recipes import preset
from epitaxy.data import to_structures
from epitaxy.data.wyckoff import WyckoffDataset, WyckoffStatistics
from epitaxy.eval.symmetry import has_symmetry
from epitaxy.flows import GaussianBFN
from epitaxy.geometry.symmetry import wyckoff_table
from epitaxy.models import WyckoffNetOutput

GROUPS = (136, 166, 186, 225)
WIDTHS = ("hidden=8", "layers=1", "frequencies=2", "embedding=4", "time_dim=4")


@pytest.fixture(scope="module")
def units() -> WyckoffDataset:
    """One crystal each of a few groups, with and without free coordinates."""
    every = load_asymmetric_units("prototypes", "train", symprec=0.1)
    groups = every.space_groups.tolist()
    return every.subset([groups.index(number) for number in GROUPS])


class KnowsTheUnit(nn.Module):
    """In place of the network: the exact posterior where all data is one crystal, in the flows' terms."""

    def __init__(self, model: WyckoffModel, unit: WyckoffDataset) -> None:
        super().__init__()
        self.flows, self.targets, self.unit = (
            model.flow.flows,
            model.targets,
            unit,
        )  # not the model: it holds this

    def forward(self, *, positions: Tensor, lattice: Tensor, time: Tensor, **_: object) -> WyckoffNetOutput:
        batch = self.unit.batch([0] * time.shape[0])
        truth, each = self.targets(batch), batch.segments.expand(time)
        places, cell = self.flows["positions"], self.flows["lattice"]
        assert isinstance(places, GaussianBFN)
        assert isinstance(cell, GaussianBFN)
        classes = len(self.unit.numbers.unique())
        return WyckoffNetOutput(
            positions=places.output_of(truth["positions"], positions, each),
            lattice=cell.output_of(truth["lattice"], lattice, time),
            species=100.0 * nn.functional.one_hot(truth["species"], classes).float(),
            symmetry=100.0 * nn.functional.one_hot(truth["symmetry"], 13).float(),
        )


def recipe(parametrisation: str, guess: str, standardised: bool) -> WyckoffRecipe:
    """Of a guess "masked" elements are masks, and symmetries sampled."""
    made = preset("small", model="symmbfn", task="dng", dataset="one")
    assert isinstance(made, WyckoffRecipe)
    words = [f"network.{width}" for width in WIDTHS]
    for flow in ("positions", "lattice"):
        words += [f"{flow}.t_min=1e-4", f"{flow}.parametrisation={parametrisation}"]
    if guess != "masked":
        beliefs = ("kind=categorical_bfn", "reads=evidence", "parametrisation=residual")
        words += [f"species.{word}" for word in beliefs]
        words += [f"{field}.guess={guess}" for field in ("species", "symmetry")]
    return apply_overrides(made, [*words, f"lattice_form.standardised={str(standardised).lower()}"])


@pytest.mark.parametrize(
    ("parametrisation", "guess", "standardised"),
    [
        ("data", "sampled", True),
        ("noise", "expectation", True),
        ("residual", "sampled", False),
        ("residual", "expectation", True),
        ("residual", "masked", True),
    ],
)
@pytest.mark.parametrize("steps", [1, 20])
def test_the_only_crystal_comes_back(
    parametrisation: str, guess: str, standardised: bool, steps: int, units: WyckoffDataset
) -> None:
    made = recipe(parametrisation, guess, standardised)
    for k in range(len(units)):
        unit = units.subset([k])
        model = WyckoffModel(made, WyckoffStatistics.of(unit))
        model.network = KnowsTheUnit(model, unit)
        (truth,) = to_structures(unit.batch([0], dtype=torch.float64).expand())
        number = int(unit.space_groups[0])
        requests = SymmBFN(model).requests(num=2, seed=k)
        for one in SymmBFN(model).samples(requests, steps=steps):
            assert one.crystal is not None, one.reason
            assert len(one.crystal) == len(truth)
            assert has_symmetry(one.crystal, number)
            assert StructureMatcher(primitive_cell=False, scale=False).fit(one.crystal, truth), unit.ids


@pytest.mark.parametrize("guess", ["sampled", "masked"])
def test_a_given_composition_overrules_the_network(guess: str, units: WyckoffDataset) -> None:
    """A network that is certain of the wrong elements and sites."""
    made = recipe("residual", guess, True)
    model = WyckoffModel(made, WyckoffStatistics.of(units))
    symbols = model.statistics.vocabulary.symbols
    wrong_element = next(k for k, symbol in enumerate(symbols) if symbol not in ("Li", "F"))

    class Wrong(nn.Module):
        def forward(
            self, *, positions: Tensor, lattice: Tensor, species: Tensor, **_: object
        ) -> WyckoffNetOutput:
            wrong = torch.full((len(positions), 15, 13), -50.0).index_fill(2, torch.tensor([12]), 50.0)
            return WyckoffNetOutput(
                positions=torch.zeros_like(positions),
                lattice=torch.zeros_like(lattice),
                species=torch.full_like(species, -50.0).index_fill(1, torch.tensor([wrong_element]), 50.0),
                symmetry=wrong,
            )

    model.network = Wrong()
    generator = SymmBFN(model)
    requests = generator.requests(num=3, seed=0, formula="LiF", spacegroup=225)
    for one in generator.samples(requests, steps=6):
        assert one.crystal is not None
        assert one.crystal.composition.reduced_formula == "LiF"
        (*orbits,) = requests[0].occupation or ()
        assert all(wyckoff_table().number[site] == 225 for _, site in orbits)
