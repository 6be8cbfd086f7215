import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.eval.molecules import BOND_TABLES, EDM, Molecules, bond_orders, bond_table, measure_stability
from epitaxy.eval.molecules import bonds as bonds_module

C, H, N, O, F, S = 6, 1, 7, 8, 9, 16  # noqa: E741 - the elements' symbols


def tetrahedron(length: float) -> np.ndarray:
    return length / math.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])


METHANE = ([C, H, H, H, H], np.vstack([np.zeros(3), tetrahedron(1.09)]))
WATER = ([O, H, H], [[0, 0, 0], [0.958, 0, 0], [-0.24, 0.927, 0]])


def ring(length: float, turn: float = 0.0) -> np.ndarray:
    angles = np.arange(6) * np.pi / 3 + turn
    return length * np.stack([np.cos(angles), np.sin(angles), np.zeros(6)], axis=1)


def kekule_benzene() -> tuple[list[int], np.ndarray]:
    """A ring of alternating bonds of 1.36 and 1.44 angstrom: the rule knows no aromatic bond."""
    angles, start = [], 0.0
    radius = 1.40
    for n in range(6):
        angles.append(start)
        start += 2 * math.asin((1.36 if n % 2 == 0 else 1.44) / 2 / radius)
    carbons = radius * np.stack([np.cos(angles), np.sin(angles), np.zeros(6)], axis=1)
    return [C] * 6 + [H] * 6, np.vstack([carbons, carbons * (radius + 1.09) / radius])


def pair(a: int, b: int, distance: float) -> Molecules:
    return Molecules.from_pairs([([a, b], [[0, 0, 0], [distance, 0, 0]])])


@pytest.mark.parametrize(
    ("a", "b", "distance", "order"),
    [
        *((C, C, *x) for x in [(1.63, 1), (1.64, 0), (1.39, 1), (1.38, 2), (1.23, 2), (1.22, 3)]),
        *((C, H, *x) for x in [(1.18, 1), (1.19, 0)]),
        *((N, N, *x) for x in [(1.12, 3), (1.14, 2), (1.54, 1)]),
        *((O, O, *x) for x in [(1.25, 2), (1.26, 1), (1.57, 1)]),
        (C, S, 1.60, 2),
        (F, F, 1.50, 1),
        (H, H, 0.74, 1),
        (H, H, 0.0, 1),
    ],
)
def test_orders_at_their_bounds(a, b, distance, order):
    found = bond_orders(pair(a, b, distance))
    assert found.order.tolist() == ([order] if order else [])
    assert found.unknown == {}
    assert bond_orders(pair(b, a, distance)).order.tolist() == found.order.tolist()


def test_the_bounds_of_every_known_pair_are_ordered():
    bounds = EDM.bounds()
    for pairs in (EDM.double, EDM.triple):
        assert set(pairs) <= set(EDM.single)
    for a, b in EDM.single:
        single, double, triple = bounds[:, a, b].tolist()
        assert single > double
        assert double > triple or triple == -np.inf
        assert bounds[0, a, b] == bounds[0, b, a]
    assert len(EDM.single) == 64
    assert np.isnan(bounds[0, 0]).all()


def test_stable_molecules_by_hand():
    ammonia = ([N, H, H, H], [[0, 0, 0.1], [0.94, 0, -0.27], [-0.47, 0.814, -0.27], [-0.47, -0.814, -0.27]])
    result = measure_stability(Molecules.from_pairs([METHANE, WATER, ammonia, kekule_benzene()]))
    assert result.stable.tolist() == [True] * 4
    assert result.fragments.tolist() == [1] * 4
    assert result.stable_atoms.all()
    assert sorted(result.bonds.order.tolist()).count(2) == 3


