"""A trained model in memory, ready to sample: what the models' Python classes share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from epitaxy.apps.foundation.devices import chosen_device
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.foundation.names import ModelName
from epitaxy.apps.generative.model import GenerativeModel
from epitaxy.apps.generative.model_dir import load_model
from epitaxy.apps.requests.request import Request
from epitaxy.apps.requests.sample import Sample
from epitaxy.apps.sampling.consensus import generate_agreed
from epitaxy.apps.sampling.generate import REDRAWS

S = TypeVar("S", bound="Generator[Any, Any]")
M = TypeVar("M", bound=GenerativeModel[Any, Any, Any])
Q = TypeVar("Q", bound=Request)


@dataclass(frozen=True, slots=True, repr=False)
class Generator(Generic[M, Q]):
    """A trained model, generic in what it is and in the requests that it takes."""

    kinds: ClassVar[tuple[ModelName, ...]] = ()
    """Which models ``load`` takes."""
    model: M

    def __repr__(self) -> str:
        recipe, network = self.model.recipe, self.model.network
        parameters = sum(parameter.numel() for parameter in network.parameters())
        return (
            f"{type(self).__name__}({recipe.model}, {recipe.task}, trained on {recipe.dataset}, "
            f"{type(network).__name__} of {parameters:,} parameters)"
        )

    @classmethod
    def load(cls: type[S], name_or_path: str) -> S:
        """Load a run, a model folder or a shipped model.

        Raises:
            UsageError: there is no such model, or it is of another kind.
        """
        return cls(load_model(name_or_path, kinds=cls.kinds).model)

    def samples(
        self,
        requests: Sequence[Q],
        *,
        steps: int | None = None,
        sampler: str | None = None,
        temperature: float | None = None,
        batch_size: int | None = None,
        device: str = "auto",
        redraws: int = REDRAWS,
        consensus: int = 1,
    ) -> list[Sample]:
        """Return one :class:`Sample` per request, in order, with the reason where there is no structure.

        A sample that is no structure is drawn anew up to ``redraws`` times; what is none after that is said.
        Each is chosen among ``consensus`` candidates: see :func:`generate_agreed`.
        """
        defaults = self.model.recipe.sampling
        batches = generate_agreed(
            self.model,
            requests,
            steps=steps or defaults.steps,
            sampler=sampler,
            temperature=temperature,
            batch_size=batch_size or defaults.batch_size,
            device=chosen_device("auto") if device == "auto" else device,
            redraws=redraws,
            consensus=consensus,
        )
        samples = [sample for batch in batches for sample in batch]
        none = [sample.reason for sample in samples if sample.structure is None]
        if none:
            notify(f"{len(none)} of {len(samples)} samples are no structures (the first: {none[0]})")
        return samples
