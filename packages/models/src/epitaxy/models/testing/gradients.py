"""What all laws of gradients share."""

from collections.abc import Collection, Mapping

import torch
from jaxtyping import Float
from torch import Tensor


def assert_finite_gradients(
    total: Float[Tensor, ""], wanted: Mapping[str, Tensor], unused: Collection[str]
) -> None:
    """Assert that a number depends on all tensors but the unused ones, with finite gradients."""
    gradients = torch.autograd.grad(total, list(wanted.values()), allow_unused=True)
    for name, gradient in zip(wanted, gradients, strict=True):
        if name in unused:
            assert gradient is None, f"{name} has a gradient, and is said to be unused"
        else:
            assert gradient is not None, f"nothing depends on {name}"
            assert gradient.isfinite().all(), f"the gradient of {name} is not finite"
