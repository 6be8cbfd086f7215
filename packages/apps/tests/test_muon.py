"""Muon: what orthogonalising does to singular values, torch's own beside it, and its checkpoints."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from epitaxy.apps.training import muon
from epitaxy.apps.training.muon import Muon, orthogonalised

SHAPES = [(6, 6), (6, 6), (12, 5), (3, 8)]
WORDS = {"lr": 0.01, "weight_decay": 0.1}


@pytest.fixture(autouse=True, params=[True, False, None], ids=["bfloat16", "float32", "unknown"])
def quick(request, monkeypatch):
    """A processor that multiplies bfloat16, one that does not, and one of which that is not known."""
    monkeypatch.setattr(muon, "multiplies_bfloat16", lambda _: request.param)
    return bool(request.param)


def matrices(shapes: list[tuple[int, int]], seed: int = 0) -> list[Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=rng) for shape in shapes]


def parameters(seed: int = 0) -> list[nn.Parameter]:
    return [nn.Parameter(matrix) for matrix in matrices(SHAPES, seed)]


def step(found: list[nn.Parameter], optimiser: torch.optim.Optimizer, seed: int) -> None:
    for parameter, gradient in zip(found, matrices(SHAPES, seed), strict=True):
        parameter.grad = gradient
    optimiser.step()


def quintic(values: Tensor) -> Tensor:
    """Five steps on the singular values themselves, in float64."""
    values = values / values.norm()
    for _ in range(5):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    return values


@given(seed=st.integers(0, 2**31), count=st.integers(1, 3), rows=st.integers(1, 9), columns=st.integers(1, 9))
def test_singular_vectors_stay_and_values_go_the_quintics_way(seed, count, rows, columns):
    of = torch.stack(matrices([(rows, columns)] * count, seed))
    found = orthogonalised(of)
    for one, other in zip(of.double(), found.double(), strict=True):
        u, s, vh = torch.linalg.svd(one, full_matrices=False)
        torch.testing.assert_close(other, u @ torch.diag(quintic(s)) @ vh, rtol=0, atol=2e-4)


def test_singular_values_come_out_about_one():
    """Of diagonal matrices of norm one, whose singular values are the diagonal."""
    small = torch.linspace(0.003, 0.2, 1000)
    for values in small.split(8):
        rest = (1 - values.square().sum()).sqrt()
        found = orthogonalised(torch.diag(torch.cat([values, rest[None]]))[None])[0].diagonal()
        assert ((found > 0.68) & (found < 1.21)).all()


@given(seed=st.integers(0, 2**31), size=st.sampled_from([2.0**-40, 0.5, 2.0**40]))
def test_the_size_of_a_gradient_is_nothing_to_it(seed, size):
    (of,) = matrices([(5, 4)], seed)
    if size * of.norm() > 1e-5:
        torch.testing.assert_close(orthogonalised(of[None]), orthogonalised(size * of[None]))


def test_matrices_of_a_stack_do_not_see_each_other_and_nothing_stays_nothing():
    of = torch.stack([*matrices([(4, 7)] * 2), torch.zeros(4, 7)])
    together, alone = orthogonalised(of), torch.cat([orthogonalised(one[None]) for one in of])
    torch.testing.assert_close(together, alone)
    assert torch.equal(together[2], torch.zeros(4, 7))


def test_a_transposed_matrix_gives_the_transposed():
    of = torch.stack(matrices([(4, 7)] * 2))
    torch.testing.assert_close(orthogonalised(of).mT, orthogonalised(of.mT))


def test_torchs_own_differs_by_bfloat16_alone(quick):
    """A step of torch's is as long and goes the same way, to the eight bits that its numbers have."""
    mine, theirs = parameters(), parameters()
    one = Muon(mine, **WORDS)
    other = torch.optim.Muon(theirs, adjust_lr_fn="match_rms_adamw", **WORDS)
    for seed in (1, 2, 3):
        before = [parameter.detach().clone() for parameter in mine]
        with torch.no_grad():
            for a, b in zip(mine, theirs, strict=True):
                b.copy_(a)
        step(mine, one, seed)
        step(theirs, other, seed)
        apart = [
            (a - b).norm() / (a - start).norm() for start, a, b in zip(before, mine, theirs, strict=True)
        ]
        assert max(apart) < (0.01 if quick else 0.03)


def test_checkpoints_of_torchs_go_on(quick):
    of = parameters()
    theirs = torch.optim.Muon(of, adjust_lr_fn="match_rms_adamw", **WORDS)
    step(of, theirs, 1)
    mine = Muon(of, lr=1.0, weight_decay=0.0)
    mine.load_state_dict(copy.deepcopy(theirs.state_dict()))
    assert mine.param_groups[0]["lr"] == WORDS["lr"]
    before = [parameter.detach().clone() for parameter in of]
    step(of, mine, 2)
    first, second = matrices(SHAPES, 1), matrices(SHAPES, 2)
    for start, a, one, two in zip(before, of, first, second, strict=True):
        momentum = 0.95 * 0.05 * one + 0.05 * two
        ahead = 0.05 * two + 0.95 * momentum
        size = 0.01 * 0.2 * max(a.shape) ** 0.5
        expected = start * (1 - 0.01 * 0.1) - size * orthogonalised(ahead[None])[0]
        torch.testing.assert_close(a.detach(), expected, rtol=0, atol=1e-4 if quick else 1e-6)


def test_a_parameter_without_a_gradient_stays():
    of = parameters()
    optimiser = Muon(of, **WORDS)
    before = of[0].detach().clone()
    of[1].grad = matrices(SHAPES, 1)[1]
    optimiser.step()
    assert torch.equal(of[0], before)


def test_float64_stays_float64():
    parameter = nn.Parameter(torch.ones(3, 3, dtype=torch.float64))
    optimiser = Muon([parameter], **WORDS)
    parameter.grad = torch.ones_like(parameter)
    optimiser.step()
    assert parameter.dtype == torch.float64


def test_a_vector_is_refused():
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        Muon([nn.Parameter(torch.zeros(3))], **WORDS)
