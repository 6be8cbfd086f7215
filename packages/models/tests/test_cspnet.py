"""Sizes, shapes and refusals of CSPNet."""

import pytest
import torch

from epitaxy.geometry import Segments
from epitaxy.models import CSPNet
from epitaxy.models._parts import LATTICES, choose

KLDM = {
    "species_input": "index",
    "lattice": "parameters",
    "velocities": True,
    "time_embedding": "gaussian",
    "position_head": "two_layer",
    "position_conditions": 0,
}


def parameters(**words: object) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in CSPNet(**words).parameters())


@pytest.mark.parametrize(
    ("species_input", "species_output", "expected"),
    [
        ("probabilities", 89, 12_271_193),
        ("index", 89, 12_270_681),
        ("index", 0, 12_270_681 - 89 * 513),
    ],
)
def test_crysbfns_published_parameter_counts(species_input: str, species_output: int, expected: int):
    count = parameters(species=89, species_input=species_input, species_output=species_output)
    assert count == expected


@pytest.mark.parametrize(("layers", "expected"), [(6, 14_924_800), (4, 10_187_776)])
def test_kldms_published_parameter_counts(layers: int, expected: int):
    assert parameters(species=101, **KLDM, time_dim=256, layers=layers) == expected


def test_parameter_names_stay():
    """Weights saved by earlier releases load: these names and shapes are part of the interface."""
    with torch.device("meta"):
        network = CSPNet(
            species=56,
            species_input="index",
            species_output=3,
            hidden=128,
            layers=2,
            frequencies=16,
            time_dim=64,
        )
    layer = {
        "norm.weight": (128,),
        "norm.bias": (128,),
        "edges.first.weight": (128, 2 * 128 + 9 + 6 * 16),
        "edges.first.bias": (128,),
        "edges.second.weight": (128, 128),
        "edges.second.bias": (128,),
        "update.0.weight": (128, 256),
        "update.0.bias": (128,),
        "update.2.weight": (128, 128),
        "update.2.bias": (128,),
    }
    expected = {
        "species_embedding.weight": (56, 128),
        "atom_embedding.weight": (128, 128 + 64 + 3),
        "atom_embedding.bias": (128,),
        "norm.weight": (128,),
        "norm.bias": (128,),
        "position_head.weight": (3, 128),
        "lattice_head.weight": (9, 128),
        "species_head.weight": (3, 128),
        "species_head.bias": (3,),
        **{f"layers.{k}.{name}": shape for k in range(2) for name, shape in layer.items()},
    }
    assert {name: tuple(value.shape) for name, value in network.state_dict().items()} == expected


def small(**words: object) -> CSPNet:
    defaults = {"species": 4, "species_input": "index", "species_output": 4}
    return CSPNet(**{**defaults, **words}, hidden=8, layers=1, frequencies=3, time_dim=4)


def arguments(channels: int | None = 3) -> dict:
    return {
        "segments": Segments.from_counts([2, 1]),
        "positions": torch.zeros(3, 3),
        "lattice": torch.eye(3).repeat(2, 1, 1),
        "species": torch.tensor([0, 1, 3]),
        "time": torch.tensor([0.0, 1.0]),
        "conditions": None if channels is None else torch.zeros(3, channels),
    }


def kldm_arguments() -> dict:
    return {**arguments(None), "lattice": torch.zeros(2, 6), "velocities": torch.zeros(3, 3)}


def test_shapes():
    output = small()(**arguments())
    assert output.positions.shape == (3, 3)
    assert output.lattice.shape == (2, 3, 3)
    assert output.species.shape == (3, 4)


def test_shapes_with_parameters_and_a_mask():
    output = small(**KLDM, species_output=3)(**kldm_arguments())
    assert output.positions.shape == (3, 3)
    assert output.lattice.shape == (2, 6)
    assert output.species.shape == (3, 3)


def test_without_conditions_or_species_head():
    output = small(position_conditions=0, species_output=0)(**arguments(None))
    assert output.species is None


@pytest.mark.parametrize(("built_for", "given"), [(3, None), (3, 2), (0, 3)])
def test_wrong_conditions_are_refused(built_for: int, given: int | None):
    with pytest.raises(ValueError, match=r"conditions have \d channels"):
        small(position_conditions=built_for)(**arguments(given))


def test_velocities_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="velocities are given"):
        small()(**arguments(), velocities=torch.zeros(3, 3))
    with pytest.raises(ValueError, match="velocities are missing"):
        small(velocities=True)(**arguments())


@pytest.mark.parametrize(
    ("word", "lattice"), [("matrix", torch.zeros(2, 6)), ("parameters", torch.zeros(2, 3, 3))]
)
def test_a_lattice_of_another_form_is_refused(word: str, lattice: torch.Tensor):
    with pytest.raises(ValueError, match="a lattice has the shape"):
        small(lattice=word)(**{**arguments(), "lattice": lattice})


def test_a_zero_lattice_stays_zero():
    """M @ 0 = 0, as at the first step of a Gaussian flow, whose mean is zero."""
    zero = {**arguments(), "lattice": torch.zeros(2, 3, 3)}
    assert (small()(**zero).lattice == 0).all()


def test_a_single_atom_sees_its_lattice():
    """By the edge with itself, which KLDM's published graph has not."""
    torch.manual_seed(0)
    network = small(**KLDM)
    one, other = (
        network(**{**kldm_arguments(), "lattice": torch.tensor([[0.0] * 6, [x] * 6])}) for x in (0.0, 1.0)
    )
    for field in ("positions", "lattice"):
        before, after = getattr(one, field), getattr(other, field)
        assert torch.equal(before[0], after[0])  # of another crystal
        assert not torch.allclose(before[-1], after[-1], atol=1e-4)


def test_a_mean_velocity_is_not_taken_out():
    """Centring is the flow's: the output of a crystal's atoms has any mean."""
    torch.manual_seed(0)
    assert small(**KLDM)(**kldm_arguments()).positions[2].abs().max() > 1e-4


def test_random_frequencies_are_saved_and_ruled_by_the_seed():
    torch.manual_seed(3)
    first = small(**KLDM)
    torch.manual_seed(3)
    same, other = small(**KLDM), small(**KLDM)
    name = "time_embedding.frequencies"
    assert torch.equal(first.state_dict()[name], same.state_dict()[name])
    assert not torch.equal(first.state_dict()[name], other.state_dict()[name])
    assert name not in dict(first.named_parameters())
    other.load_state_dict(first.state_dict())
    torch.testing.assert_close(
        other(**kldm_arguments()).positions, first(**kldm_arguments()).positions, rtol=0, atol=0
    )


def test_unknown_words_are_refused():
    """By what reads all the words, as the tests' type hook would stop them on their way there."""
    with pytest.raises(ValueError, match="lattice is 'matrix' or 'parameters', not 'vectors'"):
        choose("lattice", "vectors", LATTICES)
