"""Sharing one sampling job among processes started by torchrun."""

import os
from collections.abc import Sequence
from types import TracebackType

import torch
import torch.distributed as dist

from epitaxy.apps.requests.request import Request
from epitaxy.apps.requests.sample import Sample


class Shards:
    """Splits requests over the processes of a torchrun group and brings the samples together, in order.

    Each structure has its own seed, so the result does not depend on the number of processes. Without
    torchrun there is one process and this does nothing.
    """

    def __init__(self) -> None:
        self.world = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))

    def __enter__(self) -> "Shards":
        if self.world > 1:
            dist.init_process_group("gloo")
            if torch.cuda.is_available():
                torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.world > 1 and dist.is_initialized():
            dist.destroy_process_group()

    def share(self, requests: Sequence[Request]) -> Sequence[Request]:
        """Return this process's requests: every ``world``-th."""
        return requests[self.rank :: self.world]

    def gather(self, samples: list[Sample], total: int) -> list[Sample] | None:
        """Return all samples in the order of the requests on the first process, None on the others."""
        if self.world == 1:
            return samples
        parts: list[list[Sample] | None] | None = [None] * self.world if self.rank == 0 else None
        dist.gather_object(samples, parts)
        if parts is None:
            return None
        merged: list[Sample] = []
        for k in range(total):
            part = parts[k % self.world] or []
            merged.append(part[k // self.world])
        return merged
