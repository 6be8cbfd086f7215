import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from epitaxy.eval import PROTOCOLS, match_csp

ANGLES = st.floats(0, 2 * np.pi)
SHIFTS = st.tuples(*[st.floats(-2, 2, width=32)] * 3)
FEW = settings(max_examples=6)
NAMES = ["perovskite", "rutile", "skewed"]
EACH = pytest.mark.parametrize("name", NAMES)


def rms(prediction: Structure, reference: Structure) -> float | None:
    return match_csp({"a": [prediction]}, {"a": reference}, protocol="crysbfn").rmse()


@EACH
def test_identity(crystals, name):
    assert rms(crystals[name], crystals[name]) == pytest.approx(0, abs=1e-6)


@FEW
@EACH
@given(first=ANGLES, second=ANGLES, shift=SHIFTS, order=st.randoms(use_true_random=False))
def test_rotated_translated_permuted_copies_match(crystals, name, first, second, shift, order):
    crystal = crystals[name]
    rotation = turn(first, 0) @ turn(second, 2)
    atoms = list(range(len(crystal)))
    order.shuffle(atoms)
    moved = Structure(
        Lattice(crystal.lattice.matrix @ rotation.T),
        [crystal.species[n] for n in atoms],
        crystal.frac_coords[atoms] + np.array(shift),
    )
    assert rms(moved, crystal) == pytest.approx(0, abs=1e-5)


@EACH
@pytest.mark.parametrize("scaling", [(2, 1, 1), ((1, 1, 0), (0, 1, 0), (0, 0, 2))])
def test_supercells_match_both_ways(crystals, name, scaling):
    crystal = crystals[name]
    larger = crystal.copy().make_supercell(scaling)
    assert rms(larger, crystal) == pytest.approx(0, abs=1e-5)
    assert rms(crystal, larger) == pytest.approx(0, abs=1e-5)


@FEW
@given(names=st.permutations(NAMES))
def test_order_of_the_mappings_changes_nothing(crystals, names):
    predictions = {name: [structure.copy().apply_strain(0.01)] for name, structure in crystals.items()}
    expected = match_csp(predictions, crystals).to_json()
    shuffled = match_csp({n: predictions[n] for n in names}, {n: crystals[n] for n in reversed(names)})
    assert shuffled.to_json() == expected


@FEW
@given(seed=st.integers(0, 10_000), noise=st.floats(0, 0.3))
def test_protocols_that_ask_for_less_match_more(crystals, seed, noise):
    rng = np.random.default_rng(seed)
    predictions = {
        name: [Structure(s.lattice, s.species, s.frac_coords + noise * rng.normal(size=(len(s), 3)))]
        for name, s in crystals.items()
    }
    matched = {
        name: {m.id for m in match_csp(predictions, crystals, protocol=name).matches if m.rms(1) is not None}
        for name in PROTOCOLS
    }
    assert matched["cdvae"] == matched["diffcsp"]
    assert matched["cdvae"] <= matched["crysbfn"] <= matched["loose"]
    assert matched["kldm"] <= matched["crysbfn"]
    assert matched["strict"] <= matched["loose"]


def test_more_predictions_never_match_less_nor_worse(skewed):
    rng = np.random.default_rng(3)
    noisy = [
        Structure(skewed.lattice, skewed.species, skewed.frac_coords + 0.05 * rng.normal(size=(5, 3)))
        for _ in range(5)
    ]
    result = match_csp({"a": noisy}, {"a": skewed}, protocol="loose", k=range(1, 6))
    rates, errors = zip(*((result.match_rate(k), result.rmse(k)) for k in range(1, 6)), strict=True)
    assert list(rates) == sorted(rates)
    assert list(errors) == sorted(errors, reverse=True)


def turn(angle: float, axis: int) -> np.ndarray:
    """A rotation about a Cartesian axis."""
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix = np.eye(3)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix[[i, i, j, j], [i, j, i, j]] = cosine, -sine, sine, cosine
    return matrix
