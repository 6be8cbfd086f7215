"""The structures that validation looks at: always the same ones, with the same noise."""

import torch
from torch.utils.data import DataLoader

from epitaxy.apps.config import Recipe
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.generative.dataset import Dataset
from epitaxy.apps.generative.model import Batch
from epitaxy.data import Vocabulary


def validation_batches(dataset: Dataset, recipe: Recipe, *, rank: int, world: int) -> DataLoader[Batch]:
    """Return this rank's validation batches, in the form that Lightning asks for.

    ``training.validation_crystals`` of them are drawn once with the recipe's seed; where the split is
    smaller, all are used. Each batch is cut over the ranks.
    """
    generator = torch.Generator().manual_seed(recipe.training.seed)
    order = torch.randperm(len(dataset), generator=generator)[: recipe.training.validation_crystals]
    batches = torch.split(order, recipe.training.batch_size)
    made = [dataset.batch(batch[rank::world]) for batch in batches if len(batch) >= world]
    return DataLoader(made, batch_size=None, collate_fn=_as_it_is)  # type: ignore[arg-type]  # a list is a dataset


def within_vocabulary(dataset: Dataset, vocabulary: Vocabulary) -> Dataset:
    """Leave out structures with an element that training has not: the model has no input for it.

    Raises:
        UsageError: none is left.
    """
    known = torch.isin(dataset.numbers, torch.tensor(vocabulary.numbers))
    parts = torch.split(known, dataset.counts.tolist())
    keep = [i for i, atoms in enumerate(parts) if bool(atoms.all())]
    if not keep:
        raise UsageError(
            "every validation structure has an element that training has not: give the two splits of one "
            "dataset, or train on more"
        )
    if len(keep) < len(dataset):
        notify(
            f"{len(dataset) - len(keep)} validation structures have elements that training has not: left out"
        )
    return dataset if len(keep) == len(dataset) else dataset.subset(keep)


def _as_it_is(batch: Batch) -> Batch:
    return batch
