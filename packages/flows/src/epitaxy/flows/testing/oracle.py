"""Sampling with a function in place of the network."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from epitaxy.flows.protocol import Correcting, Flow
from epitaxy.geometry import AnyRng

# (state, t) -> what a network that knows the data's law would put out.
Oracle = Callable[[Any, Float[Tensor, " rows"]], Tensor]


def sample(
    flow: Flow[Any], oracle: Oracle, like: Shaped[Tensor, " rows *event"], steps: int, *, rng: AnyRng
) -> Shaped[Tensor, " rows *event"]:
    """Draw one sample a row, all rows at once, as the sampler of structures does (CrysBFN, Alg. 2).

    The oracle is called `steps` times, and once more for every correction that the flow makes before a step.
    """
    times = [torch.full((like.shape[0],), i / steps, device=like.device) for i in range(steps + 1)]
    flow = flow.with_steps(steps)
    state = flow.prior(like, rng=rng)
    for t, s in pairwise(times[:-1]):
        state = _corrected(flow, oracle, state, t, s, rng)
        state = flow.step(state, oracle(state, t), t, s, rng=rng)
    last, end = times[-2:]
    state = _corrected(flow, oracle, state, last, end, rng)
    return flow.decode(state, oracle(state, last), last, rng=rng)


def _corrected(
    flow: Flow[Any],
    oracle: Oracle,
    state: Any,
    t: Float[Tensor, " rows"],
    s: Float[Tensor, " rows"],
    rng: AnyRng,
) -> Any:
    """Correct the state as often as the flow asks for."""
    if isinstance(flow, Correcting):
        for _ in range(flow.corrections):
            state = flow.correct(state, oracle(state, t), t, s, rng=rng)
    return state
