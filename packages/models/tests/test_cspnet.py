"""Sizes, shapes and refusals of CSPNet."""

import pytest
import torch

from epitaxy.geometry import Segments
from epitaxy.models import CSPNet


@pytest.mark.parametrize(
    ("species_input", "predict_species", "expected"),
    [
        ("probabilities", True, 12_271_193),
        ("index", True, 12_270_681),
        ("index", False, 12_270_681 - 89 * 513),
    ],
)
def test_published_parameter_counts(species_input: str, predict_species: bool, expected: int):
    with torch.device("meta"):
        network = CSPNet(species=89, species_input=species_input, predict_species=predict_species)
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


def small(**words: object) -> CSPNet:
    defaults = {"species": 4, "species_input": "index", "predict_species": True}
    return CSPNet(**{**defaults, **words}, hidden=8, layers=1, frequencies=3, time_dim=4)


def arguments(channels: int | None) -> dict:
    return {
        "segments": Segments.from_counts([2, 1]),
        "positions": torch.zeros(3, 3),
        "lattice": torch.eye(3).repeat(2, 1, 1),
        "species": torch.tensor([0, 1, 3]),
        "time": torch.tensor([0.0, 1.0]),
        "conditions": None if channels is None else torch.zeros(3, channels),
    }


def test_shapes():
    output = small()(**arguments(3))
    assert output.positions.shape == (3, 3)
    assert output.lattice.shape == (2, 3, 3)
    assert output.species.shape == (3, 4)


def test_without_conditions_or_species_head():
    output = small(position_conditions=0, predict_species=False)(**arguments(None))
    assert output.species is None


@pytest.mark.parametrize(("built_for", "given"), [(3, None), (3, 2), (0, 3)])
def test_wrong_conditions_are_refused(built_for: int, given: int | None):
    with pytest.raises(ValueError, match=r"conditions have \d channels"):
        small(position_conditions=built_for)(**arguments(given))


def test_a_zero_lattice_stays_zero():
    """M @ 0 = 0, as at the first step of a Gaussian flow, whose mean is zero."""
    zero = {**arguments(3), "lattice": torch.zeros(2, 3, 3)}
    assert (small()(**zero).lattice == 0).all()
