"""The crystals that validation looks at: always the same ones, with the same noise."""

import torch
from torch.utils.data import DataLoader

from epitaxy.apps.config import Recipe
from epitaxy.data import CrystalDataset
from epitaxy.geometry import CrystalBatch


def validation_batches(
    dataset: CrystalDataset, recipe: Recipe, *, rank: int, world: int
) -> DataLoader[CrystalBatch]:
    """Return this rank's validation batches, in the form that Lightning asks for.

    ``training.validation_crystals`` of them are drawn once with the recipe's seed; where the split is
    smaller, all are used. Each batch is cut over the ranks.
    """
    generator = torch.Generator().manual_seed(recipe.training.seed)
    order = torch.randperm(len(dataset), generator=generator)[: recipe.training.validation_crystals]
    batches = torch.split(order, recipe.training.batch_size)
    made = [dataset.batch(batch[rank::world]) for batch in batches if len(batch) >= world]
    return DataLoader(made, batch_size=None, collate_fn=_as_it_is)  # type: ignore[arg-type]  # a list is a dataset


def _as_it_is(batch: CrystalBatch) -> CrystalBatch:
    return batch
