"""``epitaxy average``: the mean of several models' weights, as one model."""

from collections.abc import Sequence

import torch

from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.generative.kind import AnyModel, build_model
from epitaxy.apps.generative.model_dir import LoadedModel
from epitaxy.apps.training.fine_tuning import differences, inherited
from epitaxy.apps.training.weight_transfer import told_properties


def mean_model(models: Sequence[LoadedModel]) -> AnyModel:
    """Return a model whose weights are the mean of several models' (model soups, Wortsman et al. 2022).

    Such a mean is worth something where one training began with the other's weights, or both with the same.
    Tables of the networks are not averaged. All but the weights is the first model's.

    Args:
        models: one or more of the same network and flows.

    Raises:
        UsageError: two of another recipe, or other elements, scales or properties.
    """
    first, *others = models
    for other in others:
        _check_alike(first, other)
    with torch.random.fork_rng(devices=[]):
        result = build_model(first.model.recipe, first.model.statistics)
    result.network.load_state_dict(first.model.network.state_dict())
    networks = [dict(each.model.network.named_parameters()) for each in models]
    with torch.no_grad():
        for name, weight in result.network.named_parameters():
            weight.copy_(torch.stack([of[name].double() for of in networks]).mean(0))
    return result.eval()


def _check_alike(one: LoadedModel, other: LoadedModel) -> None:
    a, b = one.model, other.model
    reason = next(differences(a.recipe.model_dump(), b.recipe.model_dump()), None)
    if reason is None and told_properties(a.recipe) != told_properties(b.recipe):
        reason = "they are told other properties"
    if reason is None and (
        inherited(a.statistics, b.statistics) != a.statistics
        or inherited(b.statistics, a.statistics) != b.statistics
    ):
        reason = "they know other elements, or scale what they see by other numbers"
    if reason is not None:
        raise UsageError(
            f"{one.path} (there) and {other.path} (here) have no mean: {reason}; name runs of the same recipe"
        )
