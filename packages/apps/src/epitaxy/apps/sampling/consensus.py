"""Several structures drawn for each that is asked for: the one is given that most others resemble."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.generative.model import GenerativeModel
from epitaxy.apps.requests.request import Request
from epitaxy.apps.requests.sample import Sample
from epitaxy.apps.sampling.generate import generate
from epitaxy.eval import agreement
from epitaxy.geometry import structure_seed

Q = TypeVar("Q", bound=Request)
_ANOTHER = -10_000
"""What a structure's seed is mixed with, less the number of the candidate, for those after the first."""


def generate_agreed(
    model: GenerativeModel[Any, Any, Q], requests: Sequence[Q], *, consensus: int = 1, **words: Any
) -> Iterator[list[Sample]]:
    """Yield the samples of :func:`generate`, each chosen among ``consensus`` candidates.

    Given is the one that the others speak for most (:func:`epitaxy.eval.agreement`), the first of equals,
    with its own seed: what the model predicts most often, where a single sample is whatever it happens to
    draw. The first candidate is what would have come without a choice.

    Args:
        model: a trained model.
        requests: what to generate.
        consensus: candidates for each, at so many times the cost; 1 chooses nothing.
        words: as :func:`generate` takes them. Its progress counts candidates.

    Raises:
        UsageError: a choice where compositions are the model's own, as such candidates are no alternatives.
    """
    if consensus == 1:
        yield from generate(model, requests, **words)
        return
    if not all(request.composition_given or request.refusal is not None for request in requests):
        raise UsageError(
            f"--consensus {consensus}: candidates agree or not where the composition is given, and here the "
            "model chooses it; leave --consensus out, or name a --formula where the model takes one"
        )
    pending: list[Sample] = []
    for batch in generate(model, [each for r in requests for each in _candidates(r, consensus)], **words):
        pending += batch
        whole = len(pending) // consensus * consensus
        yield [chosen(pending[k : k + consensus]) for k in range(0, whole, consensus)]
        del pending[:whole]


def _candidates(request: Q, consensus: int) -> list[Q]:
    """Return the request, and the same with other seeds."""
    others = (structure_seed(request.seed, _ANOTHER - number) for number in range(1, consensus))
    return [request, *(replace(request, seed=seed) for seed in others)]


def chosen(candidates: Sequence[Sample]) -> Sample:
    """Return the candidate that the others speak for most; the first, if none is a crystal."""
    if all(candidate.crystal is None for candidate in candidates):
        return candidates[0]
    spoken = agreement([candidate.crystal for candidate in candidates])
    crystals = [k for k, candidate in enumerate(candidates) if candidate.crystal is not None]
    best = max(crystals, key=lambda k: (spoken[k], -k))
    return replace(candidates[best], agreement=spoken[best] / (len(candidates) - 1))
