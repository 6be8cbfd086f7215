"""Objects refuse parameters that have no meaning when they are made, not in one method or another."""

import math
from dataclasses import fields

import pytest
import torch

from epitaxy.geometry import (
    CrystalBatch,
    FlatTorus,
    MoleculeBatch,
    Segments,
    VonMises,
    WrappedNormal,
    bessel_ratio,
    inverse_bessel_ratio,
    log_i0,
    von_mises_entropy,
    wrapped_normal_information,
    wrapped_normal_score,
)

BAD = [-1.0, math.nan, math.inf]


@pytest.mark.parametrize("bad", BAD)
def test_a_von_mises_law_of_no_concentration_is_not_made(bad):
    for concentration in (bad, torch.tensor([1.0, bad])):
        with pytest.raises(
            ValueError, match="concentration of a von Mises law must be finite and not negative"
        ):
            VonMises(0.0, concentration)


@pytest.mark.parametrize("bad", BAD)
def test_functions_of_a_law_look_at_its_parameters_too(bad):
    for function in (von_mises_entropy, log_i0):
        with pytest.raises(ValueError, match="must be finite and not negative"):
            function(torch.tensor([1.0, bad]))
    for scale in (bad, 0.0):
        with pytest.raises(ValueError, match="scale of a wrapped normal law must be positive and finite"):
            wrapped_normal_score(torch.tensor(0.1), torch.tensor(scale))
        with pytest.raises(ValueError, match="scale of a wrapped normal law must be positive and finite"):
            wrapped_normal_information(torch.tensor(scale))
    for function in (wrapped_normal_information, lambda s, p: wrapped_normal_score(s, s, p)):
        with pytest.raises(ValueError, match="period must be positive and finite"):
            function(torch.tensor(1.0), bad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_largest_parameters_have_a_density_and_draws(dtype):
    most = torch.tensor(torch.finfo(dtype).max, dtype=dtype)
    fall = 2.0 * math.sin(0.15) ** 2 * float(most)
    assert VonMises(0.0, most).log_prob(torch.tensor(0.3, dtype=dtype)).item() == pytest.approx(
        -fall, rel=1e-6
    )
    law = VonMises(torch.zeros(4000, dtype=dtype), most)
    angles = law.sample(torch.Generator().manual_seed(0)).double() * math.sqrt(float(most))
    # nearly normal of variance 1 / kappa: 4,000 squares have a mean beyond 5 deviations of 1 in one of 1e6
    assert abs(float(angles.square().mean()) - 1.0) < 5.0 * math.sqrt(2.0 / 4000)
    turned = VonMises(torch.tensor(0.3, dtype=dtype), most)
    assert turned.kl(VonMises(0.0, most)).item() == pytest.approx(fall, rel=1e-6)
    drawn = WrappedNormal(torch.zeros(2000, dtype=dtype), most).sample(torch.Generator().manual_seed(0))
    assert drawn.isfinite().all()
    # uniform: the mean of 2,000 directions is longer than 0.118 in one draw of 1e12
    assert torch.hypot(drawn.cos().mean(), drawn.sin().mean()) < 0.118


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_far_mean_is_an_angle_as_any_other(sign):
    """From one end of float64 to the other: their difference is no number, and half of each is."""
    far = torch.tensor(sign * 1e308, dtype=torch.float64)
    law, near = VonMises(far, 2.0), VonMises(torch.remainder(far, 4 * math.pi), 2.0)
    assert law.sample(torch.Generator().manual_seed(0)).abs() <= math.pi
    at = -far
    assert law.log_prob(at).isfinite()
    assert law.kl(VonMises(at, 2.0)).isfinite()
    assert near.log_prob(far).isfinite()


@pytest.mark.parametrize("bad", [math.nan, math.inf, 10**400])
@pytest.mark.parametrize("law", [VonMises, WrappedNormal])
def test_means_are_finite(law, bad):
    with pytest.raises(ValueError, match=r"mean of a .* law must be finite"):
        law(bad, 1.0)
    bad = float("inf") if isinstance(bad, int) else bad
    with pytest.raises(ValueError, match=r"mean of a .* law must be finite"):
        law(torch.tensor([0.0, bad]), 1.0)


@pytest.mark.parametrize("bad", ["1", True, 1j, None, torch.ones(2, dtype=torch.complex64)])
@pytest.mark.parametrize("law", [VonMises, WrappedNormal])
def test_parameters_are_real_numbers(law, bad):
    with pytest.raises(TypeError):
        law(0.0, bad)


@pytest.mark.parametrize("law", [VonMises, WrappedNormal])
def test_parameters_broadcast(law):
    with pytest.raises(ValueError, match="broadcast"):
        law(torch.zeros(2), torch.ones(3))


@pytest.mark.parametrize("law", [VonMises, WrappedNormal])
def test_whole_numbers_are_real_numbers(law):
    real = law(torch.tensor([0.0, 1.0]), torch.tensor(2.0))
    for whole in (law(torch.tensor([0, 1]), torch.tensor(2)), law(torch.tensor([0, 1]), 2)):
        assert torch.equal(whole.log_prob(torch.tensor(1)), real.log_prob(torch.tensor(1.0)))
        draws = [x.sample(torch.Generator().manual_seed(0)) for x in (whole, real)]
        assert torch.equal(*draws)
    whole, two = law(0, 2), torch.tensor([2])
    if law is VonMises:
        assert torch.equal(whole.entropy(), VonMises(torch.tensor(0.0), torch.tensor(2.0)).entropy())
        for function in (von_mises_entropy, bessel_ratio, log_i0):
            assert torch.equal(function(two), function(two.float()))
        assert inverse_bessel_ratio(torch.tensor([0])).item() == 0.0
    else:
        assert torch.equal(whole.score(torch.tensor(1)), law(0.0, 2.0).score(torch.tensor(1.0)))
        assert torch.equal(wrapped_normal_information(two), wrapped_normal_information(two.float()))
        assert torch.equal(wrapped_normal_score(two, two), wrapped_normal_score(two.float(), two.float()))


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf, 10**400])
def test_a_period_is_positive_and_finite(bad):
    for make in (FlatTorus, lambda period: WrappedNormal(0.0, 1.0, period)):
        with pytest.raises(ValueError, match="period must be positive and finite"):
            make(bad)


