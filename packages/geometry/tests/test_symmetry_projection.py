import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from epitaxy.geometry import FlatTorus, gram, lattice_matrix
from epitaxy.geometry.symmetry import (
    constrain_k,
    lattice_from_k,
    project_to_wyckoff,
    space_group,
    symmetrize_metric,
    wyckoff_table,
)
from epitaxy.geometry.symmetry.closest import closest_vector, obtuse_basis
from epitaxy.geometry.testing import Tolerance, lattices

TABLE = wyckoff_table()
EVERY = torch.arange(1731)
DTYPES = [torch.float32, torch.float64]
TORUS = FlatTorus()


def cells(number: Tensor, rng: torch.Generator, spread: float = 0.3) -> Tensor:
    """Random cells of the form of each group, some 5 angstrom wide."""
    k = spread * torch.randn(*number.shape, 6, generator=rng, dtype=torch.float64)
    return lattice_from_k(constrain_k(k + torch.tensor([0, 0, 0, 0, 0, 1.6]), number))


def brute_force(position: int, x: Tensor, lattice: Tensor, reach: int) -> float:
    """Distance from x to the nearest of all members in all cells near by, by least squares."""
    first = int(TABLE.position_first[int(TABLE.number[position]) - 1])
    site = space_group(int(TABLE.number[position])).positions[position - first]
    # A member holds the points maps u + offset: its normal space is what the columns of maps leave over.
    along = lattice.T @ site.maps.double()
    across = torch.eye(3, dtype=torch.float64) - along @ torch.linalg.pinv(along, rtol=1e-9)
    steps = torch.arange(-reach, reach + 1, dtype=torch.float64)
    images = torch.cartesian_prod(steps, steps, steps)
    apart = (x - site.offsets.double()[:, None] / 24 - images) @ lattice
    return float(torch.linalg.vector_norm(apart @ across, dim=-1).min())


