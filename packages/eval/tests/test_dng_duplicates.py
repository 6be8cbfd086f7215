import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.lattice import Lattice
from pymatgen.core.periodic_table import DummySpecies
from pymatgen.core.structure import Structure
from scipy.spatial.transform import Rotation

from epitaxy.eval.dng import find_duplicates
from epitaxy.eval.dng.describe import space_groups


def copy_of(structure: Structure, rng: np.random.Generator) -> Structure:
    """The same crystal: another cell, orientation, origin and order of atoms."""
    copied = structure * rng.permutation([2, 1, 1]).tolist()
    turned = copied.lattice.matrix @ Rotation.random(random_state=int(rng.integers(2**31))).as_matrix()
    order = rng.permutation(len(copied))
    positions = copied.frac_coords[order] + rng.uniform(-2, 2, 3)
    return Structure(Lattice(turned), [copied.species[n] for n in order], positions)


def other_sr_ti_o3() -> Structure:
    """The composition of the perovskite, another arrangement."""
    positions = [[0, 0, 0], [0.5, 0.5, 0.2], [0.3, 0, 0.5], [0.5, 0.1, 0.6], [0.1, 0.6, 0.8]]
    return Structure(Lattice.orthorhombic(3, 4.4, 5.1), ["Sr", "Ti", "O", "O", "O"], positions)


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["perovskite", "rutile", "skewed"]))
def test_copies_are_duplicates(crystals, seed, name):
    copy = copy_of(crystals[name], np.random.default_rng(seed))
    found = find_duplicates({"copy": copy, **crystals}, [crystals[name]])
    assert found.representative["copy"] == found.representative[name] == "copy"
    assert len(found.classes()) == 3
    assert found.known == {"copy": "0", name: "0"}
    assert not found.failures


def test_by_hand(perovskite, rutile, skewed):
    samples = {
        "a": perovskite,
        "b": other_sr_ti_o3(),
        "c": perovskite * (1, 1, 2),
        "d": rutile,
        "e": None,
        "f": rutile.copy().add_oxidation_state_by_element({"Ti": 4, "O": -2}),
        "g": perovskite,
    }
    found = find_duplicates(samples, {"known": rutile, "elsewhere": skewed})
    assert found.classes() == {"a": ("a", "c", "g"), "b": ("b",), "d": ("d", "f")}
    assert found.known == {"d": "known", "f": "known"}
    assert found.novel_classes() == ("a", "b")
    assert found.failures == {"e": "it could not be read"}
    assert find_duplicates(samples).classes() == found.classes()


def test_order_changes_names_only(crystals, perovskite):
    rng = np.random.default_rng(0)
    samples = {**crystals, "other": other_sr_ti_o3()}
    samples |= {f"{name} again": copy_of(s, rng) for name, s in crystals.items()}
    first = {frozenset(names) for names in find_duplicates(samples).classes().values()}
    for _ in range(3):
        names = rng.permutation(list(samples)).tolist()
        found = find_duplicates({name: samples[name] for name in names})
        assert {frozenset(names) for names in found.classes().values()} == first
        assert all(found.representative[members[0]] == members[0] for members in found.classes().values())


class Chain(StructureMatcher):
    """Like are cells whose edges differ by at most 0.15: not transitive."""

    def fit(self, struct1, struct2, **_):
        return abs(struct1.lattice.a - struct2.lattice.a) <= 0.15


class OneWay(StructureMatcher):
    """Fits a smaller cell onto a larger one only."""

    def fit(self, struct1, struct2, **_):
        return struct1.lattice.a <= struct2.lattice.a


def cubes(*edges):
    return {f"{edge}": Structure(Lattice.cubic(edge), ["Po"], [[0, 0, 0]]) for edge in edges}


@pytest.mark.parametrize("edges", [(3.0, 3.1, 3.2, 4.0), (3.1, 3.0, 4.0, 3.2), (3.2, 4.0, 3.0, 3.1)])
def test_a_chain_is_one_class_in_any_order(edges):
    # greedy counting would find 2 or 3 classes, by which comes first
    classes = find_duplicates(cubes(*edges), matcher=Chain()).classes()
    assert {frozenset(names) for names in classes.values()} == {
        frozenset(["3.0", "3.1", "3.2"]),
        frozenset(["4.0"]),
    }


def test_a_fit_in_one_direction_only_is_none():
    found = find_duplicates(cubes(3.0, 3.1), list(cubes(3.1, 2.9).values()), matcher=OneWay())
    assert len(found.classes()) == 2
    assert found.known == {"3.1": "0"}


def test_a_class_with_a_known_member_is_not_novel():
    found = find_duplicates(cubes(3.0, 3.1), list(cubes(3.2).values()), matcher=Chain())
    assert found.known == {"3.1": "0"}
    assert len(found.classes()) == 1
    assert found.novel_classes() == ()


def test_the_matcher_is_a_parameter(perovskite):
    strained = perovskite.copy()
    strained.translate_sites([2], [0.08, 0, 0], frac_coords=True)
    samples = {"a": perovskite, "b": strained}
    assert len(find_duplicates(samples).classes()) == 1
    strict = StructureMatcher(ltol=0.01, stol=0.01, angle_tol=0.5)
    assert len(find_duplicates(samples, matcher=strict).classes()) == 2
    with pytest.raises(ValueError, match="subsets"):
        find_duplicates(samples, matcher=StructureMatcher(allow_subset=True))


def test_novelty_needs_training_crystals(perovskite):
    found = find_duplicates({"a": perovskite})
    assert found.known is None
    with pytest.raises(ValueError, match="`train`"):
        found.novel_classes()


def test_failures_cost_only_themselves(perovskite, rutile):
    disordered = perovskite.copy()
    disordered[0] = {"Sr": 0.5, "Ba": 0.5}
    broken = Structure(perovskite.lattice, perovskite.species, np.full((5, 3), np.nan))
    strange = Structure(perovskite.lattice, [DummySpecies("X"), "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    samples = {"a": perovskite, "b": disordered, "c": broken, "d": perovskite, "e": rutile, "f": strange}
    found = find_duplicates(samples, [perovskite])
    assert list(found.failures) == ["b", "c", "f"]
    assert "partial occupancy" in found.failures["b"]
    assert found.failures["f"] == "a site holds what is no element"
    assert found.classes() == {"a": ("a", "d"), "e": ("e",)}
    assert found.known == {"a": "0", "d": "0"}


def test_a_cell_too_large_is_named(perovskite, rutile, monkeypatch):
    monkeypatch.setattr("epitaxy.eval.dng.large.LARGEST_CELL", 9)
    samples = {"a": perovskite, "b": perovskite * (2, 1, 1), "c": rutile * (2, 2, 1)}
    found = find_duplicates(samples)
    assert found.failures == {"b": "10 atoms in a cell are more than the 9 looked at"}
    assert found.classes() == {"a": ("a",), "c": ("c",)}  # c has no other of its composition
    numbers, failures = space_groups(samples)
    assert numbers == {"a": 221}
    assert list(failures) == ["b", "c"]


def test_workers_and_cache_change_nothing(crystals, tmp_path):
    rng = np.random.default_rng(1)
    samples = {**crystals, **{f"{name} again": copy_of(s, rng) for name, s in crystals.items()}}
    alone = find_duplicates(samples, list(crystals.values()), cache=tmp_path)
    seen = []
    again = find_duplicates(
        samples, list(crystals.values()), cache=tmp_path, progress=lambda *step: seen.append(step)
    )
    assert alone == again == find_duplicates(samples, list(crystals.values()), workers=1)
    assert seen == [(6, 6)]
