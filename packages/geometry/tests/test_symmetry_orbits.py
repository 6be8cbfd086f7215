import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from epitaxy.geometry import FlatTorus, Segments, gram
from epitaxy.geometry.symmetry import (
    constrain_k,
    expand_orbits,
    expand_points,
    lattice_from_k,
    project_to_wyckoff,
    space_group,
    wyckoff_table,
)

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")

TABLE = wyckoff_table()
EVERY = torch.arange(1731)
DTYPES = [torch.float32, torch.float64]
TORUS = FlatTorus()
# Coordinates that are multiples of 1 / GRID stay so under every operator, and can be compared as integers.
# The prime keeps random ones off the special positions.
PRIME = 1009
GRID = 24 * PRIME


def cells(number: Tensor, rng: torch.Generator, spread: float = 0.2) -> Tensor:
    """Random cells of the form of each group, some 5 angstrom wide."""
    k = spread * torch.randn(*number.shape, 6, generator=rng, dtype=torch.float64)
    return lattice_from_k(constrain_k(k + torch.tensor([0, 0, 0, 0, 0, 1.6]), number))


def grid_points(rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """A random point of a random member of every position, in units of 1 / GRID, and the members."""
    points, members = [], []
    for number in range(1, 231):
        for site in space_group(number).positions:
            j = int(torch.randint(site.multiplicity, (), generator=rng))
            u = torch.randint(GRID, (3,), generator=rng)
            points.append((site.maps[j] @ u + site.offsets[j] * PRIME) % GRID)
            members.append(j)
    return torch.stack(points), torch.tensor(members)


def keys(points: Tensor) -> Tensor:
    """One integer a point."""
    return (points % GRID * torch.tensor([GRID**2, GRID, 1])).sum(-1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_orbits_of_every_position_are_whole_and_invariant(dtype: torch.dtype):
    rng = torch.Generator().manual_seed(0)
    points, member = grid_points(rng)
    orbits = expand_orbits(TABLE, EVERY, (points.double() / GRID).to(dtype), member)
    assert orbits.coordinates.dtype == dtype
    assert torch.equal(orbits.segments.counts, TABLE.multiplicity)
    images = (orbits.coordinates.double() * GRID).round().long()
    for position, own in enumerate(images.split(orbits.segments.counts.tolist())):
        group = space_group(int(TABLE.number[position]))
        known = keys(own).sort().values
        assert len(known.unique()) == TABLE.multiplicity[position]
        assert keys(own)[member[position]] == keys(points[position])
        moved = (own @ group.rotations.transpose(-1, -2)) + PRIME * group.translations[:, None]
        assert torch.equal(keys(moved).sort(-1).values, known.expand(group.order, -1)), position


def test_the_orbit_is_that_of_all_operators():
    rng = torch.Generator().manual_seed(1)
    points, member = grid_points(rng)
    x = points.double() / GRID
    metric = gram(cells(TABLE.number, rng))
    orbits = expand_orbits(TABLE, EVERY, x, member)
    every = expand_points(TABLE, TABLE.number, x, metric, tolerance=1e-6)
    assert torch.equal(every.segments.counts, TABLE.multiplicity)
    ours, theirs = (
        (o.segments.index * GRID**3 + keys((o.coordinates * GRID).round().long())).sort().values
        for o in (orbits, every)
    )
    assert torch.equal(ours, theirs)


@given(st.integers(0, 1730), st.integers(0, 2**31), st.sampled_from(DTYPES))
def test_any_point_projected_and_expanded_gives_a_whole_orbit(position: int, seed: int, dtype: torch.dtype):
    rng = torch.Generator().manual_seed(seed)
    here = torch.tensor([position])
    metric = gram(cells(TABLE.number[here], rng)).to(dtype)
    found = project_to_wyckoff(TABLE, here, torch.rand(1, 3, generator=rng, dtype=dtype), metric)
    orbit = expand_orbits(TABLE, here, found.coordinates, found.member)
    assert orbit.segments.counts.tolist() == [int(TABLE.multiplicity[position])]
    assert (orbit.coordinates >= 0).all()
    assert (orbit.coordinates < 1).all()
    # The point itself is among them, and each operator takes each image to one of them.
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    own = orbit.coordinates[found.member[0]]
    assert TORUS.log(own, found.coordinates[0]).abs().max() < tolerance
    group = space_group(int(TABLE.number[position]))
    rank = int(torch.randint(group.order, (), generator=rng))
    shift = group.translations[rank].to(dtype) / 24
    moved = orbit.coordinates @ group.rotations[rank].T.to(dtype) + shift
    apart = TORUS.log(moved[:, None], orbit.coordinates).abs().amax(-1)
    assert apart.amin(-1).max() < tolerance


def test_a_point_off_the_first_member_has_the_orbit_of_its_image_there():
    x = torch.tensor([[0.0, 0.3, 0.0]])
    position = torch.tensor([TABLE.index(225, "e")])
    assert space_group(225).position("e").maps[0].tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    # (0, x, 0) is not on the first member, (x, 0, 0): as such it would be the origin.
    metric = 25 * torch.eye(3)[None]
    found = project_to_wyckoff(TABLE, position, x, metric)
    orbit = expand_orbits(TABLE, position, found.coordinates, found.member)
    assert len(orbit.coordinates.unique(dim=0)) == 24
    direct = expand_orbits(TABLE, position, torch.tensor([[0.3, 0.0, 0.0]]))
    ours, theirs = (
        (o.coordinates * 100).round().long() % 100 @ torch.tensor([10000, 100, 1]) for o in (orbit, direct)
    )
    assert torch.equal(ours.sort().values, theirs.sort().values)


def test_images_of_a_crystals_atoms_follow_each_other():
    crystals = Segments.from_counts([2, 1])
    labels = [(225, "a"), (225, "b"), (62, "c")]
    position = torch.tensor([TABLE.index(*label) for label in labels])
    x = torch.tensor([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.1, 0.25, 0.2]])
    orbits = expand_orbits(TABLE, position, x)
    by_crystal = Segments.from_counts(crystals.sum(orbits.segments.counts))
    assert by_crystal.counts.tolist() == [8, 4]
    assert orbits.coordinates[by_crystal.index == 0].unique(dim=0).shape == (8, 3)
    salt = {tuple(row) for row in (2 * orbits.coordinates[:8]).round().int().tolist()}
    assert salt == {(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)}


def test_close_images_of_a_point_are_merged():
    # 0.001 off the mirror y = 1/4 of Pnma, 5 angstrom: two images 0.01 angstrom apart.
    number, metric = torch.tensor([62]), 25 * torch.eye(3)[None]
    x = torch.tensor([[0.1, 0.251, 0.2]])
    assert expand_points(TABLE, number, x, metric, tolerance=0.02).segments.counts.tolist() == [4]
    assert expand_points(TABLE, number, x, metric, tolerance=0.005).segments.counts.tolist() == [8]


def test_gradients_reach_the_atom():
    rng = torch.Generator().manual_seed(2)
    points, member = grid_points(rng)
    x = (points.double() / GRID).requires_grad_()
    images = expand_orbits(TABLE, EVERY, x, member).coordinates
    (gradient,) = torch.autograd.grad((images * torch.rand_like(images)).sum(), x)
    assert torch.equal(gradient.abs().amax(-1) > 0, TABLE.freedom > 0)


def test_no_atoms():
    orbits = expand_orbits(TABLE, EVERY[:0], torch.zeros(0, 3))
    assert orbits.coordinates.shape == (0, 3)
    assert orbits.segments.num_graphs == 0


def test_wrong_numbers_are_refused():
    with pytest.raises(ValueError, match="numbers 1 to 230, not 0"):
        expand_points(TABLE, torch.tensor([0]), torch.zeros(1, 3), torch.eye(3)[None], tolerance=0.1)


def test_spglib_finds_the_group_of_expanded_crystals():
    spglib = pytest.importorskip("spglib", reason="spglib is not installed")
    rng = torch.Generator().manual_seed(3)
    number = torch.arange(1, 231)
    lattice = cells(number, rng, spread=0.15) * 4
    general = TABLE.position_first[1:] - 1
    special = TABLE.position_first[:-1]
    orbits = []
    for position in (general, special):
        x = torch.rand(230, 3, generator=rng, dtype=torch.float64)
        found = project_to_wyckoff(TABLE, position, x, gram(lattice))
        images = expand_orbits(TABLE, position, found.coordinates, found.member)
        orbits.append(images.coordinates.split(images.segments.counts.tolist()))
    for group in range(230):
        a, b = orbits[0][group], orbits[1][group]
        crystal = (lattice[group].numpy(), torch.cat([a, b]).numpy(), [1] * len(a) + [2] * len(b))
        assert spglib.get_symmetry_dataset(crystal, symprec=1e-4).number == group + 1