def test_a_period_is_a_real_number():
    with pytest.raises(TypeError):
        FlatTorus("1")
    assert FlatTorus(1) == FlatTorus(1.0)
    assert FlatTorus(1).period.hex() == (1.0).hex()


def test_values_on_an_accelerator_are_not_asked_for():
    # "meta" has no values: any look at them raises.
    law = VonMises(torch.zeros(3, device="meta"), torch.ones(3, device="meta"))
    assert law.entropy().shape == (3,)
    WrappedNormal(torch.zeros(3, device="meta"), torch.ones(3, device="meta"))
    indices = [torch.ones(n, dtype=torch.int64, device="meta") for n in (2, 3, 3)]
    segments = Segments(counts=indices[0], index=indices[1], offsets=indices[2], longest=2, num_pairs=1)
    positions, numbers = torch.zeros(3, 3, device="meta"), indices[1]
    MoleculeBatch(segments=segments, positions=positions, numbers=numbers, ids=("a", "b"))


@pytest.mark.parametrize(
    "changes",
    [
        {"counts": torch.tensor([2, 1, 1])},
        {"counts": torch.tensor([[2, 1]])},
        {"index": torch.tensor([0, 0, 1, 1])},
        {"index": torch.tensor([0.0, 0.0, 1.0])},
        {"index": torch.zeros(3, dtype=torch.int64, device="meta")},
        {"offsets": torch.tensor([0, 3])},
        {"offsets": torch.tensor([0, 2, 9])},
    ],
)
def test_segments_whose_parts_do_not_go_together(changes):
    sound = Segments.from_counts([2, 1])
    parts = {part.name: getattr(sound, part.name) for part in fields(sound) if part.init}
    # Where the tests run with the shape hook, it may speak first.
    with pytest.raises((ValueError, TypeError), match=r"Segments\.from_counts|Type-check"):
        Segments(**parts | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": torch.zeros(3, 3, dtype=torch.int64)}, "positions must hold floating numbers"),
        ({"positions": [[0.0] * 3] * 3}, "positions must be a tensor"),
        ({"positions": torch.zeros(3, 3, device="meta")}, "positions must be on cpu"),
        ({"numbers": torch.zeros(3)}, "numbers must hold integers"),
        ({"numbers": torch.zeros(3, dtype=torch.bool)}, "numbers must hold integers"),
        (
            {"properties": {"mu": torch.zeros(2, dtype=torch.int64)}},
            "property 'mu' must hold floating numbers",
        ),
        ({"ids": ("a",)}, "1 ids for 2 molecules"),
        ({"positions": torch.full((3, 3), math.nan)}, "positions must be finite"),
        (
            {"positions": torch.tensor([[0.0, math.inf, 0.0]] * 3)},
            "positions must be finite",
        ),
        ({"numbers": torch.tensor([1, 0, 2])}, "numbers must be atomic numbers, 1 to 118"),
        ({"numbers": torch.tensor([1, -1, 2])}, "numbers must be atomic numbers, 1 to 118"),
        ({"numbers": torch.tensor([1, 119, 2])}, "numbers must be atomic numbers, 1 to 118"),
    ],
)
def test_a_batch_looks_at_kinds_and_devices(changes, message):
    parts = {
        "segments": Segments.from_counts([2, 1]),
        "positions": torch.zeros(3, 3),
        "numbers": torch.tensor([1, 1, 2]),
        "ids": ("a", "b"),
    }
    with pytest.raises((ValueError, TypeError), match=f"{message}|Type-check"):
        MoleculeBatch(**parts | changes)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_crystal_s_cell_is_finite(bad):
    lattice = torch.eye(3)[None].clone()
    lattice[0, 1, 1] = bad
    with pytest.raises(ValueError, match="lattice must be finite"):
        CrystalBatch(
            segments=Segments.from_counts([1]), positions=torch.zeros(1, 3), lattice=lattice,
            numbers=torch.tensor([1]), ids=("a",),
        )  # fmt: skip


@pytest.mark.parametrize("indices", [[0.5], torch.tensor([1.0]), [[0]], 0])
def test_what_is_no_position_in_a_batch_is_not_rounded_to_one(indices):
    batch = MoleculeBatch(
        segments=Segments.from_counts([2, 1]), positions=torch.zeros(3, 3),
        numbers=torch.tensor([1, 1, 2]), ids=("a", "b"),
    )  # fmt: skip
    with pytest.raises((ValueError, TypeError), match=r"vector of whole numbers|Type-check"):
        batch.select(indices)


@pytest.mark.parametrize("rows", [1, 3])
def test_a_graph_s_values_are_as_many_as_the_graphs(rows):
    with pytest.raises((ValueError, TypeError), match=r"values for 2 graphs|Type-check"):
        Segments.from_counts([2, 1]).expand(torch.zeros(rows, 3))
