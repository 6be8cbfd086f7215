"""What models of asymmetric units are judged by while they train, as those of crystals are."""

from collections import Counter
from collections.abc import Iterable

import torch

from epitaxy.apps.asymmetric_units.model import WyckoffModel
from epitaxy.apps.asymmetric_units.requests import for_compositions, for_groups
from epitaxy.apps.asymmetric_units.symmetry import Symmetry
from epitaxy.apps.crystals.trial import match_trial, valid_trial
from epitaxy.apps.generative.dataset import draw
from epitaxy.apps.generative.trial import Trial
from epitaxy.data import to_structures
from epitaxy.data.wyckoff import WyckoffDataset
from epitaxy.geometry.symmetry import lattice_points


def wyckoff_trial(model: WyckoffModel, validation: WyckoffDataset, num: int) -> Trial:
    """Return a trial of ``num`` samples (of all validation structures, where these are given and fewer).

    A structure is asked for by the composition of its primitive cell; its space group is not told.
    """
    statistics = model.statistics
    if model.recipe.task == "dng":
        return valid_trial(for_groups(Symmetry(), statistics, num=num, seed=0, targets={}))
    some = draw(validation, num)
    batch = some.batch(range(len(some)), dtype=torch.float64)
    crystals = dict(zip(some.ids, to_structures(batch.expand()), strict=True))
    cells = {
        name: _primitive(crystal.atomic_numbers, group)
        for (name, crystal), group in zip(crystals.items(), batch.space_groups.tolist(), strict=True)
    }
    return match_trial(for_compositions(cells, Symmetry(), statistics, num=1, seed=0), crystals)


def _primitive(numbers: Iterable[int], group: int) -> list[int]:
    """Return the atomic numbers of the primitive cell, of those of the conventional one."""
    return [z for z, count in Counter(numbers).items() for _ in range(count // lattice_points(group))]
