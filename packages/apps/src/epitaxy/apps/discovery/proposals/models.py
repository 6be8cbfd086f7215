"""Candidates that a trained model samples."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from epitaxy.apps.asymmetric_units.generator import SymmBFN
from epitaxy.apps.crystals.generator import CrystalGenerator
from epitaxy.apps.discovery.proposals.proposal import Origin, Proposal, Proposer, Source
from epitaxy.apps.discovery.proposals.stream import Scheduled
from epitaxy.apps.discovery.question import Question, formula_of
from epitaxy.apps.foundation.devices import chosen_device
from epitaxy.apps.requests.capabilities import Capability
from epitaxy.apps.requests.request import Request
from epitaxy.apps.requests.sample import Sample
from epitaxy.apps.sampling.generate import generate
from epitaxy.apps.sampling.generator import Generator
from epitaxy.geometry import structure_seed

BATCH, SMALL_BATCH = 16, 6
"""Structures sampled at once for a formula, and for each of many."""

STEPS = 20
"""Network evaluations a structure unless told otherwise: relaxing does the rest, and takes longer."""

UNGUIDED = {"composition_guidance": 0.0}
"""Of models whose recipe guides: the ranking counts how often what was learned comes to each candidate, and
was fitted to that; and guidance costs as many evaluations again."""

Requests = Callable[[Any, int], Sequence[Request]]
"""Makes a batch's requests of a model and a seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How models sample in a search.

    Attributes:
        seed: of the whole search.
        steps: network evaluations a structure; None for :data:`STEPS`, or the recipe's if that has fewer.
        device: torch device, ``auto`` for a GPU where there is one.
    """

    seed: int
    steps: int | None = None
    device: str = "auto"


@dataclass(eq=False)
class Loaded:
    """A model that is loaded when it is first asked."""

    capability: Capability
    sampling: Sampling

    @property
    def symmetric(self) -> bool:
        """Whether it makes asymmetric units."""
        return self.capability.model == "symmbfn"

    @property
    def model(self) -> Generator[Any, Any]:
        """The model, ready to sample."""
        return _loaded(self.symmetric, str(self.capability.path))

    def samples(self, requests: Sequence[Request]) -> list[Sample]:
        """Sample them at once."""
        recipe = self.model.model.recipe
        steps = self.sampling.steps or min(STEPS, recipe.sampling.steps)
        batches = generate(
            self.model.model,
            requests,
            steps=max(steps, self.model.model.least_steps),
            batch_size=len(requests),
            device=chosen_device(self.sampling.device),
        )
        return [sample for batch in batches for sample in batch]


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """What one model samples for one request after the other."""

    loaded: Loaded
    requests: Requests
    seed: int

    @property
    def kind(self) -> Source:
        """A model."""
        return "models"

    @property
    def name(self) -> str:
        """The model's."""
        return self.loaded.capability.name

    def batch(self, number: int) -> Sequence[Proposal]:
        """Sample a batch from a seed of its own; there is no last one."""
        requests = self.requests(self.loaded.model, structure_seed(self.seed, number))
        return [self._proposal(sample) for sample in self.loaded.samples(requests)]

    def _proposal(self, sample: Sample) -> Proposal:
        origin = Origin(kind="models", by=self.name, detail=f"seed {sample.request.seed}")
        return Proposal(origin=origin, structure=sample.crystal, fault=sample.reason)


@lru_cache(maxsize=8)
def _loaded(symmetric: bool, path: str) -> Generator[Any, Any]:
    return (SymmBFN if symmetric else CrystalGenerator).load(path)


def model_proposer(
    capability: Capability, question: Question, formulas: Sequence[str], sampling: Sampling
) -> Proposer:
    """Return what one model proposes.

    Args:
        capability: which model, that can serve.
        question: what is searched.
        formulas: the compositions that are looked at, of those that the model can make.
        sampling: seed, steps and device.
    """
    loaded = Loaded(capability, sampling)
    seed = structure_seed(sampling.seed, _own(capability.name))
    words: dict[str, Any] = {} if question.group is None else {"spacegroup": question.group}
    if capability.task == "csp" and not loaded.symmetric:
        words |= UNGUIDED
    if question.is_system and capability.task == "dng":
        return Sampled(loaded, _within(question.elements, words), seed)
    if not question.is_system:
        return Sampled(loaded, _for(formula_of(question.amounts or {}), BATCH, words), seed)
    makers: list[Callable[[], Proposer]] = [
        partial(Sampled, loaded, _for(formula, SMALL_BATCH, words), structure_seed(seed, n))
        for n, formula in enumerate(formulas)
    ]
    return Scheduled("models", capability.name, makers)


def _for(formula: str, num: int, words: Mapping[str, Any]) -> Requests:
    return lambda model, seed: model.requests(formula=formula, num=num, seed=seed, **words)


def _within(elements: Sequence[str], words: Mapping[str, Any]) -> Requests:
    """Ask a model that chooses its own composition for crystals of just these elements."""
    system = "-".join(elements)
    asked = {"formula": None, "chemical_system": system, **words}
    return lambda model, seed: model.requests(num=BATCH, seed=seed, **asked)


def _own(name: str) -> int:
    """Return a number of a name, the same on every machine."""
    return int.from_bytes(name.encode()[-6:], "big")
