"""Laws of every flow, to be inherited by the tests of each."""

from dataclasses import fields, is_dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.flows.protocol import Correcting, Flow
from epitaxy.geometry import AnyRng, RowRng
from epitaxy.geometry.testing import Tolerance


class FlowLaws:
    """Subclass it, say how to build the flow, data and outputs, and pytest checks the laws.

    Attributes:
        rows: rows of the data that the laws are checked with.
        prior_is_exact: whether the prior is the law of the corruption at t = 0, number for number. False for
            diffusions that end near their prior only.
        state_dtype: dtype of the state's tensors, and of what the network sees of it.
        seen_dtype: dtype of what the network sees, where that is another.

    """

    rows = 6
    prior_is_exact: bool = True
    state_dtype: torch.dtype = torch.float32
    seen_dtype: torch.dtype | None = None

    def flow(self) -> Flow[Any]:
        """Build the flow under test."""
        raise NotImplementedError

    def flow_of(self, rows: Int[Tensor, " picked"]) -> Flow[Any]:
        """Build the flow for these rows of the data, for flows that are told something of each row."""
        return self.flow()

    def picks(self) -> list[Int[Tensor, " picked"]]:
        """List some choices of rows that must come out alike without the others."""
        rows = torch.arange(self.rows)
        return [rows.flip(0), rows[-1:], rows[[0, 2]]]

    def data(self, generator: torch.Generator) -> Tensor:
        """Draw data with `rows` rows, float32 where it is real."""
        raise NotImplementedError

    def output(self, generator: torch.Generator) -> Tensor:
        """Draw a network's float32 output with `rows` rows."""
        raise NotImplementedError

    def test_prior_is_the_corruption_at_time_zero(self) -> None:
        """With the same numbers, the prior and the corruption at t = 0 are the same, whatever the data.

        Where the prior is not exact, it is at least finite, with the state's dtype and the data's rows.
        """
        flow, x = self.flow(), self.data(_generator())
        prior = flow.prior(x, rng=_row_rng(self.rows))
        for tensor in _tensors(prior):
            assert tensor.shape[0] == self.rows
            assert tensor.dtype == self.state_dtype
            assert bool(tensor.isfinite().all())
        if not self.prior_is_exact:
            return
        corrupted = flow.corrupt(x, self._at(0.0), rng=_row_rng(self.rows))
        for a, b in zip(_tensors(prior), _tensors(corrupted), strict=True):
            Tolerance.EXACT32.assert_close(a, b)

    def test_states_are_finite_and_keep_dtype_and_rows(self) -> None:
        """At every end of time."""
        flow, x, out = self.flow(), self.data(_generator()), self.output(_generator())
        steps = flow.grid or 1000
        for i in (0, 1, steps - 1):
            t, s = self._at(i / steps), self._at((i + 1) / steps)
            state = flow.corrupt(x, t, rng=_generator())
            later = _advance(flow, state, out, t, s, _generator())
            seen = flow.features(state, t)
            for tensor in [*_tensors(state), *_tensors(later), seen.value]:
                assert tensor.shape[0] == self.rows
                assert bool(tensor.isfinite().all())
            assert {part.dtype for part in (*_tensors(state), *_tensors(later))} == {self.state_dtype}
            assert seen.value.dtype == (self.seen_dtype or self.state_dtype)
            for extra in (seen.condition, seen.velocity):
                assert extra is None or (extra.shape[0] == self.rows and extra.dtype == torch.float32)
                assert extra is None or bool(extra.isfinite().all())

    def test_loss_is_finite_per_row_and_differentiable(self) -> None:
        """At both ends of time."""
        flow, x = self.flow(), self.data(_generator())
        out = self.output(_generator()).requires_grad_()
        steps = flow.grid or 1000
        for i in (0, steps - 1):
            t = self._at(i / steps)
            state = flow.corrupt(x, t, rng=_generator())
            loss = flow.loss(out, x, state, t, rng=_generator())
            (slope,) = torch.autograd.grad(loss.sum(), out)
            assert loss.shape == (self.rows,)
            assert loss.dtype == torch.float32
            assert bool(loss.isfinite().all())
            assert bool(slope.isfinite().all())

    def test_everything_is_finite_at_both_ends_of_time(self) -> None:
        """At t = 0 and 1, at the float32 numbers next to them, and in a step from any of them to the end."""
        flow, x = self.flow(), self.data(_generator())
        for time in (0.0, 2.0**-149, 2.0**-24, 1 - 2.0**-24, 1.0):
            t, end = self._at(time), self._at(1.0)
            state = flow.corrupt(x, t, rng=_generator())
            out = self.output(_generator()).requires_grad_()
            loss = flow.loss(out, x, state, t, rng=_generator())
            (slope,) = torch.autograd.grad(loss.sum(), out)
            out = out.detach()
            later = _advance(flow, state, out, t, end, _generator())
            seen = flow.features(state, t)
            samples = [flow.decode(s, out, u, rng=_generator()) for s, u in ((state, t), (later, end))]
            for tensor in [*_tensors(state), *_tensors(later), seen.value, loss, slope, *samples]:
                assert bool(tensor.isfinite().all())
            for extra in (seen.condition, seen.velocity):
                assert extra is None or bool(extra.isfinite().all())

    def test_samples_look_like_data(self) -> None:
        """Decoded samples have the data's shape and dtype."""
        flow, x, out = self.flow(), self.data(_generator()), self.output(_generator())
        t = self._at(0.5)
        sample = flow.decode(flow.corrupt(x, t, rng=_generator()), out, t, rng=_generator())
        assert sample.shape == x.shape
        assert sample.dtype == x.dtype

    def test_a_row_does_not_depend_on_the_others(self) -> None:
        """A row that comes alone, or in another order, with its own key has the same numbers to the bit."""
        flow, x, out = self.flow(), self.data(_generator()), self.output(_generator())
        steps = flow.grid or 1000
        t = torch.arange(self.rows).remainder(steps) / steps
        full = self._walk(flow, x, out, t, torch.arange(self.rows))
        for pick in self.picks():
            part = self._walk(self.flow_of(pick), x[pick], out[pick], t[pick], pick)
            for a, b in zip(full, part, strict=True):
                assert torch.equal(a[pick], b)

    def test_the_number_of_steps_is_free(self) -> None:
        """A flow on a grid takes any other; one in continuous time stays as it is."""
        flow = self.flow()
        for n in (1, 7, 50):
            assert flow.with_steps(n).grid == (None if flow.grid is None else n)

    def _walk(
        self, flow: Flow[Any], x: Tensor, out: Tensor, t: Float[Tensor, " rows"], keys: Tensor
    ) -> list[Tensor]:
        """Corrupt, correct, step, lose and decode with one stream a row."""
        rng, steps = RowRng(keys), flow.grid or 1000
        state = flow.corrupt(x, t, rng=rng)
        loss = flow.loss(out, x, state, t, rng=rng)
        later = _advance(flow, state, out, t, t + 1 / steps, rng)
        return [*_tensors(state), loss, *_tensors(later), flow.decode(later, out, t, rng=rng)]

    def _at(self, t: float) -> Float[Tensor, " rows"]:
        return torch.full((self.rows,), t)


def _advance(
    flow: Flow[Any],
    state: Any,
    out: Tensor,
    t: Float[Tensor, " rows"],
    s: Float[Tensor, " rows"],
    rng: AnyRng,
) -> Any:
    """Correct as often as the flow asks for, and step, with the same output throughout."""
    if isinstance(flow, Correcting):
        for _ in range(flow.corrections):
            state = flow.correct(state, out, t, s, rng=rng)
    return flow.step(state, out, t, s, rng=rng)


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _row_rng(rows: int) -> RowRng:
    return RowRng(torch.arange(rows))


def _tensors(state: Any) -> list[Tensor]:
    """List the tensors of a state: itself, or the fields of a dataclass."""
    if is_dataclass(state):
        return [tensor for field in fields(state) for tensor in _tensors(getattr(state, field.name))]
    assert isinstance(state, Tensor)
    return [state]