def test_the_aromatic_ring_of_equal_bonds_is_unstable():
    carbons = np.vstack([ring(1.397), ring(1.397 + 1.09)])
    result = measure_stability(Molecules.from_pairs([([C] * 6 + [H] * 6, carbons)]))
    assert result.stable_atoms.tolist() == [False] * 6 + [True] * 6  # 1.397 is a single bond to EDM
    assert not result.stable[0]


def test_a_radical_and_a_loose_pair():
    methyl = ([C, H, H, H], METHANE[1][:4])
    apart = ([*WATER[0], *WATER[0]], np.vstack([WATER[1], np.array(WATER[1]) + np.array([0, 0, 9.0])]))
    result = measure_stability(Molecules.from_pairs([methyl, apart]))
    assert result.stable.tolist() == [False, True]
    assert result.stable_atoms[:4].tolist() == [False, True, True, True]
    assert result.fragments.tolist() == [1, 2]  # stable, and yet in two pieces


def test_unknown_pairs_are_counted_named_and_undecided():
    boron = ([5, C, H], [[0, 0, 0], [1.6, 0, 0], [20, 0, 0]])
    sodium = ([11, F], [[0, 0, 0], [9.0, 0, 0]])
    nothing = ([0, H], [[0, 0, 0], [1.0, 0, 0]])
    result = measure_stability(Molecules.from_pairs([boron, sodium, nothing]))
    unknown = {name: (found.pairs, found.near) for name, found in result.bonds.unknown.items()}
    assert unknown == {"B-C": (1, 1), "F-Na": (1, 0), "Z=0-H": (1, 1)}
    assert result.bonds.undecided.tolist() == [True, True, False, False, False, True, True]
    assert not result.stable.any()


def test_numbers_that_are_not_finite_make_no_bond():
    result = measure_stability(
        Molecules.from_pairs([([H, H], [[0, 0, 0], [np.nan, 0, 0]]), ([H, H], [[0, 0, 0], [1e300, 0, 0]])])
    )
    assert result.fragments.tolist() == [2, 2]
    assert not result.stable_atoms.any()


def test_sulfur_by_both_tables():
    hydrogen_sulfide = Molecules.from_pairs([([S, H, H], [[0, 0, 0], [1.34, 0, 0], [0, 1.34, 0]])])
    assert not measure_stability(hydrogen_sulfide).stable[0]
    assert measure_stability(hydrogen_sulfide, table="edm_sulfur").stable[0]
    assert bond_table(BOND_TABLES["edm"]) is EDM
    with pytest.raises(ValueError, match=r"'edn'.* edm, edm_sulfur"):
        bond_table("edn")


@st.composite
def molecule_sets(draw: st.DrawFn) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    sizes = draw(st.lists(st.integers(1, 12), min_size=1, max_size=5))
    elements = np.array([1, 1, 6, 6, 7, 8, 9, 16, 5, 0])
    return [(rng.choice(elements, size=n), rng.uniform(-1, 1, (n, 3)) * n ** (1 / 3)) for n in sizes]


@given(molecule_sets(), st.integers(0, 2**31))
def test_moving_turning_mirroring_and_permuting_change_nothing(molecules, seed):
    rng = np.random.default_rng(seed)
    moved, orders = [], []
    for numbers, positions in molecules:
        # LAPACK's Q of a 3 x 3 matrix is always a rotation: the sign makes it a mirror image.
        q = rng.choice([-1.0, 1.0]) * np.linalg.qr(rng.normal(size=(3, 3)))[0]
        order = rng.permutation(len(numbers))
        moved.append((numbers[order], (positions @ q + rng.normal(size=3))[order]))
        orders.append(order)
    before, after = (measure_stability(Molecules.from_pairs(m)) for m in (molecules, moved))
    assert before.stable.tolist() == after.stable.tolist()
    assert before.fragments.tolist() == after.fragments.tolist()
    assert before.bonds.unknown == after.bonds.unknown
    offsets = np.cumsum([0, *(len(order) for order in orders)])
    place = np.concatenate([start + order for start, order in zip(offsets[:-1], orders, strict=True)])
    assert before.stable_atoms[place].tolist() == after.stable_atoms.tolist()
    assert before.bonds.sums()[place].tolist() == after.bonds.sums().tolist()


