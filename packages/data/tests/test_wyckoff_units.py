"""From crystals to asymmetric units and back."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from epitaxy.data import DataError, to_structures
from epitaxy.data.wyckoff import WyckoffDataset
from epitaxy.data.wyckoff._units import representatives
from epitaxy.geometry import Segments, WyckoffBatch, gram, lattice_parameters
from epitaxy.geometry.symmetry import (
    constrain_k,
    lattice_from_k,
    lattice_to_k,
    project_to_wyckoff,
    wyckoff_table,
)

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")

TABLE = wyckoff_table()
LEAST_DISTANCE = 0.8


@st.composite
def random_crystals(draw: st.DrawFn) -> tuple[int, Structure]:
    """One to three orbits, of elements of their own, on random sites of a random group, atoms well apart."""
    number = draw(st.integers(1, 230))
    rng = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    orbits = draw(st.integers(1, 3))
    k = 0.2 * torch.randn(1, 6, generator=rng, dtype=torch.float64)
    group = torch.tensor([number])
    lattice = lattice_from_k(constrain_k(k + torch.tensor([0, 0, 0, 0, 0, 2.1]), group))
    first, end = TABLE.position_first[number - 1 : number + 1].tolist()
    # The first half of the positions, lest most cells be crowded.
    sites = first + torch.randint((end - first + 1) // 2, (orbits,), generator=rng)
    points = torch.rand(orbits, 3, generator=rng, dtype=torch.float64)
    placed = project_to_wyckoff(TABLE, sites, points, gram(lattice).expand(orbits, 3, 3))
    batch = WyckoffBatch(
        segments=Segments.from_counts([orbits]),
        space_groups=group,
        sites=sites,
        positions=placed.coordinates,
        lattice=lattice,
        numbers=torch.tensor([8, 22, 56])[:orbits],
        ids=("random",),
    )
    structure = to_structures(batch.expand())[0]
    assume(len(structure) <= 96)
    distances = structure.distance_matrix + 9.0 * np.eye(len(structure))
    assume(distances.min() > LEAST_DISTANCE)
    assume(structure.volume < 900 * len(structure))  # emptier ones are refused
    return number, structure


def occupation(dataset: WyckoffDataset) -> list[tuple[int, int]]:
    """Element and multiplicity of each orbit; the letters depend on the choice of the origin."""
    multiplicity = TABLE.multiplicity[dataset.sites].tolist()
    return sorted(zip(dataset.numbers.tolist(), multiplicity, strict=True))


def only(dataset: WyckoffDataset) -> Structure:
    return to_structures(dataset.batch([0], dtype=torch.float64).expand())[0]


@settings(max_examples=30)
@given(random_crystals())
def test_a_crystal_of_any_group_comes_back(crystal):
    _, structure = crystal
    units = WyckoffDataset.from_structures([structure], symprec=0.01)
    back = only(units)
    assert StructureMatcher(primitive_cell=True, scale=False).fit(structure, back)
    assert back.density == pytest.approx(structure.density, rel=1e-3)
    assert bool((TABLE.number[units.sites] == units.space_groups).all())
    # The lattice has the form of its group exactly, and each point lies on its site.
    k = lattice_to_k(units.lattice)
    torch.testing.assert_close(k, constrain_k(k, units.space_groups), atol=1e-12, rtol=0)
    metric = gram(units.lattice).expand(len(units.sites), 3, 3)
    assert float(project_to_wyckoff(TABLE, units.sites, units.positions, metric).distance.max()) < 1e-9


@settings(max_examples=15)
@given(random_crystals(), st.integers(0, 2**31))
def test_neither_the_cell_nor_the_order_of_atoms_matters(crystal, seed):
    _, structure = crystal
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(structure))
    change = np.array([[1, 1, 0], [0, 1, 0], [0, 1, 1]])
    moved = Structure(
        change @ structure.lattice.matrix,
        [structure[int(i)].specie for i in order],
        structure.cart_coords[order] + rng.integers(-2, 3, (len(order), 3)) @ structure.lattice.matrix,
        coords_are_cartesian=True,
    )
    first, second = (WyckoffDataset.from_structures([s], symprec=0.01) for s in (structure, moved))
    assert torch.equal(first.space_groups, second.space_groups)
    assert torch.equal(first.counts, second.counts)
    assert occupation(first) == occupation(second)
    assert StructureMatcher(scale=False).fit(only(first), only(second))


@given(st.integers(0, 2**31), st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_the_representative_is_nearest_to_the_middle_whatever_the_order(seed, sizes):
    rng = torch.Generator().manual_seed(seed)
    segments = Segments.from_counts(sizes)
    # A coarse grid makes ties common.
    points = torch.randint(0, 4, (segments.num_atoms, 3), generator=rng).double() / 4
    chosen = points[representatives(segments, points)]
    shuffled = torch.rand(len(points), generator=rng, dtype=torch.float64) * 0.9 + segments.index
    again = points[shuffled.argsort()]
    assert torch.equal(chosen, again[representatives(segments, again)])
    for graph, point in enumerate(chosen):
        orbit = points[segments.index == graph]
        key = [(float((x - 0.5).square().sum()), *x.tolist()) for x in (*orbit, point)]
        assert min(key) == key[-1]


def test_rock_salt(rocksalt):
    units = WyckoffDataset.from_structures([rocksalt])
    assert units.space_groups.tolist() == [225]
    assert [TABLE.label(site) for site in units.sites.tolist()] == ["4a", "4b"]
    assert units.numbers.sort().values.tolist() == [11, 17]
    torch.testing.assert_close(units.lattice, 5.64 * torch.eye(3, dtype=torch.float64)[None])
    assert units.positions.tolist() == [[0.0, 0.5, 0.5], [0.5, 0.5, 0.5]]


def test_diamond_is_in_the_origin_choice_of_the_table():
    diamond = Structure.from_spacegroup("Fd-3m", Lattice.cubic(3.57), ["C"], [[0, 0, 0]])
    units = WyckoffDataset.from_structures([diamond])
    assert units.space_groups.tolist() == [227]
    assert TABLE.label(int(units.sites[0])) in {"8a", "8b"}
    eighths = units.positions * 8
    torch.testing.assert_close(eighths, eighths.round(), atol=1e-9, rtol=0)
    assert bool((eighths.round() % 2 == 1).all())


@pytest.mark.parametrize(("group", "other"), [(152, 154), (154, 152)])
def test_a_chiral_crystal_keeps_its_hand(group, other):
    turn = {152: 1, 154: -1}[group]
    quartz = Structure.from_spacegroup(
        group,
        Lattice.hexagonal(4.916, 5.405),
        ["Si", "O"],
        [[0.4697, 0, turn / 3], [0.4135, 0.2669, turn * (0.1191 + 1 / 3)]],
    )
    assert WyckoffDataset.from_structures([quartz]).space_groups.tolist() == [group]
    mirrored = Structure(quartz.lattice, quartz.species, -quartz.frac_coords)
    assert WyckoffDataset.from_structures([mirrored]).space_groups.tolist() == [other]


def test_a_rhombohedral_crystal_is_in_hexagonal_axes():
    corundum = Structure.from_spacegroup(
        "R-3c", Lattice.hexagonal(4.759, 12.991), ["Al", "O"], [[0, 0, 0.3522], [0.3063, 0, 0.25]]
    )
    units = WyckoffDataset.from_structures([corundum.get_primitive_structure()])
    assert units.space_groups.tolist() == [167]
    lengths, angles = lattice_parameters(units.lattice)
    assert lengths[0].tolist() == pytest.approx([4.759, 4.759, 12.991])
    assert angles[0].rad2deg().tolist() == pytest.approx([90, 90, 120])
    assert [TABLE.label(site) for site in units.sites.tolist()] == ["12c", "18e"]


def test_a_monoclinic_crystal_has_unique_axis_b():
    structure = Structure(
        Lattice.from_parameters(5.0, 6.0, 7.0, 90, 90, 105),
        ["O", "O", "Ti"],
        [[0.2, 0.3, 0.0], [-0.2, -0.3, 0.0], [0.0, 0.0, 0.5]],
    )
    units = WyckoffDataset.from_structures([structure])
    assert units.space_groups.tolist() == [10]
    k = lattice_to_k(units.lattice)[0]
    assert k[0].abs() < 1e-12
    assert k[2].abs() < 1e-12
    assert k[1].abs() > 0.01


def test_symmetry_within_symprec_is_made_exact(rocksalt):
    bent = rocksalt.copy()
    bent.translate_sites([0], [0.02, 0.0, 0.0], frac_coords=False)
    loose, strict = (WyckoffDataset.from_structures([bent], symprec=p) for p in (0.1, 1e-3))
    assert loose.space_groups.tolist() == [225]
    assert strict.space_groups.tolist() != [225]
    torch.testing.assert_close(loose.positions * 2, (loose.positions * 2).round(), atol=1e-12, rtol=0)


def test_a_conventional_cell_that_is_too_large_is_refused(rocksalt):
    with pytest.raises(DataError, match=r"structure 000000 .* 8 atoms, more than the limit of 7; raise"):
        WyckoffDataset.from_structures([rocksalt], max_atoms=7)
    assert len(WyckoffDataset.from_structures([rocksalt], max_atoms=8)) == 1


@pytest.mark.parametrize("symprec", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_tolerance(rocksalt, symprec):
    with pytest.raises(DataError, match="no distance in angstrom"):
        WyckoffDataset.from_structures([rocksalt], symprec=symprec)
