"""Embeddings against their definitions, their parity and their period."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.geometry.testing import Tolerance, fractional_coordinates
from epitaxy.models import UNKNOWN, GaussianTimeEmbedding, SpeciesEmbedding, TimeEmbedding, fourier_features

DTYPES = st.sampled_from([torch.float32, torch.float64])


@given(data=st.data(), frequencies=st.sampled_from([1, 2, 15, 16, 17, 33, 128]), dtype=DTYPES)
def test_fourier_features_are_what_they_say(data: st.DataObject, frequencies: int, dtype: torch.dtype):
    d = data.draw(fractional_coordinates(3, dtype=dtype))
    k = torch.arange(frequencies)
    turns = d.double().unsqueeze(-1) * k
    phase = (turns - turns.round()).flatten(1) * (2 * math.pi)
    sine, cosine = fourier_features(d, frequencies)
    # In float64 the products k d round too, by up to 8 * 128 turns / 2^53, in the definition and here alike.
    tolerance = 1e-6 if dtype == torch.float32 else 1e-11
    torch.testing.assert_close(sine.double(), phase.sin(), rtol=0, atol=tolerance)
    torch.testing.assert_close(cosine.double(), phase.cos(), rtol=0, atol=tolerance)


@given(data=st.data(), dtype=DTYPES)
def test_sines_are_odd_and_cosines_even(data: st.DataObject, dtype: torch.dtype):
    d = data.draw(fractional_coordinates(3, dtype=dtype))
    (sine, cosine), (other_sine, other_cosine) = fourier_features(d, 20), fourier_features(-d, 20)
    assert torch.equal(sine, -other_sine)
    assert torch.equal(cosine, other_cosine)


@given(data=st.data())
def test_fourier_features_have_period_one(data: st.DataObject):
    d = data.draw(fractional_coordinates(3, dtype=torch.float32)).double()  # so that d + 1 is exact
    for one, other in zip(fourier_features(d, 20), fourier_features(d + 1, 20), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_time_embedding_at_the_published_steps():
    """At t = i / 1000 it is the published embedding of the integer i; values from the notes, i = 10."""
    embedding = TimeEmbedding(128)(torch.tensor([0.01], dtype=torch.float64))[0]
    expected = torch.tensor([-0.5440211, 0.7067498, 0.9252049], dtype=torch.float64)
    torch.testing.assert_close(embedding[:3], expected, rtol=0, atol=1e-7)
    assert embedding[-1].item() == pytest.approx(0.9999995, abs=1e-8)


@given(t=st.floats(0, 1, width=32))
def test_time_embedding_is_accurate_in_single_precision(t: float):
    single, double = (
        TimeEmbedding(32)(torch.tensor([t], dtype=dtype)) for dtype in (torch.float32, torch.float64)
    )
    assert single.dtype == torch.float32
    Tolerance.EXACT32.assert_close(single.double(), double)


def test_gaussian_time_embedding_is_what_it_says():
    torch.manual_seed(0)
    drawn = torch.randn(8)
    torch.manual_seed(0)
    embedding = GaussianTimeEmbedding(16)
    time = torch.tensor([0.0, 0.3, 1.0])
    phase = 2 * math.pi * time.double()[:, None] * drawn.double()
    expected = torch.cat([phase.cos(), phase.sin()], dim=1).float()
    torch.testing.assert_close(embedding(time), expected, rtol=0, atol=1e-6)


def test_reversed_time_turns_the_gaussian_time_embedding():
    """Time may run either way: t -> 1 - t reflects each cosine and sine in a line, by one fixed matrix."""
    embedding = GaussianTimeEmbedding(16).double()
    time = torch.linspace(0, 1, 9, dtype=torch.float64)
    turn = torch.polar(torch.ones(8, dtype=torch.float64), 2 * math.pi * embedding.frequencies)
    cosine, sine = embedding(time).chunk(2, dim=1)
    reflected = turn * torch.complex(cosine, -sine)
    expected = torch.cat([reflected.real, reflected.imag], dim=1)
    torch.testing.assert_close(embedding(1 - time), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "dim"),
    [(TimeEmbedding, 0), (TimeEmbedding, 2), (TimeEmbedding, 7), (GaussianTimeEmbedding, 0)],
)
def test_odd_time_dimensions_are_refused(kind: type, dim: int):
    with pytest.raises(ValueError, match="even dimension"):
        kind(dim)


@pytest.mark.parametrize(("kind", "least"), [(TimeEmbedding, 4), (GaussianTimeEmbedding, 2)])
def test_the_least_dimension_of_a_time_embedding(kind: type, least: int):
    assert kind(least)(torch.tensor([0.5])).shape == (1, least)
    with pytest.raises(ValueError, match=f"an even dimension of at least {least}"):
        kind(least - 1)
    with pytest.raises(ValueError, match=f"an even dimension of at least {least}"):
        kind(least - 2)


def test_a_species_that_is_not_told_is_the_mean_of_all() -> None:
    embedding = SpeciesEmbedding(5, 8)
    species = torch.tensor([3, UNKNOWN, 0, UNKNOWN])
    found = embedding(species)
    assert torch.equal(found[[0, 2]], embedding.weight[[3, 0]])
    torch.testing.assert_close(found[[1, 3]], embedding.weight.mean(0).expand(2, -1))
    found[1].sum().backward()
    torch.testing.assert_close(embedding.weight.grad, torch.full((5, 8), 1 / 5))


def test_told_species_have_torchs_own_embedding_to_the_bit() -> None:
    ours = SpeciesEmbedding(5, 8)
    torchs = torch.nn.Embedding(5, 8)
    torchs.load_state_dict(ours.state_dict())
    species, weight = torch.tensor([0, 4, 4, 2]), torch.randn(4, 8)
    for embedding in (ours, torchs):
        (embedding(species) * weight).sum().backward()
    assert torch.equal(ours(species), torchs(species))
    assert torch.equal(ours.weight.grad, torchs.weight.grad)
