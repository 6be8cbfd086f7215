"""Sampling with a function in place of the network."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from epitaxy.flows.protocol import Flow
from epitaxy.geometry import AnyRng

# (state, t) -> what a network that knows the data's law would put out.
Oracle = Callable[[Any, Float[Tensor, " rows"]], Tensor]


def sample(
    flow: Flow[Any], oracle: Oracle, like: Shaped[Tensor, " rows *event"], steps: int, *, rng: AnyRng
) -> Shaped[Tensor, " rows *event"]:
    """Draw one sample a row, all rows at once, in `steps` calls of the oracle (CrysBFN, Alg. 2)."""
    times = [torch.full((like.shape[0],), i / steps, device=like.device) for i in range(steps)]
    flow = flow.with_steps(steps)
    state = flow.prior(like, rng=rng)
    for t, s in pairwise(times):
        state = flow.step(state, oracle(state, t), t, s, rng=rng)
    return flow.decode(state, oracle(state, times[-1]), times[-1], rng=rng)
