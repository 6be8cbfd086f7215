"""Class labels as points: one-hot vectors and analog bits."""

import dataclasses
from typing import Any, Literal

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from jaxtyping import TypeCheckError
from torch import Tensor

from epitaxy.flows import CodebookDiffusion, Limits, VariancePreserving
from epitaxy.flows.testing import FlowLaws
from epitaxy.geometry.testing import Tolerance

CODES: tuple[Literal["one_hot"], Literal["bits"]] = ("one_hot", "bits")
REALS = st.floats(allow_nan=False, width=32)


class CodebookLaws(FlowLaws):
    prior_is_exact = False
    classes = 5

    def flow(self) -> CodebookDiffusion:
        return CodebookDiffusion(codes="one_hot", classes=self.classes)

    def data(self, generator: torch.Generator) -> Tensor:
        return torch.randint(self.classes, (self.rows,), generator=generator)

    def output(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, self.flow().channels, generator=generator)


class TestOneHot(CodebookLaws):
    pass


class TestOneHotEpsilon(CodebookLaws):
    def flow(self) -> CodebookDiffusion:
        process = VariancePreserving(prediction="epsilon", sampler="euler_maruyama")
        return CodebookDiffusion(codes="one_hot", classes=5, scale=0.5, process=process)


class TestBits(CodebookLaws):
    classes = 89

    def flow(self) -> CodebookDiffusion:
        return CodebookDiffusion(codes="bits", classes=89, clip=True)


class TestPublishedBits(CodebookLaws):
    def flow(self) -> CodebookDiffusion:
        return CodebookDiffusion(codes="bits", classes=5).with_sampler("published_pc")


class TestOneClass(CodebookLaws):
    classes = 1


class TestOneClassInBits(CodebookLaws):
    classes = 1

    def flow(self) -> CodebookDiffusion:
        return CodebookDiffusion(codes="bits", classes=1)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_bits_are_binary_digits() -> None:
    """The most significant first."""
    flow = CodebookDiffusion(codes="bits", classes=6, scale=2.0)
    digits = [[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1], [1, 0, 0], [1, 0, 1]]
    assert torch.equal(flow.codebook(), 4 * torch.tensor(digits).float() - 2)
    assert torch.equal(CodebookDiffusion(codes="one_hot", classes=2).codebook(), torch.eye(2))


@pytest.mark.parametrize(
    ("classes", "bits"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (100, 7), (128, 7), (129, 8)]
)
def test_number_of_channels(classes: int, bits: int) -> None:
    """max(1, ceil(log2 K))."""
    assert CodebookDiffusion(codes="bits", classes=classes).channels == bits
    assert CodebookDiffusion(codes="one_hot", classes=classes).channels == classes


@given(st.sampled_from(CODES), st.integers(1, 130), st.floats(0.1, 10.0))
def test_every_label_comes_back(codes: Literal["one_hot", "bits"], classes: int, scale: float) -> None:
    """Codes differ, and each is nearest to itself."""
    flow, x = CodebookDiffusion(codes=codes, classes=classes, scale=scale), torch.arange(classes)
    code = flow.encode(x, torch.float32)
    assert code.shape == (classes, flow.channels)
    assert torch.equal(flow.nearest(code), x)


@given(st.sampled_from(CODES), st.integers(1, 12), st.data())
def test_only_classes_are_decoded(
    codes: Literal["one_hot", "bits"], classes: int, draw: st.DataObject
) -> None:
    """Whatever the real vector; and the class is the nearest, where distances can be told apart."""
    flow = CodebookDiffusion(codes=codes, classes=classes, clip=codes == "bits" and draw.draw(st.booleans()))
    size = {"min_size": flow.channels, "max_size": flow.channels}
    output = torch.tensor([draw.draw(st.lists(REALS, **size))])
    found = flow.decode(torch.zeros_like(output), output, torch.tensor([0.5]), rng=generator())
    assert found.dtype == torch.int64
    assert 0 <= int(found) < classes
    if float(output.abs().max()) < 1e3:
        used = output.clamp(-1, 1) if flow.clip else output
        distance = (used.double() - flow.codebook(torch.float64)).square().sum(1)
        assert float(distance[int(found)]) <= float(distance.min()) * (1 + 1e-9) + 1e-9


