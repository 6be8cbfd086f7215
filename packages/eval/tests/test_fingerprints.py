import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.analysis.local_env import LocalStructOrderParams
from pymatgen.core.composition import Composition
from pymatgen.core.lattice import Lattice
from pymatgen.core.sites import Site
from pymatgen.core.structure import Structure
from scipy.spatial.transform import Rotation

from epitaxy.eval.fingerprints import (
    DATASETS,
    Cutoffs,
    composition_fingerprint,
    cutoffs_for,
    fingerprint,
    magpie_labels,
    ops_labels,
    standardised,
    structure_fingerprint,
)
from epitaxy.eval.fingerprints.motifs import Motif, ops_motifs
from epitaxy.eval.fingerprints.order_parameters import Environment, order_parameter

# Computed by matminer itself: scripts/freeze_fingerprint_tables.py.
MATMINER = json.loads((Path(__file__).parent / "fingerprints_data" / "matminer.json").read_text())

CONSTANTS = json.loads(files("epitaxy.eval.fingerprints").joinpath("coverage_constants.json").read_text())

POLES = [[0, 0, 1], [0, 0, -1]]
CORNERS = [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]


def ring(n):
    angles = 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)


IDEAL = {
    "sgl_bd": [[0, 0, 1]],
    "linear": POLES,
    "L-shaped": [[1, 0, 0], [0, 1, 0]],
    "trigonal planar": ring(3),
    "square co-planar": ring(4),
    "tetrahedral": CORNERS,
    "pentagonal planar": ring(5),
    "trigonal bipyramidal": [*ring(3), *POLES],
    "octahedral": [*ring(4), *POLES],
    "hexagonal planar": ring(6),
    "pentagonal bipyramidal": [*ring(5), *POLES],
    "body-centered cubic": [*CORNERS, *(-np.array(CORNERS))],
    "hexagonal bipyramidal": [*ring(6), *POLES],
    "cuboctahedral": [v for v in np.indices((3, 3, 3)).reshape(3, -1).T - 1 if np.abs(v).sum() == 2],
}


def motif(name):
    return next(m for m in ops_motifs() if m.name == name)


def pymatgens(chosen: Motif, vectors):
    parameters = {(int(k) if k.isdigit() else k): v for k, v in chosen.parameters.items()} or None
    finder = LocalStructOrderParams([chosen.kind], parameters=[parameters])
    sites = [Site("H", [0, 0, 0]), *(Site("H", v) for v in vectors)]
    indices = list(range(1, len(sites)))
    return finder.get_order_parameters(sites, 0, indices_neighs=indices)[0] or 0.0


@pytest.mark.parametrize("name", IDEAL)
def test_the_ideal_motif_scores_one(name):
    score = order_parameter(motif(name), Environment.of(np.array(IDEAL[name], dtype=float)))
    assert score == pytest.approx(1, abs=0.03)  # pymatgen's own constants leave a little
    assert score == pytest.approx(pymatgens(motif(name), IDEAL[name]), abs=1e-6)


@given(
    st.integers(0, 2**32 - 1), st.sampled_from(ops_motifs()), st.floats(0, 1), st.sampled_from(list(IDEAL))
)
def test_order_parameters_are_pymatgens(seed, chosen, noise, near):
    rng = np.random.default_rng(seed)
    n = chosen.neighbours
    start = np.resize(np.array(IDEAL[near], dtype=float), (n, 3)) * rng.uniform(1, 3, (n, 1))
    vectors = start + (0.01 + noise) * rng.normal(size=(n, 3))
    expected = pymatgens(chosen, vectors)
    assert order_parameter(chosen, Environment.of(vectors)) == pytest.approx(expected, abs=1e-7)


def test_every_kind_of_order_parameter_has_a_formula():
    with pytest.raises(ValueError, match="'round'"):
        order_parameter(
            Motif(neighbours=2, name="x", kind="round", parameters={}), Environment.of(np.eye(3)[:2])
        )


def test_labels_are_matminers():
    assert list(magpie_labels()) == MATMINER["composition_labels"]
    assert list(ops_labels()) == MATMINER["structure_labels"]


@pytest.mark.parametrize("name", MATMINER["crystals"])
def test_structure_fingerprints_are_matminers(name):
    known = MATMINER["crystals"][name]
    mine = structure_fingerprint(Structure.from_dict(known["structure"]))
    np.testing.assert_allclose(mine, known["fingerprint"], atol=1e-6)


@pytest.mark.parametrize("formula", MATMINER["compositions"])
def test_composition_fingerprints_are_matminers(formula):
    known = np.array(MATMINER["compositions"][formula], dtype=float)
    np.testing.assert_allclose(composition_fingerprint(Composition(formula)), known, rtol=1e-12)


