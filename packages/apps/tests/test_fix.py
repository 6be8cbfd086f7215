"""Structures of which some atoms are generated and the rest is kept, to the bit."""

from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from pymatgen.core import Lattice, Structure

from epitaxy.apps import UsageError
from epitaxy.apps.crystals.generator import CrystalGenerator
from epitaxy.apps.molecules.generator import GeoBFN

# In a cell that is neither reduced nor right-handed, with coordinates of more digits than float32 has.
CELL = Lattice([[0.0, 3.9051234567890123, 0.0], [3.905, 0.0, 0.0], [0.0, 0.0, 3.91]])
SPECIES, POINTS = (
    ["Sr", "Ti", "O", "O", "O"],
    [[0.1, 0, 1 / 3], [0.6, 0.5, 0.8], [0.6, 0.5, 0.3], [0.6, 0, 0.8], [0.1, 0.5, 0.8]],
)
PEROVSKITE = Structure(CELL, SPECIES, POINTS)
WORDS: dict[str, Any] = {"steps": 8, "redraws": 0}


@pytest.mark.parametrize("name", ["crysbfn-perov-small", "kldm-perov-small"])
@pytest.mark.parametrize("free", ["3,4", [1, 5]])
def test_the_rest_of_a_crystal_stays(name: str, free: Any) -> None:
    """Its cell, sites and elements, whatever the sampler; what is free differs from seed to seed."""
    model = CrystalGenerator.load(name)
    places = [2, 3] if free == "3,4" else [0, 4]
    others = [k for k in range(5) if k not in places]
    for sampler in {s for flow in model.model.flow.flows.values() for s in flow.samplers}:
        requests = model.requests(fix=PEROVSKITE, free=free, num=3, seed=0)
        found = [s.structure for s in model.samples(requests, sampler=sampler, **WORDS)]
        made = [structure for structure in found if isinstance(structure, Structure)]
        for structure in made:
            assert np.array_equal(structure.lattice.matrix, CELL.matrix)
            assert np.array_equal(structure.frac_coords[others], PEROVSKITE.frac_coords[others])
            assert structure.species == PEROVSKITE.species
            assert not np.array_equal(structure.frac_coords[places], PEROVSKITE.frac_coords[places])
        points = {structure.frac_coords.tobytes() for structure in made}
        assert len(points) == len(made)


def test_free_atoms_find_their_places() -> None:
    """The oxygens of a perovskite, the rest of which is kept: nearly where they are, in most samples."""
    model = CrystalGenerator.load("kldm-perov-small")
    cubic = Structure.from_spacegroup(
        "Pm-3m", Lattice.cubic(3.905), ["Sr", "Ti", "O"], [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0]]
    )
    made = model.sample(fix=cubic, free="3,4,5", num=6, steps=50, seed=0)
    assert made
    nearest = [min(float(one.distance_matrix[1, k]) for k in (2, 3, 4)) for one in made]
    assert float(np.median(nearest)) == pytest.approx(1.95, abs=0.4)


@pytest.mark.parametrize("what", ["positions", "elements", "both"])
def test_the_rest_of_a_molecule_stays(what: str) -> None:
    model, ethanol = GeoBFN.load("geobfn-qm9-small"), molecule("CH3CH2OH")
    ethanol.positions += [5.0, -3.0, 1.0]
    places, others = [0, 8], list(range(1, 8))
    words: dict[str, Any] = {"fix": ethanol, "free": "1,9", "free_what": what, "num": 4, "seed": 2}
    found = [s.structure for s in model.samples(model.requests(**words), steps=20)]
    made = [atoms for atoms in found if isinstance(atoms, Atoms)]
    assert made
    for atoms in made:
        assert np.array_equal(atoms.positions[others], ethanol.positions[others])
        assert np.array_equal(atoms.numbers[others], ethanol.numbers[others])
        assert np.array_equal(atoms.positions[places], ethanol.positions[places]) == (what == "elements")
        assert what != "positions" or np.array_equal(atoms.numbers, ethanol.numbers)
        assert float(abs(atoms.positions - ethanol.positions).max()) < 8.0  # in the same place
    limited = model.requests(**(words | {"free_what": "both"}), chemical_system="C-H-O-N")
    for sample in model.samples(limited, steps=5, redraws=0):
        assert sample.molecule is None or set(sample.molecule.symbols) == {"C", "H", "O", "N"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"fix": PEROVSKITE}, "--fix needs --free: the sites to generate, counted from 1"),
        ({"fix": PEROVSKITE, "free": "0"}, "--fix needs --free"),
        ({"fix": PEROVSKITE, "free": "6"}, "--free 6: the structure --fix has 5 sites"),
        ({"fix": PEROVSKITE, "free": "1", "free_what": "all"}, "--free-what all: choose positions"),
        ({"fix": PEROVSKITE, "free": "1", "free_what": "elements"}, "this model is given its composition"),
        ({"free": "1"}, "--free says which atoms of the structure --fix"),
        ({"fix": PEROVSKITE, "like": PEROVSKITE, "free": "1"}, "--like and --fix exclude each other"),
        ({"fix": PEROVSKITE, "free": "1", "formula": "SrTiO3"}, "--formula: the structure --fix says it"),
    ],
)
def test_words_that_cannot_be_met(words: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        CrystalGenerator.load("kldm-perov-small").requests(num=1, seed=0, **words)
    assert sentence in str(error.value)


def test_kept_elements_and_words_on_elements() -> None:
    model, ethanol = GeoBFN.load("geobfn-qm9-small"), molecule("CH3CH2OH")
    for words, sentence in (
        ({"elements": "C,H"}, "--fix keeps an element that"),
        ({"chemical_system": "C-H-O-N-F"}, "too few atoms free"),
    ):
        with pytest.raises(UsageError, match=sentence):
            model.requests(fix=ethanol, free=[1], num=1, seed=0, **words)
