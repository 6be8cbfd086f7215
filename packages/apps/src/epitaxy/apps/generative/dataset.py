"""What training asks of a dataset, of whatever kind; loaded with progress, what was rejected said aloud."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

import torch
from jaxtyping import Int
from torch import Tensor

from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.foundation.progress import reporting
from epitaxy.data import SPLITS, CrystalDataset, Split
from epitaxy.data.molecules import MoleculeDataset
from epitaxy.data.wyckoff import WyckoffDataset

SUBSET_SEED = 0
"""``--limit`` draws the same records in every command, so that sampling and scoring agree."""


@runtime_checkable
class Dataset(Protocol):
    """Structures that can be drawn as batches."""

    @property
    def ids(self) -> tuple[str, ...]:
        """One name a structure."""
        ...

    @property
    def counts(self) -> Int[Tensor, " structures"]:
        """Rows of each structure."""
        ...

    @property
    def numbers(self) -> Int[Tensor, " rows"]:
        """Atomic number of each row."""
        ...

    def __len__(self) -> int: ...

    def batch(self, indices: Sequence[int] | Int[Tensor, " graphs"]) -> Any:
        """Return these structures, in this order, as one batch."""
        ...

    def subset(self, indices: Sequence[int] | Int[Tensor, " chosen"]) -> "Dataset":
        """Return these structures, in this order, as a dataset."""
        ...


D = TypeVar("D", bound=Dataset)
L = TypeVar("L", CrystalDataset, WyckoffDataset, MoleculeDataset)


def load_prepared(load: Callable[..., L], name: str, split: str, **words: Any) -> L:
    """Load one split, preparing it the first time; say what was rejected and how it was split.

    Raises:
        UsageError: a word that is no split.
        DataError: no such dataset or split, or nothing in it can be used.
    """
    with reporting(f"preparing {name} {split}") as progress:
        dataset = load(
            name,
            check_split(split),
            progress=lambda done, total: progress(done, total, "records"),
            **words,
        )
    prepared = dataset.prepared
    if prepared is not None and prepared.rejects:
        notify(f"{name} {split}: {prepared.rejects} records rejected, see {prepared.rejects_path}")
    if dataset.note:
        notify(f"{name}: {dataset.note}")
    return dataset


def draw(dataset: D, limit: int) -> D:
    """Return ``limit`` structures drawn with a fixed seed (all, where there are no more)."""
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(SUBSET_SEED))
    return cast("D", dataset.subset(order[:limit].sort().values))


def check_split(word: str) -> Split:
    """Return ``word`` as a split.

    Raises:
        UsageError: it is none.
    """
    for split in SPLITS:
        if word == split:
            return split
    raise UsageError(f"--split {word}: choose {', '.join(SPLITS)}")
