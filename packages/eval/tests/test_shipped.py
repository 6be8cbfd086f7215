"""What comes with the package of known crystals is what would be computed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from epitaxy.eval.dng import describe, evaluate_dng
from epitaxy.eval.fingerprints import compute, fingerprint, structure_fingerprint
from epitaxy.eval.resumable import resume_map, structure_key
from epitaxy.eval.shipped import DECIMALS, _places, _results, shipped

ROCKSALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
TASKS = {
    compute.TASK: compute.VERSION,
    describe.TASK: describe.VERSION,
    describe.GROUP_TASK: describe.VERSION,
}


def reference_key(crystal: Structure) -> str:
    return structure_key(crystal, decimals=DECIMALS)


def test_what_is_known_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    other = ROCKSALT.copy()
    other.translate_sites([0], [1e-9, 0, 0])
    monkeypatch.setattr(compute, "shipped", lambda *_: {structure_key(ROCKSALT): [0.5] * 61})
    found = fingerprint({"known": ROCKSALT, "none": None, "moved": other})
    assert found.ids == ("known", "none", "moved")
    assert (found.structure[0] == 0.5).all()
    assert list(found.failures) == ["none"]
    assert np.allclose(found.structure[2], structure_fingerprint(other))
    assert np.allclose(found.composition[0], found.composition[2])  # of the composition, shipped or not


def test_a_map_computes_only_what_is_not_known() -> None:
    asked = []
    outcomes = resume_map(
        lambda n: asked.append(n) or n, [1, 2, 3], keys=["a", "b", "c"], name="n", known={"b": 20, "z": 0}
    )
    assert [outcome.value for outcome in outcomes] == [1, 20, 3]
    assert asked == [1, 3]


@given(seed=st.integers(0, 2**31), moved=st.sampled_from([1e-15, -1e-15, 1e-6]))
def test_processors_that_round_otherwise_know_the_same_crystals(seed: int, moved: float) -> None:
    """A sixteenth decimal of cell or place, which sines and matrix products decide, makes no other key."""
    rng = np.random.default_rng(seed)
    numbers = rng.uniform(3, 9, (3, 3)).round(4), rng.uniform(0, 1, (2, 3)).round(5)
    cell, places = (part * (1 + moved * rng.uniform(0.5, 1, part.shape)) for part in numbers)
    one = reference_key(Structure(Lattice(numbers[0]), ["Na", "Cl"], numbers[1]))
    other = reference_key(Structure(Lattice(cell), ["Na", "Cl"], places))
    assert (one == other) == (abs(moved) < 1e-9)
    assert one != reference_key(Structure(Lattice(numbers[0]), ["Cl", "Na"], numbers[1]))


def test_zero_has_no_sign() -> None:
    less = ROCKSALT.copy()
    less.translate_sites(list(range(len(less))), [-1e-12, 0, 0], to_unit_cell=False)
    assert reference_key(less) == reference_key(ROCKSALT)


def test_the_file_has_every_task_of_every_crystal() -> None:
    keys = list(_places())
    assert len(keys) > 14_000
    assert all(len(key) == 32 for key in keys)
    found = {task: _results(task, version) for task, version in TASKS.items()}
    assert {len(results) for results in found.values()} == {len(keys)}
    assert np.isfinite(np.array(found[compute.TASK])).all()
    assert all(1 <= group <= 230 for group in found[describe.GROUP_TASK])


def test_nothing_is_known_of_other_crystals_tasks_and_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    of = {"mine": ROCKSALT, "none": None}
    assert shipped(describe.TASK, describe.VERSION, of) == {}
    monkeypatch.setattr("epitaxy.eval.shipped._places", lambda: {reference_key(ROCKSALT): 0})
    assert list(shipped(describe.TASK, describe.VERSION, of)) == ["mine"]
    assert shipped(describe.TASK, describe.VERSION + 1, of) == {}
    assert shipped("another", 1, of) == {}


@pytest.mark.real_data
@pytest.mark.parametrize("dataset", ["perov_5", "mp_20", "carbon_24"])
def test_what_is_shipped_is_what_would_be_computed(dataset: str) -> None:
    apps = pytest.importorskip("epitaxy.apps.evaluation.crystals")
    crystals = list(apps.known_crystals(dataset, "test", None).values())
    known = {
        task: shipped(task, version, {structure_key(crystal): crystal for crystal in crystals})
        for task, version in TASKS.items()
    }
    assert len(known[describe.TASK]) > 0.99 * len(crystals)
    group = describe._SpaceGroup(describe.SYMPREC)
    for crystal in crystals[:: len(crystals) // 12]:
        key = structure_key(crystal)
        assert known[describe.GROUP_TASK][key] == group(crystal)
        mine = describe._describe(crystal)
        assert known[describe.TASK][key] == {**mine, "density": pytest.approx(mine["density"], rel=1e-9)}
    key = structure_key(crystals[7])
    assert np.allclose(known[compute.TASK][key], structure_fingerprint(crystals[7]), atol=1e-6)


@pytest.mark.real_data
def test_an_evaluation_computes_nothing_of_a_known_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    apps = pytest.importorskip("epitaxy.apps.evaluation.crystals")
    reference = dict(list(apps.known_crystals("perov_5", "test", None).items())[:50])
    computed = []
    for module, name in ((describe, "_describe"), (compute, "_entries")):
        work = getattr(module, name)
        monkeypatch.setattr(module, name, lambda c, work=work: computed.append(structure_key(c)) or work(c))
    evaluate_dng([ROCKSALT], reference, draws=2)
    assert set(computed) == {structure_key(ROCKSALT)}
