"""Small parts that networks share, and those that are chosen by a word."""

from collections.abc import Callable, Mapping
from typing import ClassVar, TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from epitaxy.geometry import Segments
from epitaxy.models.embeddings import GaussianTimeEmbedding, SpeciesEmbedding, TimeEmbedding
from epitaxy.models.lattice_views import LatticeView, MatrixLattice, ParameterLattice

T = TypeVar("T")


def linear_head(hidden: int) -> nn.Module:
    """One layer (DiffCSP, CrysBFN)."""
    return nn.Linear(hidden, 3, bias=False)


def two_layer_head(hidden: int) -> nn.Module:
    """Two layers (KLDM)."""
    return perceptron(hidden, hidden, 3, bias=False)


def perceptron(inputs: int, hidden: int, outputs: int, *, bias: bool = True) -> nn.Sequential:
    """Two layers with a SiLU between; `bias` is the second one's."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.SiLU(), nn.Linear(hidden, outputs, bias=bias))


LATTICES: Mapping[str, LatticeView] = {"matrix": MatrixLattice(), "parameters": ParameterLattice()}
SPECIES: Mapping[str, Callable[[int, int], nn.Module]] = {
    "index": SpeciesEmbedding,
    "probabilities": nn.Linear,
}
TIMES: Mapping[str, Callable[[int], nn.Module]] = {
    "sinusoidal": TimeEmbedding,
    "gaussian": GaussianTimeEmbedding,
}
POSITION_HEADS: Mapping[str, Callable[[int], nn.Module]] = {
    "linear": linear_head,
    "two_layer": two_layer_head,
}


def choose(what: str, word: str, choices: Mapping[str, T]) -> T:
    """Return what the word stands for.

    Raises:
        ValueError: if it stands for nothing.

    """
    if word not in choices:
        raise ValueError(f"{what} is {' or '.join(map(repr, choices))}, not {word!r}")
    return choices[word]


def normed(
    x: Float[Tensor, "atoms hidden"],
    scale: Float[Tensor, "atoms hidden"],
    shift: Float[Tensor, "atoms hidden"],
) -> Float[Tensor, "atoms hidden"]:
    """Layer norm whose scale and shift come from outside."""
    return F.layer_norm(x, x.shape[1:]) * (1 + scale) + shift


class Addition(nn.Module):
    """A part whose output is added to features, so that a trained network may be given one more.

    Attributes:
        last: names of the parts whose output is added; with their weights at 0 nothing is.

    """

    last: ClassVar[tuple[str, ...]]

    @torch.no_grad()
    def silence(self) -> None:
        """Set the weights to 0 by which the part has an effect; their gradients are not 0."""
        for name in self.last:
            for weight in self.get_submodule(name).parameters():
                weight.zero_()


class Modulation(nn.Linear):
    """What a graph tells its atoms' layer: two scales, shifts and gates (adaptive layer norm; DiT, 2023).

    It begins at 0: without effect.

    Args:
        hidden: width of what is told, and of each of the six.

    """

    def __init__(self, hidden: int) -> None:
        super().__init__(hidden, 6 * hidden)
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def of_atoms(
        self, of_graphs: Float[Tensor, "graphs hidden"], segments: Segments
    ) -> tuple[Float[Tensor, "atoms hidden"], ...]:
        """Return scale, shift and gate of the attention, then of the perceptron, for every atom."""
        return segments.expand(self(of_graphs)).chunk(6, dim=1)


class Sharpness(nn.Linear):
    """How much each row's evidence counts at a time: a positive factor, 1 as it begins.

    Args:
        time_dim: channels of the time embedding.

    """

    def __init__(self, time_dim: int) -> None:
        super().__init__(time_dim, 1)
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def of_rows(
        self, of_time: Float[Tensor, "graphs time_dim"], segments: Segments, dtype: torch.dtype
    ) -> Float[Tensor, "atoms 1"]:
        """Return the factor of every row."""
        return segments.expand(self(of_time).to(dtype).exp())


def compute_dtype(like: Tensor) -> torch.dtype:
    """Autocast's type for matrix products where it is on, which a function of our own must ask for itself."""
    kind = like.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else like.dtype
