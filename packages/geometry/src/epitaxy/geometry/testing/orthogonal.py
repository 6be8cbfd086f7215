"""Random rotations and reflections, and noise that turns with them."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.geometry.rng import GeneratorRng


def random_orthogonal(*batch: int, rng: torch.Generator, reflections: bool) -> Float[Tensor, "*batch 3 3"]:
    """Draw uniform rotations of space in float64; with `reflections`, uniform members of O(3).

    A QR decomposition alone gives determinant 1 for nearly every 3 x 3 matrix. With the signs of R's diagonal
    in the columns of Q its law is the uniform one (Mezzadri 2007), half of it reflections.
    """
    q, r = torch.linalg.qr(torch.randn(*batch, 3, 3, generator=rng, dtype=torch.float64))
    uniform: Tensor = q * r.diagonal(dim1=-2, dim2=-1).sign()[..., None, :]
    if not reflections:
        uniform = uniform * torch.linalg.det(uniform).sign()[..., None, None]
    return uniform


class TurnedRng(GeneratorRng):
    """A source whose normal numbers, (..., 3), are another's times a matrix (3, 3)."""

    def __init__(self, generator: torch.Generator, matrix: Float[Tensor, "3 3"]) -> None:
        super().__init__(generator)
        self.matrix = matrix

    def normal(self, shape: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Draw what `GeneratorRng` draws, and turn it."""
        turned: Tensor = super().normal(shape, dtype=dtype, device=device) @ self.matrix
        return turned
