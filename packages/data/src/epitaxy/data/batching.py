"""Which crystals each training step sees."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class ShuffledBatches:
    """Batches of a shuffled dataset as a pure function of the training step.

    Step s belongs to pass s // steps_per_pass; each pass has a permutation of its own, seeded by (seed,
    pass). A run that is resumed at step s therefore sees what an uninterrupted one would have seen, without
    any state to restore.

    Attributes:
        num: size of the dataset.
        batch_size: indices a step, over all ranks together.
        seed: the run's seed.
        drop_last: whether to leave out what does not fill a batch at the end of a pass; else that batch is
            smaller.

    Raises:
        ValueError: if there would be no batch.

    """

    num: int
    batch_size: int
    seed: int
    drop_last: bool = True

    def __post_init__(self) -> None:
        if self.num < 1 or self.batch_size < 1:
            raise ValueError(f"num and batch_size must be at least 1, not {self.num} and {self.batch_size}")
        if self.drop_last and self.num < self.batch_size:
            raise ValueError(
                f"{self.num} crystals fill no batch of {self.batch_size}; use a smaller batch_size, "
                f"or drop_last=False"
            )

    @property
    def steps_per_pass(self) -> int:
        """Steps in which every crystal is seen at most once."""
        whole, rest = divmod(self.num, self.batch_size)
        return whole if self.drop_last or rest == 0 else whole + 1

    def indices(self, step: int, rank: int = 0, world: int = 1) -> Int[Tensor, " batch"]:
        """Return the indices of one step: over all ranks they are the step's whole batch, each index once.

        Raises:
            ValueError: if the step is negative, the rank is not in 0 ... world - 1, or some batch is too
                small to give every rank an index.

        """
        if step < 0 or not 0 <= rank < world:
            raise ValueError(f"there is no step {step} of rank {rank} among {world}")
        if self._smallest_batch < world:
            raise ValueError(f"a batch of {self._smallest_batch} leaves some of {world} ranks without work")
        number, place = divmod(step, self.steps_per_pass)
        batch = _permutation(self.num, self.seed, number)[
            place * self.batch_size : (place + 1) * self.batch_size
        ]
        return batch[rank::world].clone()

    @property
    def _smallest_batch(self) -> int:
        rest = self.num % self.batch_size
        return self.batch_size if self.drop_last or rest == 0 else rest


@lru_cache(maxsize=4)
def _permutation(num: int, seed: int, number: int) -> Int[Tensor, " num"]:
    digest = hashlib.sha256(f"epitaxy batches {seed} {number}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)
    return torch.randperm(num, generator=generator)
