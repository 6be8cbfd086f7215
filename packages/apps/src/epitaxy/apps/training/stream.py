"""The training data as a pure function of the step, so that a resumed run sees what it would have seen."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from epitaxy.apps.generative.dataset import Dataset
from epitaxy.apps.generative.model import Batch
from epitaxy.data import ShuffledBatches


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStream:
    """One *chunk* of training: the batches from the current step to the next multiple of ``chunk``.

    Lightning calls a chunk an epoch; its end is where validation and resumable checkpoints happen. What is in
    the batch of a step depends on the step, the seed and the rank alone, never on where a chunk began.
    """

    dataset: Dataset
    batches: ShuffledBatches
    chunk: int
    position: Callable[[], int]
    """Returns the global step of the next batch."""
    rank: int = 0
    world: int = 1
    accumulate: int = 1
    """Parts that this rank works a step's batch off in, one after the other."""

    def __len__(self) -> int:
        """Return the number of parts of a whole chunk."""
        return self.chunk * self.accumulate

    def __iter__(self) -> Iterator[Batch]:
        """Yield this rank's parts of batches up to the chunk's end."""
        start = self.position()
        shares = self.world * self.accumulate
        for step in range(start, (start // self.chunk + 1) * self.chunk):
            for part in range(self.accumulate):
                own = share(part, rank=self.rank, world=self.world)
                yield self.dataset.batch(self.batches.indices(step, rank=own, world=shares))


def share(part: int, *, rank: int, world: int) -> int:
    """Return which share of a step a rank's part is.

    What a share holds, structures and noise, does not depend on who works it off: so many devices, or so many
    parts on one device, make the same step.
    """
    return part * world + rank


def chunk_steps(*, checkpoint_steps: int, validation_steps: int) -> tuple[int, int]:
    """Return (steps a chunk, chunks between two validations).

    Chunks divide the validation interval, or what is a few steps less: a validation planned for the last step
    would be missed if it came later.

    Args:
        checkpoint_steps: the most steps that a killed run may lose.
        validation_steps: steps between two validations.
    """
    chunks = math.ceil(validation_steps / checkpoint_steps)
    return validation_steps // chunks, chunks
