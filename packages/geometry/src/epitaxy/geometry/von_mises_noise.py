"""Exact, vectorised draws from the von Mises law of mean 0."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.geometry.rng import AnyRng, Rng, as_rng

# At least 0.65 of the proposals are accepted, whatever kappa: that an element is left after 200 rounds has
# probability 0.35^200, about 1e-91.
_MAX_ROUNDS = 200


def von_mises_noise(concentration: Float[Tensor, "*shape"], *, rng: AnyRng) -> Float[Tensor, "*shape"]:
    """Angles in [-pi, pi) from the von Mises law of mean 0 and the given concentration; uniform where it is 0.

    Add the result to a mean: what is drawn then never depends on the mean. Not differentiable.

    The rejection sampler of Best & Fisher (1979) with its wrapped-Cauchy envelope, written in tan(angle / 2) so
    that neither kappa -> 0 nor a large kappa needs a case of its own; computed in float64.

    Raises:
        ValueError: if a concentration is negative, infinite or NaN.

    """
    kappa = concentration.detach()
    if not bool(((kappa >= 0) & kappa.isfinite()).all()):
        raise ValueError("concentrations must be finite and not negative")
    flat = kappa.double().reshape(-1)
    angle = _propose_until_accepted(flat, kappa.shape, as_rng(rng).fork())
    half_turn = torch.tensor(math.pi, dtype=kappa.dtype, device=kappa.device)
    angle = angle.to(kappa.dtype)
    return torch.where(angle >= half_turn, -half_turn, angle).view(kappa.shape)


def _propose_until_accepted(kappa: Tensor, shape: torch.Size, rng: Rng) -> Tensor:
    """Fill every element, drawing in each round only for those not yet accepted."""
    rows = shape if len(shape) else torch.Size([1])
    angle = torch.empty_like(kappa)
    left: Tensor | None = None
    for _ in range(_MAX_ROUNDS):
        u, v = (
            rng.uniform(rows, dtype=torch.float64, device=kappa.device, at=left).reshape(-1) for _ in "uv"
        )
        proposal, accepted = _propose(kappa if left is None else kappa[left], u, v)
        places = accepted.nonzero().squeeze(-1)
        angle[places if left is None else left[places]] = proposal[places]
        rest = accepted.logical_not_().nonzero().squeeze(-1)
        left = rest if left is None else left[rest]
        if left.shape[0] == 0:
            return angle
    raise RuntimeError(f"von Mises rejection did not end within {_MAX_ROUNDS} rounds")


def _propose(kappa: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """A wrapped-Cauchy angle from u, and whether v accepts it.

    Best & Fisher's r = (1 + sqrt(1 + 4 k^2)) / (2 k) enters as b = k (r - 1), from 1 at k = 0 to 1/2 at infinity.
    With t = tan(angle / 2), the envelope is Cauchy in t with scale sqrt(b / (b + 2 k)), and with
    q = b + k (1 - cos(angle)) a proposal is accepted with probability q exp(1 - q).
    """
    b = 0.5 + 0.5 / (torch.sqrt(1.0 + 4.0 * kappa.square()) + 2.0 * kappa)
    t = torch.sqrt(b / (b + 2.0 * kappa)) * torch.tan(math.pi * (u - 0.5))
    square = t.square()
    q = b + 2.0 * kappa * square / (1.0 + square)
    return 2.0 * torch.atan(t), v < q * torch.exp(1.0 - q)
