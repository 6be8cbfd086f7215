"""Exact, vectorised draws from the von Mises law of mean 0."""

import math

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor

from epitaxy.geometry._parameters import floating
from epitaxy.geometry.devices import require
from epitaxy.geometry.rng import AnyRng, Retries, as_rng

# At least 0.65 of the proposals are accepted, whatever kappa: that an element is left after 200 rounds has
# probability 0.35^200, about 1e-91.
_MAX_ROUNDS = 200
# What a device, which is not asked, is given at once: _EARLY tries for every element, then tries up to the
# _LAST for as many as may be left. The law is missed by a total variation below 1e-28 an element: more than
# _ROOTS sqrt(size) above the mean are left with probability exp(-2 _ROOTS^2), about 1e-31 (Hoeffding 1963),
# and one is left after all with 0.35^64, about 1e-29.
_REFUSED = 0.35
_EARLY, _LAST = 4, 64
_ROOTS = 6.0
# Blocks that fit a core's cache make the CPU four times as fast.
_CPU_BLOCK = 1 << 15


def von_mises_noise(concentration: Real[Tensor, "*shape"], *, rng: AnyRng) -> Float[Tensor, "*shape"]:
    """Draw angles in [-pi, pi) from the von Mises law of mean 0; uniform where the concentration is 0.

    Add the result to a mean: what is drawn then never depends on the mean. Not differentiable.

    The rejection sampler of Best & Fisher (1979) with its wrapped-Cauchy envelope, written in tan(angle / 2)
    so that neither kappa -> 0 nor a large kappa needs a case of its own; computed in float64. On a device,
    which is not waited for, the number of tries is bounded, beyond what float64 could show.

    Args:
        concentration: kappa >= 0, finite; an expanded (broadcast) tensor will do.
        rng: a generator, or an `Rng` whose rows are the first dimension of `concentration`.

    Raises:
        ValueError: if a concentration is negative, infinite or NaN.

    """
    kappa = floating(concentration.detach())
    sound = (kappa >= 0) & kappa.isfinite()
    require(sound, lambda: ValueError("concentrations must be finite and not negative"))
    supply = as_rng(rng).retries(kappa.shape, dtype=torch.float64, device=kappa.device)
    angle = _fill(kappa.reshape(-1), supply).view(kappa.shape)
    half_turn = torch.full((), math.pi, dtype=kappa.dtype, device=kappa.device)
    return torch.where(angle >= half_turn, -half_turn, angle)


def _fill(kappa: Float[Tensor, " size"], supply: Retries) -> Float[Tensor, " size"]:
    """Draw for every element: of the same supply the same on every device."""
    return _by_rounds(kappa, supply) if kappa.device.type == "cpu" else _by_bounds(kappa, supply)


def _by_bounds(kappa: Float[Tensor, " size"], supply: Retries) -> Float[Tensor, " size"]:
    """Propose several times at once for every element, and often for as many as may be left."""
    size = kappa.shape[0]
    angle, left = _first_accepted(kappa, torch.arange(size, device=kappa.device), 0, _EARLY, supply)
    most = min(size, math.ceil(_REFUSED**_EARLY * size + _ROOTS * math.sqrt(size)))
    at = left.to(torch.uint8).argsort(descending=True, stable=True)[:most]
    late, _ = _first_accepted(kappa[at], at, _EARLY, _LAST, supply)
    return angle.index_copy(0, at, torch.where(left[at], late, angle[at]))


def _first_accepted(
    kappa: Float[Tensor, " picked"], at: Int[Tensor, " picked"], first: int, last: int, supply: Retries
) -> tuple[Float[Tensor, " picked"], Bool[Tensor, " picked"]]:
    """Return the first accepted one of several proposals at each position, and where there is none."""
    attempt = torch.arange(first, last, device=kappa.device)[:, None]
    u, v = supply(at, 2 * attempt), supply(at, 2 * attempt + 1)
    proposal, accepted = _propose(kappa.double(), u, v)
    earliest = accepted.to(torch.uint8).argmax(0, keepdim=True)
    return proposal.gather(0, earliest).squeeze(0).to(kappa.dtype), ~accepted.any(0)


def _by_rounds(kappa: Float[Tensor, " size"], supply: Retries) -> Float[Tensor, " size"]:
    """Propose for every element, and again for those whose proposal is not accepted."""
    angle = torch.empty_like(kappa)
    left = torch.arange(kappa.shape[0], device=kappa.device)
    for attempt in range(_MAX_ROUNDS):
        if left.shape[0] == 0:
            return angle
        blocks = torch.split(left, _CPU_BLOCK if left.device.type == "cpu" else left.shape[0])
        left = torch.cat([_attempt(angle, kappa, block, attempt, supply) for block in blocks])
    raise RuntimeError(f"von Mises rejection did not end within {_MAX_ROUNDS} rounds")


def _attempt(
    angle: Float[Tensor, " size"],
    kappa: Float[Tensor, " size"],
    at: Int[Tensor, " picked"],
    attempt: int,
    supply: Retries,
) -> Int[Tensor, " left"]:
    """Write a proposal at each position; return the positions that must try again and overwrite it."""
    u, v = supply(at, 2 * attempt), supply(at, 2 * attempt + 1)
    proposal, accepted = _propose(kappa[at].double(), u, v)
    angle[at] = proposal.to(angle.dtype)
    return at[~accepted]


def _propose(
    kappa: Float[Tensor, " size"], u: Float[Tensor, "*attempts size"], v: Float[Tensor, "*attempts size"]
) -> tuple[Tensor, Tensor]:
    """Turn u into a wrapped-Cauchy angle and say whether v accepts it.

    Best & Fisher's r = (1 + sqrt(1 + 4 k^2)) / (2 k) enters as b = k (r - 1), from 1 at k = 0 to 1/2 at
    infinity. In t = tan(angle / 2) the envelope is a Cauchy law of scale sqrt(b / (b + 2 k)); with
    q = b + k (1 - cos(angle)) a proposal is accepted with probability q exp(1 - q). Twice k, which may be
    infinite, is never computed.
    """
    b = 0.5 + 0.5 / (torch.sqrt(1.0 + 4.0 * kappa.square()) + 2.0 * kappa)
    t = torch.sqrt(0.5 * b / (0.5 * b + kappa)) * torch.tan(math.pi * (u - 0.5))
    square = t.square()
    q = b + 2.0 * (kappa * square) / (1.0 + square)
    return 2.0 * torch.atan(t), v < q * torch.exp(1.0 - q)