@given(molecule_sets())
def test_a_set_is_judged_as_its_molecules_are(molecules):
    together = measure_stability(Molecules.from_pairs(molecules))
    alone = [measure_stability(Molecules.from_pairs([m])) for m in molecules]
    assert together.stable.tolist() == [bool(a.stable[0]) for a in alone]
    assert together.fragments.tolist() == [int(a.fragments[0]) for a in alone]
    assert together.stable_atoms.tolist() == [x for a in alone for x in a.stable_atoms.tolist()]
    assert together.bonds.order.tolist() == [x for a in alone for x in a.bonds.order.tolist()]


@given(molecule_sets())
def test_the_orders_are_those_of_a_plain_loop(molecules):
    found = bond_orders(Molecules.from_pairs(molecules))
    expected, start = [], 0
    for numbers, positions in molecules:
        for i in range(len(numbers)):
            for j in range(i + 1, len(numbers)):
                key = tuple(sorted((int(numbers[i]), int(numbers[j]))))
                length = 100 * math.dist(positions[i], positions[j])
                order = 0
                for lengths, margin in ((EDM.single, 10), (EDM.double, 5), (EDM.triple, 3)):
                    if not length < lengths.get(key, -math.inf) + margin:
                        break
                    order += 1
                if order:
                    expected.append([start + i, start + j, order])
        start += len(numbers)
    assert found.rows().tolist() == expected


@pytest.mark.parametrize("most", [1, 7, 100])
def test_the_size_of_a_portion_changes_nothing(monkeypatch, most):
    molecules = Molecules.from_pairs([METHANE, ([H], [[0, 0, 0]]), WATER, ([5, C], [[0, 0, 0], [1.6, 0, 0]])])
    whole = bond_orders(molecules)
    monkeypatch.setattr(bonds_module, "PAIRS_AT_ONCE", most)
    portions = bond_orders(molecules)
    assert portions.rows().tolist() == whole.rows().tolist()
    assert portions.unknown == whole.unknown


def test_what_is_no_set_of_molecules():
    with pytest.raises((ValueError, TypeError), match=r"sum to 2 atoms|Type-check"):
        Molecules(counts=np.array([2]), numbers=np.array([1]), positions=np.zeros((2, 3)), ids=("a",))
    with pytest.raises(ValueError, match="2 ids for 1"):
        Molecules(counts=np.array([1]), numbers=np.array([1]), positions=np.zeros((1, 3)), ids=("a", "b"))
    with pytest.raises(ValueError, match="no atom"):
        Molecules.from_pairs([([], np.zeros((0, 3)))])


def test_an_empty_set():
    result = measure_stability(Molecules.from_pairs([]))
    assert len(result.stable) == len(result.bonds.order) == 0


def test_a_batch_of_the_same_form_is_read():
    batch = SimpleNamespace(
        segments=SimpleNamespace(counts=np.array([5], dtype=np.int32)),
        positions=np.asarray(METHANE[1], dtype=np.float32),
        numbers=np.array(METHANE[0], dtype=np.int16),
        ids=("methane",),
    )
    assert measure_stability(batch).stable.tolist() == [True]


def test_a_batch_of_the_geometry_package_is_read():
    geometry = pytest.importorskip("epitaxy.geometry")
    import torch

    batch = geometry.MoleculeBatch(
        segments=geometry.Segments.from_counts([5]),
        positions=torch.tensor(METHANE[1], requires_grad=True),
        numbers=torch.tensor(METHANE[0]),
        ids=("methane",),
    )
    assert Molecules.of(batch).ids == ("methane",)
    assert measure_stability(batch).stable.tolist() == [True]
