import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import epitaxy.eval.dng.coverage as module
from epitaxy.eval.dng import measure_coverage
from epitaxy.eval.fingerprints import Cutoffs, Fingerprints, fingerprint

NARROW = Cutoffs(structure=0.4, composition=10.0)


def prints(points, failed=(), prefix=""):
    """One number of structure and one of composition for each crystal, the other entries zero."""
    ids = tuple(f"{prefix}{n}" for n in range(len(points)))
    structure, composition = np.zeros((len(points), 61)), np.zeros((len(points), 132))
    for row, (along, across) in enumerate(points):
        structure[row, 0], composition[row, 0] = along, across
    for row in failed:
        structure[row] = composition[row] = np.nan
    return Fingerprints(
        ids=ids,
        structure=structure,
        composition=composition,
        failures={ids[row]: "no neighbours" for row in failed},
    )


def test_by_hand():
    samples = prints([(0, 0), (0.4, 10), (5, 0), (0, 0)], failed=[3])
    reference = prints([(0, 0), (5, 100)])
    found = measure_coverage(samples, reference, NARROW)
    # sample 0 is reference 0; sample 1 is at the cut-offs of it; sample 2 has the structure of reference 1
    # and the composition of reference 0; sample 3 has no fingerprint
    np.testing.assert_array_equal(found.precise, [True, True, True, False])
    np.testing.assert_array_equal(found.precise_jointly, [True, True, False, False])
    # reference 1 has a sample of its structure, none of its composition
    np.testing.assert_array_equal(found.recalled, [True, False])
    np.testing.assert_array_equal(found.recalled_jointly, [True, False])
    assert found.sample_failures == {"3": "no neighbours"}


def test_two_samples_may_share_the_cover_of_a_reference_only_as_published():
    found = measure_coverage(prints([(0, 50), (9, 0)]), prints([(0, 0)]), NARROW)
    assert found.recalled.tolist() == [True]
    assert found.recalled_jointly.tolist() == [False]


def test_a_reference_without_a_fingerprint_is_left_out_and_named():
    found = measure_coverage(prints([(0, 0)]), prints([(0, 0), (1, 1)], failed=[1], prefix="r"), NARROW)
    assert found.reference == ("r0",)
    assert found.recalled.tolist() == [True]
    assert list(found.reference_failures) == ["r1"]


POINTS = st.lists(st.tuples(st.floats(0, 2), st.floats(0, 50)), max_size=8)


@given(POINTS, POINTS, st.integers(1, 9))
def test_blocks_give_what_loops_give(mine, theirs, block):
    samples, reference = prints(mine), prints(theirs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        found = measure_coverage(samples, reference, NARROW)
    near = np.array([[abs(a - c) <= 0.4 for c, _ in theirs] for a, _ in mine], dtype=bool)
    akin = np.array([[abs(b - d) <= 10 for _, d in theirs] for _, b in mine], dtype=bool)
    near, akin = near.reshape(len(mine), len(theirs)), akin.reshape(len(mine), len(theirs))
    np.testing.assert_array_equal(found.precise, near.any(1) & akin.any(1))
    np.testing.assert_array_equal(found.recalled, near.any(0) & akin.any(0))
    np.testing.assert_array_equal(found.precise_jointly, (near & akin).any(1))
    np.testing.assert_array_equal(found.recalled_jointly, (near & akin).any(0))


def test_a_set_covers_itself_even_at_distance_0(crystals):
    mine = fingerprint(crystals)
    found = measure_coverage(mine, mine, Cutoffs(structure=0.0, composition=0.0))
    assert found.recalled_jointly.all()
    assert found.precise_jointly.all()
    assert found.recalled.all()
    assert found.precise.all()


def test_other_crystals_cover_little(perovskite, skewed):
    tight = Cutoffs(structure=0.2, composition=4.0)
    found = measure_coverage(fingerprint([perovskite]), fingerprint([skewed]), tight)
    assert not found.recalled.any()
    assert not found.precise.any()
