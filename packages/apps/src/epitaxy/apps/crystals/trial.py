"""What models of crystals are judged by while they train: known structures found, or valid ones made."""

from collections.abc import Mapping, Sequence

from pymatgen.core import Structure

from epitaxy.apps.crystals.data import compositions
from epitaxy.apps.crystals.model import CrystalModel
from epitaxy.apps.crystals.requests import de_novo, for_compositions
from epitaxy.apps.generative.dataset import draw
from epitaxy.apps.generative.trial import Trial
from epitaxy.apps.requests.sample import Sample
from epitaxy.data import CrystalDataset
from epitaxy.eval import evaluate_validity, match_csp


def crystal_trial(model: CrystalModel, validation: CrystalDataset, num: int) -> Trial:
    """Return a trial of ``num`` samples (of all validation structures, where these are given and fewer)."""
    if model.recipe.task == "dng":
        return valid_trial(de_novo(model.statistics, num=num, seed=0))
    some = draw(validation, num)
    requests = for_compositions(compositions(some), model.statistics, num=1, seed=0)
    return match_trial(requests, dict(zip(some.ids, some.structures(), strict=True)))


def match_trial(requests: Sequence[object], truths: Mapping[str, Structure]) -> Trial:
    """Return a trial of samples for known structures: good are those that match, under ``cdvae``."""

    def good(samples: Sequence[Sample]) -> Sequence[bool]:
        predictions = {sample.request.id: [sample.crystal] for sample in samples}
        found = match_csp(predictions, {name: truths[name] for name in predictions})
        matched = {match.id for match in found.matches if match.rms(1) is not None}
        return [sample.request.id in matched for sample in samples]

    return Trial(metric="match_rate", requests=requests, good=good)


def valid_trial(requests: Sequence[object]) -> Trial:
    """Return a trial of samples that are good if their structure and their composition are valid."""
    return Trial(metric="valid", requests=requests, good=_valid)


def _valid(samples: Sequence[Sample]) -> Sequence[bool]:
    verdicts = evaluate_validity([sample.crystal for sample in samples]).samples
    return [verdict.structural.valid and verdict.compositional.valid for verdict in verdicts]