def test_the_published_threshold_makes_classes_that_are_none() -> None:
    """Of 5 classes the digits of 7 are none; nearest are those of 3, at one wrong digit."""
    flow = CodebookDiffusion(codes="bits", classes=5)
    assert int(flow.nearest(torch.tensor([[0.1, 1.0, 1.0]]))) == 3


def test_clipping_is_in_every_reverse_verb() -> None:
    flow = CodebookDiffusion(codes="bits", classes=4, scale=0.5, clip=True)
    state, far = torch.randn(2, 3, 2, generator=generator())
    far, t, s = 10 * far, torch.full((3,), 0.2), torch.full((3,), 0.4)
    for name in flow.samplers:
        clipped = flow.with_sampler(name)
        free = dataclasses.replace(clipped, clip=False)
        near = far.clamp(-0.5, 0.5)
        for verb in ("step", "correct"):
            one = getattr(clipped, verb)(state, far, t, s, rng=generator())
            assert torch.equal(one, getattr(free, verb)(state, near, t, s, rng=generator()))


@pytest.mark.parametrize("codes", CODES)
def test_loss_is_that_of_the_codes(codes: Literal["one_hot", "bits"]) -> None:
    flow, x = CodebookDiffusion(codes=codes, classes=5, scale=3.0), torch.tensor([4, 0, 2])
    code, t = flow.encode(x, torch.float32), torch.full((3,), 0.3)
    state = flow.corrupt(x, t, rng=generator())
    loss = flow.loss(code + 2, x, state, t, rng=generator())
    Tolerance.EXACT32.assert_close(loss, torch.full((3,), 4.0 * flow.channels))


def test_flows_that_do_not_exist() -> None:
    for wrong in ({"classes": 0}, {"scale": 0.0}, {"scale": float("inf")}):
        with pytest.raises(ValueError, match="must be positive"):
            CodebookDiffusion(**{"codes": "bits", "classes": 3} | wrong)
    with pytest.raises(ValueError, match="prediction='x0'"):
        CodebookDiffusion(codes="bits", classes=3, process=VariancePreserving(prediction="epsilon"))
    with pytest.raises(ValueError, match="clip is for"):
        CodebookDiffusion(codes="one_hot", classes=3, clip=True)
    with pytest.raises((ValueError, TypeCheckError)):
        CodebookDiffusion(codes="gray", classes=3)  # type: ignore[arg-type] # that is the test
    flow = CodebookDiffusion(codes="bits", classes=3)
    assert flow.with_steps(7) is flow
    assert flow.with_sampler("published_pc").corrections == 1
    assert flow.corrections == 0


@pytest.mark.parametrize("codes", ["one_hot", "bits"])
@pytest.mark.parametrize("beyond", [1.0, 3.0])
def test_a_prediction_that_is_sure_stays_so_under_limits(codes: Any, beyond: float) -> None:
    """Bits of 1 leave the other class no probability, and bits beyond are no more than sure."""
    flow = CodebookDiffusion(codes=codes, classes=4, scale=0.5)
    free = flow.limited(Limits(allowed=torch.ones(4, 4, dtype=torch.bool)))
    sure = flow.codebook()
    state = torch.randn(4, flow.channels, generator=torch.Generator().manual_seed(0))
    t = torch.full((4,), 0.3)
    found = free.step(state, beyond * sure, t, t + 0.2, rng=torch.Generator().manual_seed(1))
    expected = flow.step(state, sure, t, t + 0.2, rng=torch.Generator().manual_seed(1))
    torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-5)
    assert free.decode(state, beyond * sure, t, rng=torch.Generator()).tolist() == [0, 1, 2, 3]
