"""Properties of molecules by GFN2-xTB, and as QM9's labels have them."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from epitaxy.eval.molecules import (
    PROPERTY_UNITS,
    MeasuredProperties,
    Molecules,
    electronic_structure,
    measure_properties,
    property_labels,
)
from epitaxy.eval.molecules.b3lyp import ELEMENTS, FITTED, _frozen, as_b3lyp, descriptors

Molecule = tuple[list[int], np.ndarray]

METHANE: Molecule = (
    [6, 1, 1, 1, 1],
    0.6293 * np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1.0]]),
)
WATER: Molecule = ([8, 1, 1], np.array([[0, 0, 0], [0.958, 0, 0], [-0.24, 0.927, 0]]))
ACETYLENE: Molecule = ([6, 6, 1, 1], np.array([[0, 0, 0.6], [0, 0, -0.6], [0, 0, 1.66], [0, 0, -1.66]]))
METHYL: Molecule = (METHANE[0][:4], METHANE[1][:4])
HYDROGEN: Molecule = ([1, 1], np.array([[0, 0, 0], [0, 0, 0.74]]))
CHLORIDE: Molecule = ([17, 1], np.array([[0, 0, 0], [0, 0, 1.27]]))
URANIUM: Molecule = ([92], np.zeros((1, 3)))
BROKEN: Molecule = ([8, 1, 1], np.full((3, 3), np.nan))
UPON: Molecule = ([6, 6], np.zeros((2, 3)))
VALENCE = {1: 1, 6: 4, 7: 5, 8: 6, 9: 7, 17: 7}

molecules = st.sampled_from([METHANE, WATER, ACETYLENE, CHLORIDE])


def numbers_of(molecule: Molecule) -> np.ndarray:
    return np.array(molecule[0], dtype=np.int64)


@settings(max_examples=10, deadline=None)
@given(molecules, st.integers(0, 2**31))
def test_a_molecule_may_turn_move_and_name_its_atoms_in_any_order(molecule: Molecule, seed: int) -> None:
    rng = np.random.default_rng(seed)
    numbers, places = numbers_of(molecule), molecule[1]
    order = rng.permutation(len(numbers))
    turned = places @ Rotation.random(rng=rng).as_matrix().T + rng.normal(size=3) * 5
    here, there = electronic_structure(numbers, places), electronic_structure(numbers[order], turned[order])
    assert np.allclose(here.levels, there.levels, atol=1e-5)
    assert here.dipole == pytest.approx(there.dipole, abs=1e-4)
    assert np.allclose(here.charges[order], there.charges, atol=1e-4)


@settings(max_examples=10, deadline=None)
@given(molecules, st.floats(0.95, 1.1))
def test_electrons_are_conserved(molecule: Molecule, stretch: float) -> None:
    numbers = numbers_of(molecule)
    found = electronic_structure(numbers, molecule[1] * stretch)
    assert 2 * found.pairs == sum(VALENCE[z] for z in molecule[0])
    assert found.charges.sum() == pytest.approx(0, abs=1e-6)
    assert np.allclose(found.shares.sum(1), 1, atol=1e-6)
    assert (np.diff(found.levels) >= -1e-9).all()
    assert found.level(0) < found.level(1)
    assert np.isnan(found.level(len(found.levels)))
    assert np.isnan(found.level(-found.pairs))


def test_symmetry_leaves_no_dipole_moment_and_waters_is_the_known_one() -> None:
    for molecule in (METHANE, ACETYLENE):
        assert electronic_structure(numbers_of(molecule), molecule[1]).dipole < 1e-3
    water = electronic_structure(numbers_of(WATER), WATER[1])
    assert water.dipole == pytest.approx(1.85, abs=0.5)  # debye, the gas; GFN2-xTB is a little above
    assert water.charges[0] < 0 < min(water.charges[1:])
    assert water.shares[0, 0] > 0.9  # oxygen's lone pair


def test_far_apart_energies_are_those_of_the_parts() -> None:
    """Levels of two molecules that do not see each other are the levels of both."""
    both = np.concatenate([METHANE[1], ACETYLENE[1] + 60.0])
    numbers = np.concatenate([numbers_of(METHANE), numbers_of(ACETYLENE)])
    parts = [electronic_structure(numbers_of(m), m[1]).levels for m in (METHANE, ACETYLENE)]
    assert np.allclose(electronic_structure(numbers, both).levels, np.sort(np.concatenate(parts)), atol=1e-3)


def test_what_cannot_be_measured_says_why_and_harms_no_other() -> None:
    held = Molecules.from_pairs([WATER, METHYL, URANIUM, CHLORIDE, HYDROGEN, BROKEN, UPON, WATER])
    found = measure_properties(held)
    assert set(found.reasons) == {"1", "2", "3", "4", "5", "6"}
    for name, words in (
        ("1", "radical"),
        ("2", "1 to 86, not 92"),
        ("3", "Cl is not among QM9's elements"),
        ("4", "too few orbitals"),
        ("5", "not a finite number"),
        ("6", "GFN2-xTB"),
    ):
        assert words in found.reasons[name], found.reasons
    for values in found.values.values():
        assert np.isfinite(values[[0, 7]]).all()
        assert values[0] == pytest.approx(values[7], abs=1e-6)
        assert np.isnan(values[1:7]).all()


def test_workers_find_the_same() -> None:
    held, calls = Molecules.from_pairs([WATER, METHYL, METHANE]), []
    alone = measure_properties(held)
    others = measure_properties(held, workers=1, progress=lambda done, total: calls.append((done, total)))
    assert others.reasons == alone.reasons
    for name, values in alone.values.items():
        assert np.allclose(others.values[name], values, atol=1e-7, equal_nan=True)
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_converted_values_are_linear_in_what_is_described() -> None:
    for molecule in (WATER, METHANE, ACETYLENE):
        numbers = numbers_of(molecule)
        found = electronic_structure(numbers, molecule[1])
        given = descriptors(numbers, found)
        assert len(given) == 5 + 5 * len(ELEMENTS) + 1
        assert given[5 : 5 + len(ELEMENTS)].sum() == len(numbers)
        made = as_b3lyp(numbers, found)
        assert list(made) == list(PROPERTY_UNITS)
        assert made["gap"] == pytest.approx(made["lumo"] - made["homo"])
        assert made["homo"] == pytest.approx(given @ np.array(_frozen()["coefficients"]["homo"]))
        assert made["mu"] >= 0


def test_what_is_frozen_is_better_than_the_mean() -> None:
    assert set(_frozen()["coefficients"]) == set(FITTED)
    for name in PROPERTY_UNITS:
        known = property_labels(name)
        assert known.low < known.high
        assert 0 < known.error < known.std / 2


def test_distances_are_in_standard_deviations_and_a_missing_target_plays_no_part() -> None:
    found = MeasuredProperties(
        ids=("a", "b", "c"),
        values={"homo": np.array([-0.2, -0.3, np.nan]), "mu": np.array([1.0, 2.0, np.nan])},
        reasons={"c": "a radical"},
    )
    std = {name: property_labels(name).std for name in ("homo", "mu")}
    far = found.distances({"homo": np.array([-0.2, -0.2, -0.2]), "mu": np.array([1.0, np.nan, np.nan])})
    assert far[:2].tolist() == pytest.approx([0.0, 0.1 / std["homo"]])
    assert np.isnan(far[2])
    both = found.distances({"homo": np.full(3, -0.25), "mu": np.full(3, 0.0)})
    assert both[0] == pytest.approx(np.hypot(0.05 / std["homo"], 1 / std["mu"]))
    assert found.distances({})[:2].tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="alpha is not measured: homo, mu are"):
        found.distances({"alpha": np.zeros(3)})


@given(st.lists(molecules, min_size=1, max_size=5), st.data())
def test_chosen_molecules_are_those_molecules(held: list[Molecule], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(held) - 1), max_size=6))
    part, direct = Molecules.from_pairs(held).select(chosen), Molecules.from_pairs([held[n] for n in chosen])
    assert part.ids == tuple(str(n) for n in chosen)
    for name in ("counts", "numbers", "positions"):
        assert np.array_equal(getattr(part, name), getattr(direct, name))


@pytest.mark.real_data
def test_real_molecules_have_their_labels_within_what_is_frozen(data_root: Path) -> None:
    """The first eighty of QM9's test split, of which the maps know nothing."""
    with np.load(data_root / "qm9" / "test.npz") as held:
        ends = np.cumsum(held["num_atoms"][:80])
        parts = [np.split(held[name][: ends[-1]], ends[:-1]) for name in ("charges", "positions")]
        labels = {name: held[name][:80] for name in FITTED}
    pairs = zip(*parts, strict=True)
    found = measure_properties(Molecules.from_pairs(pairs))
    assert not found.reasons
    for name, label in labels.items():
        errors = np.abs(found.values[name] - label)
        assert errors.mean() < 1.4 * property_labels(name).error


def test_without_tblite_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tblite.interface", None)
    with pytest.raises(ImportError, match="pip install tblite"):
        measure_properties(Molecules.from_pairs([WATER]))