def test_rocksalt_is_octahedral():
    crystal = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0] * 3, [0.5] * 3]
    ).get_primitive_structure()
    entries = dict(zip(ops_labels(), structure_fingerprint(crystal), strict=True))
    assert entries["wt CN_6"] == pytest.approx(1, abs=1e-6)
    assert entries["octahedral CN_6"] == pytest.approx(1, abs=0.01)


def test_magpie_by_hand():
    entries = dict(zip(magpie_labels(), composition_fingerprint(Composition("Na2O")), strict=True))
    assert entries["MagpieData minimum Number"] == 8
    assert entries["MagpieData maximum Number"] == 11
    assert entries["MagpieData range Number"] == 3
    assert entries["MagpieData mean Number"] == pytest.approx(10)
    assert entries["MagpieData avg_dev Number"] == pytest.approx(4 / 3)
    assert entries["MagpieData mode Number"] == 11


def test_charges_and_multiples_change_no_composition():
    plain = composition_fingerprint(Composition("SrTiO3"))
    np.testing.assert_array_equal(
        composition_fingerprint(Composition({"Sr2+": 1, "Ti4+": 1, "O2-": 3})), plain
    )
    np.testing.assert_allclose(composition_fingerprint(Composition("Sr4Ti4O12")), plain)


def test_copies_have_the_same_fingerprint(skewed):
    original = structure_fingerprint(skewed)
    rotation = Rotation.from_rotvec([0.3, -1.1, 0.7]).as_matrix()
    copies = [
        skewed * (2, 1, 1),
        Structure(skewed.lattice, skewed.species, skewed.frac_coords + np.array([0.37, -1.2, 0.11])),
        Structure(Lattice(skewed.lattice.matrix @ rotation.T), skewed.species, skewed.frac_coords),
        Structure.from_sites(list(skewed)[::-1]),
        skewed.copy().add_oxidation_state_by_element({"K": 1, "Mn": 2, "F": -1}),
    ]
    for copy in copies:
        np.testing.assert_allclose(structure_fingerprint(copy), original, atol=2e-3)


def test_constants():
    assert [cutoffs_for(name) for name in DATASETS] == [
        Cutoffs(structure=0.4, composition=10.0),
        Cutoffs(structure=0.2, composition=4.0),
        Cutoffs(structure=0.2, composition=4.0),
    ]
    with pytest.raises(ValueError, match="'qm9'"):
        cutoffs_for("qm9")
    with pytest.raises(ValueError, match="-1"):
        Cutoffs(structure=-1.0, composition=1.0)


def test_what_is_unknown_is_standardised_to_the_mean():
    features = np.stack([composition_fingerprint(Composition(f)) for f in ("SrTiO3", "FmH")])
    assert np.isnan(features[1]).any()
    scaled = standardised(features)
    assert np.isfinite(scaled).all()
    assert (scaled[1][np.isnan(features[1])] == 0).all()
    assert scaled[0, 0] == pytest.approx((8 - CONSTANTS["means"][0]) / CONSTANTS["stds"][0])


def test_constants_are_of_the_features_in_this_order():
    assert CONSTANTS["labels"] == list(magpie_labels())
    assert len(CONSTANTS["means"]) == len(CONSTANTS["stds"]) == 132


def partial(perovskite):
    disordered = perovskite.copy()
    disordered[0] = {"Sr": 0.5, "Ba": 0.5}
    return disordered


def test_failures_are_named(perovskite, rutile):
    empty = Structure(Lattice.cubic(3), [], [])
    given = {"a": perovskite, "b": None, "c": partial(perovskite), "d": empty, "e": rutile}
    found = fingerprint(given)
    assert found.ids == tuple("abcde")
    assert list(found.failures) == ["b", "c", "d"]
    assert found.failures["b"] == "it could not be read"
    assert "partial occupancy" in found.failures["c"]
    assert "no atoms" in found.failures["d"]
    np.testing.assert_array_equal(found.usable(), [True, False, False, False, True])
    assert np.isnan(found.structure[1:4]).all()
    assert np.isfinite(found.composition[[0, 4]]).all()


def test_nothing_is_computed_twice(tmp_path, monkeypatch, crystals):
    import epitaxy.eval.fingerprints.compute as module

    first = fingerprint(crystals, cache=tmp_path)

    def never(structure):
        raise AssertionError("computed again")

    monkeypatch.setattr(module, "structure_fingerprint", never)
    again = fingerprint(dict(reversed(list(crystals.items()))), cache=tmp_path)
    assert not again.failures
    np.testing.assert_array_equal(again.structure, first.structure[::-1])
    np.testing.assert_array_equal(again.composition, first.composition[::-1])


def test_workers_change_no_entry(crystals):
    alone, together = fingerprint(crystals), fingerprint(list(crystals.values()), workers=1)
    np.testing.assert_array_equal(alone.structure, together.structure)
    assert together.ids == ("0", "1", "2")
