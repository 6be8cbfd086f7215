"""Samples that are no structures: what is seen, and that they are drawn anew, the same in every batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from epitaxy.apps import SymmBFN
from epitaxy.apps.crystals.cells import cell_samples
from epitaxy.apps.crystals.generator import CrystalGenerator
from epitaxy.apps.requests.request import Request
from epitaxy.apps.requests.sample import Sample
from epitaxy.apps.sampling.generate import generate, unanswered
from epitaxy.apps.sampling.soundness import checked, crystal_fault, molecule_fault
from epitaxy.data.molecules import LEAST_DISTANCE
from epitaxy.flows import Level
from epitaxy.geometry import Segments

REQUEST = Request(id="a", seed=0, num_atoms=2)


def salt(a: float, second: float = 0.5, elements: tuple[str, str] = ("Na", "Cl")) -> Structure:
    return Structure(Lattice.cubic(a), elements, [[0, 0, 0], [second] * 3])


@pytest.mark.parametrize(
    ("crystal", "words"),
    [
        (salt(3.9), None),
        (salt(3.9, 0.001), "apart"),
        (salt(3.9, 0.999), "apart"),  # across the cell's edge
        (Structure(Lattice.orthorhombic(0.4, 9, 9), ["Na"], [[0, 0, 0]]), "own image"),
        (salt(2.2, elements=("Os", "Ir")), "g/cm3"),
        (salt(9.0), "cubic angstrom an atom"),
        (salt(float("nan")), "not finite"),
        (Structure(Lattice.cubic(3.9), ["Na", "Cl"], [[0, 0, 0], [np.nan, 0.5, 0.5]]), "not finite"),
    ],
)
def test_crystals(crystal: Structure, words: str | None) -> None:
    fault = crystal_fault(crystal)
    assert fault is None if words is None else words in (fault or "")
    sample = checked(Sample(request=REQUEST, structure=crystal))
    assert (sample.structure is None, sample.reason) == (words is not None, fault)


def test_the_densest_and_the_emptiest_that_exist_are_sound() -> None:
    osmium = Structure.from_spacegroup(
        "P6_3/mmc", Lattice.hexagonal(2.734, 4.317), ["Os"], [[1 / 3, 2 / 3, 0.25]]
    )
    caesium = Structure(Lattice.cubic(6.14), ["Cs", "Cs"], [[0, 0, 0], [0.5] * 3])
    assert crystal_fault(osmium) is crystal_fault(caesium) is None


@settings(max_examples=30, deadline=None)
@given(distance=st.floats(0.05, 2.0))
def test_molecules(distance: float) -> None:
    found = molecule_fault(Atoms("H2", [[0, 0, 0], [0, 0, distance]]))
    assert (found is None) == (distance >= LEAST_DISTANCE)


def test_molecules_of_one_atom_and_of_no_numbers() -> None:
    assert molecule_fault(Atoms("He", [[0, 0, 0]])) is None
    assert molecule_fault(Atoms("H2", [[0, 0, 0], [0, 0, np.inf]])) == "a coordinate is not a number"


def test_a_left_handed_cell_is_the_same_crystal_in_a_right_handed_one() -> None:
    """Not its mirror image: all distances, and the handedness of four atoms, are as they were."""
    positions = torch.tensor([[0.0, 0, 0], [0.31, 0, 0], [0, 0.37, 0], [0, 0, 0.41]], dtype=torch.float64)
    lattice = -torch.tensor([[4.0, 0, 0], [0.3, 5, 0], [0.2, 0.1, 6]], dtype=torch.float64)
    numbers = torch.tensor([11, 17, 19, 9])
    (sample,) = cell_samples(Segments.from_counts([4]), lattice[None], positions, numbers, [REQUEST])
    given_ = Structure(Lattice(lattice.numpy()), [11, 17, 19, 9], positions.numpy())
    made = sample.crystal
    assert made is not None
    assert np.linalg.det(made.lattice.matrix) > 0
    assert made.distance_matrix == pytest.approx(given_.distance_matrix, abs=1e-5)

    def handedness(crystal: Structure) -> float:
        arms = [crystal[0].distance_and_image(crystal[k])[1] for k in (1, 2, 3)]
        vectors = [
            crystal.lattice.get_cartesian_coords(crystal[k].frac_coords + arm - crystal[0].frac_coords)
            for k, arm in zip((1, 2, 3), arms, strict=True)
        ]
        return float(np.linalg.det(vectors))

    assert handedness(made) == pytest.approx(handedness(given_), rel=1e-4)


class Clashing:
    """Lets a model's draws of some seeds collapse, and notes which seeds were drawn."""

    def __init__(self, model: CrystalGenerator, seeds: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
        self.seeds, self.drawn = seeds, []  # type: set[int], list[int]
        kind = type(model.model)
        sound = kind.samples

        def samples(network: object, targets: object, outputs: object, given: object, group: object) -> list:
            made = sound(network, targets, outputs, given, group)  # type: ignore[arg-type]
            self.drawn += [sample.request.seed for sample in made]
            return [
                self._collapsed(sample) if sample.request.seed in self.seeds else sample for sample in made
            ]

        monkeypatch.setattr(kind, "samples", samples)

    @staticmethod
    def _collapsed(sample: Sample) -> Sample:
        return Sample(request=sample.request, structure=salt(3.9, 0.001))


@pytest.fixture(scope="module")
def model() -> CrystalGenerator:
    return CrystalGenerator.load("crysbfn-perov-small")


def test_what_clashes_is_drawn_anew_alike_in_every_batch(
    model: CrystalGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = model.requests(formula="SrTiO3", num=6, seed=4)
    plain = model.samples(requests, steps=20, redraws=0, device="cpu")
    assert all(sample.crystal is not None for sample in plain)
    clashing = Clashing(model, {requests[1].seed, requests[4].seed}, monkeypatch)
    found = {size: model.samples(requests, steps=20, batch_size=size, device="cpu") for size in (6, 4, 1)}
    for samples in found.values():
        assert [sample.request for sample in samples] == requests  # its own seed, as it was asked
        assert [sample.draws for sample in samples] == [1, 2, 1, 1, 2, 1]
        for k, (sample, other, first) in enumerate(zip(samples, found[6], plain, strict=True)):
            assert sample.crystal is not None
            assert other.crystal is not None
            assert first.crystal is not None
            apart = np.abs(sample.crystal.lattice.matrix - other.crystal.lattice.matrix).max()
            assert apart < 1e-2
            new = np.abs(sample.crystal.lattice.matrix - first.crystal.lattice.matrix).max()
            assert (new > 1e-2) == (k in (1, 4))
    assert len(clashing.drawn) == 3 * 8
    assert len(set(clashing.drawn)) == 8


@pytest.mark.parametrize("redraws", [0, 1, 2])
def test_a_number_of_draws_ends_it(
    model: CrystalGenerator, monkeypatch: pytest.MonkeyPatch, redraws: int, capsys: pytest.CaptureFixture[str]
) -> None:
    class All(set):  # type: ignore[type-arg]
        def __contains__(self, seed: object) -> bool:
            return True

    clashing = Clashing(model, All(), monkeypatch)
    (sample,) = model.samples(
        model.requests(formula="SrTiO3", num=1, seed=0), steps=2, redraws=redraws, device="cpu"
    )
    assert (sample.structure, sample.draws) == (None, redraws + 1)
    assert "apart" in (sample.reason or "")
    assert len(set(clashing.drawn)) == redraws + 1
    assert "1 of 1 samples are no structures" in capsys.readouterr().err


def test_of_which_graphs_an_answer_is_no_number() -> None:
    """Labels look like any others, whatever they were decoded of: NaN gave the first class."""
    segments = Segments.from_counts([2, 1, 1])
    levels: dict[str, Level] = {"species": "atom", "lattice": "graph"}
    outputs = {
        "species": torch.zeros(4, 5),
        "lattice": torch.zeros(3, 3),
        "other": torch.full((9,), torch.nan),
    }
    assert unanswered(outputs, levels, segments) == [False, False, False]
    outputs["species"][1, 4] = torch.nan
    outputs["lattice"][2, 0] = torch.nan
    outputs["lattice"][1, 0] = -torch.inf  # what cannot be
    assert unanswered(outputs, levels, segments) == [True, False, True]


def silenced(model: Any, field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the network's answers be no numbers in one field of the second structure."""
    kind = type(model)
    sound = kind.answer

    def answer(network: Any, states: Any, time: Any, given: Any) -> dict[str, torch.Tensor]:
        outputs = sound(network, states, time, given)
        rows = given.segments.index == 1 if outputs[field].shape[0] == given.segments.num_atoms else [1]
        outputs[field] = outputs[field].clone()
        outputs[field][rows] = torch.nan
        return outputs

    monkeypatch.setattr(kind, "answer", answer)


def check_that_one_has_no_answer(samples: Sequence[Any]) -> None:
    assert samples[1].structure is None
    assert samples[1].reason == "the network's answer is not a number"
    others = [sample.reason for k, sample in enumerate(samples) if k != 1]
    assert "the network's answer is not a number" not in others


@pytest.mark.parametrize("field", ["positions", "lattice"])
def test_an_answer_that_is_no_number_is_no_sample(
    model: CrystalGenerator, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    silenced(model.model, field, monkeypatch)
    (samples,) = generate(model.model, model.requests(formula="SrTiO3", num=3, seed=0), steps=2, redraws=0)
    check_that_one_has_no_answer(samples)


@pytest.mark.parametrize("field", ["positions", "lattice", "species", "symmetry"])
def test_nor_is_one_about_orbits(monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    """Scores of site symmetries that are no numbers once ended the whole sampling."""
    model = SymmBFN.load("symmbfn-mp20-small")
    silenced(model.model, field, monkeypatch)
    (samples,) = generate(model.model, model.requests(spacegroup=62, num=3, seed=0), steps=2, redraws=0)
    check_that_one_has_no_answer(samples)