def separation(x: Tensor, y: Tensor) -> Tensor:
    """Largest difference, whole cells apart."""
    return TORUS.log(x, y).abs().amax(-1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_projecting_twice_changes_nothing(dtype: torch.dtype):
    rng = torch.Generator().manual_seed(0)
    metric = gram(cells(TABLE.number, rng)).to(dtype)
    x = 3 * torch.rand(1731, 3, generator=rng, dtype=dtype) - 1
    once = project_to_wyckoff(TABLE, EVERY, x, metric)
    twice = project_to_wyckoff(TABLE, EVERY, once.coordinates, metric)
    assert once.coordinates.dtype == once.distance.dtype == dtype
    assert (once.coordinates >= 0).all()
    assert (once.coordinates < 1).all()
    tolerance = Tolerance.exact(dtype).atol
    assert separation(once.coordinates, twice.coordinates).max() < tolerance
    assert (twice.distance < 10 * tolerance).all()
    fixed = TABLE.freedom == 0
    assert torch.equal(twice.coordinates[fixed], once.coordinates[fixed])


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_projection_is_nearest_on_every_position(dtype: torch.dtype):
    rng = torch.Generator().manual_seed(1)
    lattice = cells(TABLE.number, rng)
    x = torch.rand(1731, 3, generator=rng, dtype=torch.float64)
    found = project_to_wyckoff(TABLE, EVERY, x.to(dtype), gram(lattice).to(dtype))
    chosen = EVERY if dtype == torch.float64 else EVERY[::10]
    distances = [brute_force(i, x[i], lattice[i], 2) for i in chosen.tolist()]
    nearest = torch.tensor(distances, dtype=torch.float64)
    Tolerance.loose(dtype).assert_close(found.distance[chosen].double(), nearest)
    # And the point found is on the position.
    on = torch.tensor(
        [brute_force(i, found.coordinates[i].double(), lattice[i], 1) for i in chosen[::10].tolist()]
    )
    assert on.max() < 100 * Tolerance.exact(dtype).atol


@settings(max_examples=30)
@given(
    st.integers(0, 2**31),
    st.floats(math.radians(25), math.radians(155)),
    st.floats(2.0, 12.0),
    st.floats(2.0, 12.0),
)
def test_the_projection_is_nearest_in_skewed_monoclinic_cells(seed: int, beta: float, a: float, c: float):
    rng = torch.Generator().manual_seed(seed)
    number = int(torch.randint(3, 16, (), generator=rng))
    here = torch.nonzero(TABLE.number == number)[:, 0]
    lattice = lattice_matrix(
        torch.tensor([a, 5.0, c], dtype=torch.float64),
        torch.tensor([math.pi / 2, beta, math.pi / 2], dtype=torch.float64),
    )
    x = torch.rand(len(here), 3, generator=rng, dtype=torch.float64)
    found = project_to_wyckoff(TABLE, here, x, gram(lattice).expand(len(here), 3, 3))
    nearest = torch.tensor(
        [brute_force(int(i), y, lattice, 8) for i, y in zip(here, x, strict=True)], dtype=torch.float64
    )
    torch.testing.assert_close(found.distance, nearest, rtol=1e-9, atol=1e-9)


@settings(max_examples=30)
@given(lattices(1, flatness=0.2), st.integers(0, 2**31))
def test_the_projection_is_nearest_in_skewed_triclinic_cells(lattice: Tensor, seed: int):
    # A point of P-1: the nearest inversion centre is the nearest half lattice vector. Reduce independently.
    rng = torch.Generator().manual_seed(seed)
    reduced = obtuse_basis(gram(lattice[0]))
    x = torch.rand(1, 3, generator=rng, dtype=torch.float64)
    found = project_to_wyckoff(TABLE, torch.tensor([2]), x, gram(lattice))
    short = reduced @ lattice[0]
    steps = torch.arange(-3, 4, dtype=torch.float64)
    # x - (0, 0, 1/2), position 1b, in the reduced basis, less its rounding, against the cells round about.
    y = (x - torch.tensor([0, 0, 0.5])) @ torch.linalg.inv(reduced)
    y = y - y.round()
    apart = (y - torch.cartesian_prod(steps, steps, steps)) @ short
    nearest = torch.linalg.vector_norm(apart, dim=-1).min()
    torch.testing.assert_close(found.distance[0], nearest, rtol=1e-7, atol=1e-7)


@given(lattices(4), st.integers(0, 2**31))
def test_reduced_bases_are_obtuse_and_span_the_same_lattice(lattice: Tensor, seed: int):
    metric = gram(lattice)
    basis = obtuse_basis(metric)
    assert torch.equal(basis, basis.round())
    torch.testing.assert_close(torch.linalg.det(basis).abs().round(), torch.ones(4, dtype=torch.float64))
    superbase = torch.cat([basis, -basis.sum(-2, keepdim=True)], dim=-2)
    products = superbase @ metric @ superbase.transpose(-1, -2)
    off = products - torch.diag_embed(products.diagonal(dim1=-2, dim2=-1))
    assert (off.amax((-2, -1)) <= 1e-9 * metric.diagonal(dim1=-2, dim2=-1).sum(-1)).all()
    # A vector of the lattice is its own closest vector.
    x = torch.randint(-9, 9, (4, 3), generator=torch.Generator().manual_seed(seed)).double()
    vector, square = closest_vector(x, products[:, :3, :3])
    assert torch.equal(vector, x)
    assert not square.any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_points_of_a_position_stay(dtype: torch.dtype):
    rng = torch.Generator().manual_seed(2)
    metric = gram(cells(TABLE.number, rng)).to(dtype)
    u = torch.rand(1731, 3, generator=rng, dtype=torch.float64)
    # A random member of each position, in a random cell.
    points, member = [], []
    for number in range(1, 231):
        for site in space_group(number).positions:
            j = int(torch.randint(site.multiplicity, (), generator=rng))
            point = site.maps[j].double() @ u[len(points)] + site.offsets[j].double() / 24
            points.append(point + torch.randint(-2, 3, (3,), generator=rng))
            member.append(j)
    x = torch.stack(points).to(dtype)
    found = project_to_wyckoff(TABLE, EVERY, x, metric)
    tolerance = 10 * Tolerance.exact(dtype).atol
    assert separation(x, found.coordinates).max() < tolerance
    assert found.distance.max() < 10 * tolerance
    # Without freedom the member is told apart.
    fixed = TABLE.freedom == 0
    assert torch.equal(found.member[fixed], torch.tensor(member)[fixed])


def test_every_operator_moves_the_projection_along():
    """Projecting commutes with the group: images of a point go to images of its projection."""
    rng = torch.Generator().manual_seed(3)
    metric = gram(cells(TABLE.number, rng))
    x = torch.rand(1731, 3, generator=rng, dtype=torch.float64)
    found = project_to_wyckoff(TABLE, EVERY, x, metric)
    for _ in range(4):
        counts = TABLE.operator_first.diff()[TABLE.number - 1]
        rank = (torch.rand(1731, generator=rng) * counts).long()
        operator = TABLE.operator[TABLE.operator_first[TABLE.number - 1] + rank]

        def move(points: Tensor, operator: Tensor = operator) -> Tensor:
            return (operator[..., :3] @ points[..., None])[..., 0] + operator[..., 3]

        moved = project_to_wyckoff(TABLE, EVERY, move(x), metric)
        Tolerance.LOOSE64.assert_close(moved.distance, found.distance)
        assert separation(moved.coordinates, move(found.coordinates)).max() < 1e-10


def test_distance_is_how_far_the_point_moved():
    rng = torch.Generator().manual_seed(4)
    lattice = cells(TABLE.number, rng, spread=0.1)
    x = torch.rand(1731, 3, generator=rng, dtype=torch.float64)
    found = project_to_wyckoff(TABLE, EVERY, x, gram(lattice))
    steps = torch.arange(-1, 2, dtype=torch.float64)
    apart = TORUS.log(x, found.coordinates)[:, None] + torch.cartesian_prod(steps, steps, steps)
    moved = torch.linalg.vector_norm(apart @ lattice, dim=-1).amin(-1)
    Tolerance.LOOSE64.assert_close(found.distance, moved)


@given(st.integers(0, 1730), st.integers(0, 2**31))
def test_no_other_atom_of_the_batch_matters(position: int, seed: int):
    rng = torch.Generator().manual_seed(seed)
    others = torch.cat([torch.tensor([position]), torch.randint(1731, (5,), generator=rng)])
    metric = gram(cells(TABLE.number[others], rng)).float()
    x = torch.rand(6, 3, generator=rng)
    together = project_to_wyckoff(TABLE, others, x, metric)
    alone = project_to_wyckoff(TABLE, others[:1], x[:1], metric[:1])
    assert separation(together.coordinates[:1], alone.coordinates).max() < 1e-6
    assert abs(float(together.distance[0] - alone.distance[0])) < 1e-5


def test_the_general_position_takes_every_point():
    general = TABLE.position_first[1:] - 1
    rng = torch.Generator().manual_seed(5)
    x = torch.rand(230, 3, generator=rng)
    found = project_to_wyckoff(TABLE, general, x, gram(cells(TABLE.number[general], rng)).float())
    assert torch.equal(found.coordinates, x)
    assert not found.distance.any()
    assert not found.member.any()


def test_gradients_flow_along_the_position():
    rng = torch.Generator().manual_seed(6)
    x = torch.rand(1731, 3, generator=rng, dtype=torch.float64).requires_grad_()
    found = project_to_wyckoff(TABLE, EVERY, x, gram(cells(TABLE.number, rng)))
    (gradient,) = torch.autograd.grad(found.coordinates.square().sum(), x)
    assert gradient.isfinite().all()
    moves = gradient.abs().amax(-1) > 0
    assert torch.equal(moves, TABLE.freedom > 0)
    assert not found.distance.requires_grad


def test_no_atoms():
    found = project_to_wyckoff(TABLE, EVERY[:0], torch.zeros(0, 3), torch.zeros(0, 3, 3))
    assert found.coordinates.shape == (0, 3)


def test_a_cell_of_another_family_is_refused():
    metric = torch.diag(torch.tensor([1.0, 1.0, 1.1]))[None]
    with pytest.raises(ValueError, match="form of space group 225 in the standard setting"):
        project_to_wyckoff(TABLE, torch.tensor([TABLE.index(225, "a")]), torch.zeros(1, 3), metric)


def test_a_small_deviation_is_averaged_away():
    metric = torch.diag(torch.tensor([1.0, 1.0, 1.0001]))[None]
    position, x = torch.tensor([TABLE.index(225, "f")]), torch.tensor([[0.3, 0.4, 0.41]])
    exact = symmetrize_metric(metric, torch.tensor([225]))
    for ours, theirs in zip(
        project_to_wyckoff(TABLE, position, x, metric),
        project_to_wyckoff(TABLE, position, x, exact),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_cells_that_are_none_are_refused():
    for metric in (torch.full((1, 3, 3), torch.nan), torch.full((1, 3, 3), torch.inf)):
        with pytest.raises(ValueError, match="not finite"):
            project_to_wyckoff(TABLE, torch.tensor([2]), torch.zeros(1, 3), metric)


def test_flat_cells_are_refused():
    # Nine digits of shear, eighteen in the metric: what is left of the cell is rounding.
    lattice = torch.tensor([[1.0, 0.0, 0.0], [1e9, 1.0, 0.0], [0.3, 1e9, 1.0]], dtype=torch.float64)
    metrics = torch.stack([torch.eye(3, dtype=torch.float64), gram(lattice)])
    x = torch.zeros(2, 3, dtype=torch.float64)
    with pytest.raises(ValueError, match="lattice in row 1 is too close to flat"):
        project_to_wyckoff(TABLE, torch.tensor([2, 2]), x, metrics)


def test_every_device_gives_the_same(device: str):
    rng = torch.Generator().manual_seed(7)
    metric = gram(cells(TABLE.number, rng))
    x = torch.rand(1731, 3, generator=rng, dtype=torch.float64)
    here = project_to_wyckoff(TABLE, EVERY, x, metric)
    there = project_to_wyckoff(TABLE.to(device), EVERY.to(device), x.to(device), metric.to(device))
    assert separation(here.coordinates, there.coordinates.cpu()).max() < 1e-10
    Tolerance.LOOSE64.assert_close(there.distance.cpu(), here.distance)
