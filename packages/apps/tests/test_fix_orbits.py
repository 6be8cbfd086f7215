"""SymmBFN on crystals of which some orbits are generated and the rest is kept, to the bit."""

from typing import Any

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from epitaxy.apps import SymmBFN, UsageError
from epitaxy.apps.asymmetric_units.start import OrbitStart
from epitaxy.data.wyckoff import asymmetric_unit
from epitaxy.eval.symmetry import has_symmetry

RUTILE = Structure.from_spacegroup(
    "P4_2/mnm",
    Lattice.tetragonal(4.594123456789, 2.9586),
    ["Ti", "O"],
    [[0, 0, 0], [0.30512345678, 0.30512345678, 0]],
)
PEROVSKITE = Structure.from_spacegroup(
    "Pm-3m", Lattice.cubic(3.905), ["Sr", "Ti", "O"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]]
)
WORDS: dict[str, Any] = {"steps": 4, "redraws": 2}


@pytest.fixture(scope="module")
def model() -> SymmBFN:
    return SymmBFN.load("symmbfn-mp20-small")


@pytest.mark.parametrize("sampler", ["bayes", "end_back"])
@pytest.mark.parametrize("what", ["positions", "elements", "both"])
def test_the_rest_of_a_crystal_stays(model: SymmBFN, sampler: str, what: str) -> None:
    """Cell, titanium and, unless it is free, each oxygen's position and element: the same bits."""
    requests = model.requests(fix=RUTILE, free="4", free_what=what, num=4, seed=0)
    start = requests[0].start
    assert isinstance(start, OrbitStart)
    given = start.structure
    assert isinstance(given, Structure)
    samples = model.samples(requests, sampler=sampler, **WORDS)
    made = [sample.crystal for sample in samples if sample.crystal is not None]
    assert made
    for crystal in made:
        assert np.array_equal(crystal.lattice.matrix, given.lattice.matrix)
        assert crystal.species[:2] == given.species[:2]
        assert np.array_equal(crystal.frac_coords[:2], given.frac_coords[:2])
        if what != "both":  # the Wyckoff position too
            assert len(crystal) == len(given)
            assert np.array_equal(crystal.frac_coords, given.frac_coords) == (what == "elements")
            assert what == "elements" or crystal.species == given.species
        assert has_symmetry(crystal, 136)
    places = {one.frac_coords.tobytes() for one in made}
    assert what != "positions" or len(places) == len(made)
    # A Wyckoff position that is drawn may leave no freedom, and all may draw it: the elements differ then.
    assert what != "both" or len({(str(one.species), one.frac_coords.tobytes()) for one in made}) > 1


@pytest.mark.parametrize("given", [RUTILE, RUTILE * (2, 1, 1)])
def test_an_atom_frees_its_orbit_whatever_the_cell(given: Structure) -> None:
    """The order of the file decides which; equivalent atoms of one orbit are one."""
    shuffled = Structure.from_sites([given[k] for k in np.random.default_rng(0).permutation(len(given))])
    unit = asymmetric_unit(shuffled)
    assert unit.batch.space_groups.tolist() == [136]
    assert unit.batch.numbers[unit.orbit_of].tolist() == list(shuffled.atomic_numbers)
    oxygen = [k + 1 for k, site in enumerate(shuffled) if site.specie.symbol == "O"]
    model = SymmBFN.load("symmbfn-mp20-small")
    starts = [model.requests(fix=shuffled, free=[k], num=1, seed=0)[0].start for k in oxygen[:2]]
    for start in starts:
        assert isinstance(start, OrbitStart)
        assert start.kept == 2
        assert start.pins is not None
        assert start.pins.free == (1,)


def test_what_is_kept_holds_its_place_and_limits_its_elements(model: SymmBFN) -> None:
    """No generated orbit lands on a kept atom; words about elements bind the free ones."""
    requests = model.requests(fix=PEROVSKITE, free="3", num=3, seed=1, chemical_system="Sr-Ti-N")
    made = [sample.crystal for sample in model.samples(requests, **WORDS) if sample.crystal is not None]
    assert made
    for crystal in made:
        assert {site.specie.symbol for site in crystal[2:]} == {"N"}
        assert has_symmetry(crystal, 221)
        assert crystal.distance_matrix[np.triu_indices(len(crystal), 1)].min() > 0.4


def test_a_sample_does_not_depend_on_its_batch(model: SymmBFN) -> None:
    requests = [
        request
        for free, given in (("1", PEROVSKITE), ("3", RUTILE))
        for request in model.requests(fix=given, free=free, num=1, seed=5)
    ]
    words: dict[str, Any] = {"steps": 2, "redraws": 0}
    together, alone = model.samples(requests, **words), model.samples(requests, batch_size=1, **words)
    for a, b in zip(together, alone, strict=True):
        assert (a.crystal is None) == (b.crystal is None)
        assert a.crystal is None or b.crystal is None or a.crystal.species == b.crystal.species


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"fix": RUTILE}, "--fix needs --free"),
        ({"fix": RUTILE, "free": "7"}, "--free 7: the structure --fix has 6 sites"),
        ({"fix": PEROVSKITE, "free": "3", "free_what": "positions"}, "O 3c cannot move in group 221"),
        ({"fix": RUTILE, "free": "1", "spacegroup": 136}, "--spacegroup: the structure --fix says it"),
        ({"fix": RUTILE, "free": "1", "elements": "Ti"}, "--fix keeps an element"),
        (
            {"fix": RUTILE, "free": "1", "chemical_system": "Ti-O-N-F"},
            "2 atoms are fewer than the 4 elements",
        ),
        (
            {"fix": Structure(Lattice.cubic(4), ["Po"], [[0] * 3]), "free": "1"},
            "--fix: the model was not trained",
        ),
        ({"fix": RUTILE, "like": RUTILE, "free": "1"}, "--like and --fix exclude each other"),
    ],
)
def test_words_that_cannot_be_met(model: SymmBFN, words: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        model.requests(num=1, seed=0, **words)
    assert sentence in str(error.value)
