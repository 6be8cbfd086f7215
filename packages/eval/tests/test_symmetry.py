import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from epitaxy.eval.symmetry import (
    detected_group,
    has_symmetry,
    match_symmetry,
    standard_operations,
)

GROUPS = st.integers(1, 230)
POINT = st.tuples(*[st.floats(0.03, 0.97)] * 3)


def cell(number: int) -> Lattice:
    """A cell of the group's crystal system, as general as it may be."""
    if number <= 2:
        return Lattice.from_parameters(7.1, 8.3, 9.7, 81, 97, 104)
    if number <= 15:
        return Lattice.from_parameters(7.1, 8.3, 9.7, 90, 103, 90)
    if number <= 74:
        return Lattice.orthorhombic(7.1, 8.3, 9.7)
    if number <= 142:
        return Lattice.tetragonal(7.1, 9.7)
    return Lattice.hexagonal(7.1, 9.7) if number <= 194 else Lattice.cubic(7.1)


def crystal(number: int, *points: tuple[float, float, float]) -> Structure:
    """All images of the points, each point another element; images that coincide are one atom."""
    rotations, translations = standard_operations(number)
    species, positions = [], []
    for element, point in zip(("K", "Mn", "F"), points, strict=False):
        images = (rotations @ np.array(point) + translations) % 1.0
        kept: list[np.ndarray] = []
        for image in images:
            away = [np.abs((image - other + 0.5) % 1.0 - 0.5).max() for other in kept]
            if min(away, default=1.0) > 1e-6:
                kept.append(image)
        species += [element] * len(kept)
        positions += kept
    return Structure(cell(number), species, positions)


GENERAL = ((0.137, 0.219, 0.083), (0.391, 0.052, 0.277))


@pytest.mark.parametrize("number", range(1, 231))
def test_the_images_of_general_points_have_exactly_their_group(number):
    found = match_symmetry(crystal(number, *GENERAL), number)
    assert found.contained
    assert found.exact
    assert found.detected == detected_group(crystal(number, *GENERAL)) == number


@settings(max_examples=100)
@given(GROUPS, POINT, POINT)
def test_the_images_of_any_points_have_their_group(number, first, second):
    built = crystal(number, first, second)
    if detected_group(built) is not None:  # atoms closer than symprec are no crystal to spglib
        assert has_symmetry(built, number)


def test_every_setting_is_the_one_of_the_table_of_space_groups():
    symmetry = pytest.importorskip("epitaxy.geometry.symmetry")
    for number in range(1, 231):
        group = symmetry.space_group(number)
        rotations, translations = standard_operations(number)
        mine = {(*r.ravel().tolist(), *np.round(24 * t).astype(int).tolist())
                for r, t in zip(rotations, translations, strict=True)}  # fmt: skip
        theirs = {(*r.flatten().tolist(), *t.tolist())
                  for r, t in zip(group.rotations, group.translations, strict=True)}  # fmt: skip
        assert mine == theirs


def test_by_hand(perovskite, rutile, skewed):
    # Pm-3m holds P4/mmm (its fourth-order axis along c), Pmmm, P-1 and P1, and no F centring
    for number in (221, 123, 47, 2, 1):
        assert has_symmetry(perovskite, number)
        assert match_symmetry(perovskite, number).exact == (number == 221)
    for number in (225, 194, 139, 227):
        assert not has_symmetry(perovskite, number)
    assert match_symmetry(rutile, 136).exact
    assert not has_symmetry(rutile, 221)
    assert has_symmetry(skewed, 1)
    assert not has_symmetry(skewed, 2)
    assert detected_group(skewed) == 1


def test_more_symmetry_than_asked_for_is_no_fault(perovskite):
    found = match_symmetry(perovskite, 99)  # P4mm
    assert (found.asked, found.detected, found.contained, found.exact) == (99, 221, True, False)


def test_the_cell_and_origin_are_those_given(perovskite):
    primitive = crystal(225, (0.0, 0.0, 0.0), (0.5, 0.5, 0.5)).get_primitive_structure()
    assert detected_group(primitive) == 225
    assert not has_symmetry(
        primitive, 225
    )  # the F centrings are no translations of the primitive cell's axes
    moved = perovskite.copy().translate_sites(range(5), [0.1, 0.2, 0.3])
    assert detected_group(moved) == 221
    assert not has_symmetry(moved, 221)
    # along the axis of a polar group the origin is free
    up = crystal(99, *GENERAL)
    assert has_symmetry(up.translate_sites(range(len(up)), [0, 0, 0.21]), 99)


def test_order_and_oxidation_states_play_no_part(rutile):
    other = Structure.from_sites([rutile[n] for n in (5, 2, 0, 4, 1, 3)])
    assert match_symmetry(other, 136) == match_symmetry(rutile, 136)
    charged = rutile.copy().add_oxidation_state_by_element({"Ti": 4, "O": -2})
    assert match_symmetry(charged, 136) == match_symmetry(rutile, 136)


def test_symprec_is_how_far_an_atom_may_be(rutile):
    off = rutile.copy().translate_sites([0], [0.02 / 4.594, 0, 0])
    assert not has_symmetry(off, 136)
    assert has_symmetry(off, 136, symprec=0.1)


def test_what_spglib_cannot_judge_has_no_symmetry():
    overlapping = Structure(Lattice.cubic(4), ["Cs", "Cs"], [[0, 0, 0], [0, 0, 0.001]])
    found = match_symmetry(overlapping, 1)
    assert (found.detected, found.contained, found.exact) == (None, False, False)


@pytest.mark.parametrize("number", [0, 231, -1])
def test_no_such_group(number, perovskite):
    with pytest.raises(ValueError, match=f"1 to 230, not {number}"):
        has_symmetry(perovskite, number)


def test_no_such_tolerance(perovskite):
    with pytest.raises(ValueError, match="positive number of angstrom"):
        detected_group(perovskite, symprec=0.0)
