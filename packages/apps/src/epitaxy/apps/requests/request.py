"""What to sample: one request per structure, each with its own seed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from epitaxy.apps.requests.elements import ANY, Palette
from epitaxy.apps.requests.start import Start
from epitaxy.geometry import structure_seed

TARGET = "target_"
"""What the field of a structure begins with that says what was asked of a property."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One structure to generate.

    Attributes:
        id: the material it is a candidate for; a running number where there is none.
        seed: the seed of all its randomness.
        num_atoms: atoms of the cell or molecule; of an asymmetric unit where the model makes that.
        refusal: why no structure can be made, where that is known beforehand.
        palette: the elements that it may have and must have.
        start: the structure that it begins from; None: noise.
    """

    id: str
    seed: int
    num_atoms: int
    refusal: str | None = None
    palette: Palette = ANY
    start: Start | None = None

    @property
    def pinned(self) -> bool:
        """Whether a part of the structure that it begins from is kept."""
        return self.start is not None and self.start.pins is not None

    def begins(self, steps: int) -> int:
        """Return the step that sampling begins with, of so many: the first, unless a structure is given."""
        return 0 if self.start is None else self.start.begins(steps)

    @property
    def composition_given(self) -> bool:
        """Whether every structure made for it has the same atoms."""
        return False

    @property
    def notes(self) -> Mapping[str, str | int | float]:
        """Return what a file should say of the request beside its id and seed."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetedRequest(Request):
    """One structure to generate with certain properties.

    Attributes:
        targets: what is asked of its properties.
        guidance: how far to go beyond what the targets ask.
    """

    targets: Mapping[str, float] = field(default_factory=dict)
    guidance: float = 0.0

    @property
    def notes(self) -> Mapping[str, str | int | float]:
        """Return the targets."""
        return {f"{TARGET}{name}": value for name, value in self.targets.items()}


class RequestOptions(TypedDict):
    """What is asked of every crystal alike, whatever else is."""

    num: int
    seed: int
    targets: Mapping[str, float]
    guidance: float


def draw(weights: Mapping[int, int], seed: int) -> int:
    """Draw a key with probability proportional to its weight, as a function of ``seed`` alone."""
    total = sum(weights.values())
    mark = structure_seed(seed, -1) % total
    for key in sorted(weights):
        mark -= weights[key]
        if mark < 0:
            return key
    raise AssertionError("weights are positive")
