"""The times that training looks at its structures at."""

import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.apps.config import LogitNormalTimes, UniformTimes


def stratified_times(
    graphs: int,
    grid: int | None,
    generator: torch.Generator,
    drawn: UniformTimes | LogitNormalTimes = UniformTimes(),  # noqa: B008 - frozen
) -> Float[Tensor, " graphs"]:
    """Draw one time per crystal in [0, 1), on ``{0, 1/n, ..., (n-1)/n}`` with a grid of n steps.

    The batch is stratified: crystal k's time falls in the k-th of ``graphs`` intervals that are equally
    likely. Each crystal's own time has the whole law over many batches, because batches are shuffled, and the
    loss is less noisy than with independent draws (the published code draws independently).
    """
    jitter = torch.rand(graphs, generator=generator, device=generator.device)
    time = (torch.arange(graphs, device=generator.device) + jitter) / graphs
    if isinstance(drawn, LogitNormalTimes):
        time = torch.sigmoid(drawn.mean + drawn.std * torch.special.ndtri(time))
    if grid is None:
        return time.clamp(max=1 - torch.finfo(time.dtype).eps)
    return (time * grid).floor().clamp(max=grid - 1) / grid
