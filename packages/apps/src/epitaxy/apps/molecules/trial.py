"""What models of molecules are judged by while they train: stable ones made."""

from collections.abc import Sequence

from epitaxy.apps.generative.trial import Trial
from epitaxy.apps.molecules.model import MoleculeModel
from epitaxy.apps.molecules.requests import for_sizes
from epitaxy.apps.requests.sample import Sample
from epitaxy.data.molecules import MoleculeDataset
from epitaxy.eval.molecules import Molecules, measure_stability


def molecule_trial(model: MoleculeModel, validation: MoleculeDataset, num: int) -> Trial:  # noqa: ARG001 - as kinds have it
    """Return a trial of ``num`` samples; good are those of which every atom is stable, by EDM's rule."""
    return Trial(
        metric="stable", requests=for_sizes([], model.statistics, num=num, seed=0, targets={}), good=_stable
    )


def _stable(samples: Sequence[Sample]) -> Sequence[bool]:
    made = {k: atoms for k, sample in enumerate(samples) if (atoms := sample.molecule) is not None}
    if not made:
        return [False] * len(samples)
    held = Molecules.from_pairs([(atoms.numbers, atoms.positions) for atoms in made.values()])
    stable = dict(zip(made, measure_stability(held).stable.tolist(), strict=True))
    return [stable.get(k, False) for k in range(len(samples))]
