"""What differs between the models, in one object each.

The trainer, the sampler, the model folder and the commands are written against :class:`Kind`. A new kind of
data is a folder with its recipe, model, requests and Python class; it joins by its ``Kind`` and an entry in
:data:`epitaxy.apps.foundation.names.MODELS`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from epitaxy.apps.config.recipe import Recipe
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.names import MODELS, ModelName, what_is_at
from epitaxy.apps.generative.dataset import Dataset
from epitaxy.apps.generative.model import GenerativeModel
from epitaxy.apps.generative.trial import Trial
from epitaxy.apps.requests.sample import Sample

AnyModel: TypeAlias = GenerativeModel[Any, Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A model: how files become a dataset, its statistics and a network, and samples become files.

    Attributes:
        title: the model's name, and in brackets what it is.
        noun: what the structures are called.
        example: what may be trained on, in a sentence.
        load: reads one split of a recipe's dataset: recipe, split, root.
        summarise: computes what a model keeps of its training split.
        parse: reads that from its JSON.
        build: makes a model of a recipe and the statistics.
        write: writes sampled structures into a folder.
        describe: says in a few words what sizes the training data had.
        generator: the Python class that samples.
        trial: says what samples a model is judged by while it trains (``training.keep=sampled``): the model,
            validation structures, number of samples. None for a kind without such a figure.
    """

    title: str
    noun: str
    example: str
    load: Callable[[Any, str, Path | None], Dataset]
    summarise: Callable[[Any], Any]
    parse: Callable[[str], Any]
    build: Callable[[Any, Any], AnyModel]
    write: Callable[[Path, Sequence[Sample]], None]
    describe: Callable[[Any], str]
    generator: type[Any]
    trial: Callable[[Any, Any, int], Trial] | None = None


def kind_of(model: ModelName) -> Kind:
    """Return what a model's entry names."""
    return what_is_at(MODELS[model].kind, Kind)


def build_model(recipe: Recipe, statistics: Any) -> AnyModel:
    """Return a recipe's model, freshly initialised.

    Raises:
        UsageError: values of which no network or flow can be made, or too large ones.
    """
    try:
        return kind_of(recipe.model).build(recipe, statistics)
    except UsageError:
        raise
    except Exception as error:  # whatever a network or a flow has against its numbers
        raise UsageError(f"no model can be made of this recipe: {error}") from error


def span(counts: Mapping[int, int]) -> str:
    """Return the smallest and the largest key, as in ``2 to 20``."""
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low} to {high}"
