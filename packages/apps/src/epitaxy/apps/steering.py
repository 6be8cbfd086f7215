"""What sampling is steered by, as limits and pins of flows."""

from collections.abc import Callable, Iterable, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from epitaxy.apps.sampling.request import Request
from epitaxy.data import Vocabulary
from epitaxy.flows import Limitable, Limits, ProductFlow
from epitaxy.geometry import Segments


def limits(
    requests: Sequence[Request],
    segments: Segments,
    vocabulary: Vocabulary,
    *,
    encode: Callable[[Int[Tensor, " atoms"]], Int[Tensor, " atoms"]] | None = None,
    classes: int | None = None,
) -> Limits | None:
    """Return the limits on the labels of a batch; None where no request has any.

    Args:
        requests: one a graph.
        segments: the batch's.
        vocabulary: the elements that the model knows; a request without limits may have them all.
        encode: turns atomic numbers into labels; the vocabulary's indices by default.
        classes: how many labels there are; as many as elements by default.
    """
    if all(request.palette.free for request in requests):
        return None
    shape = (len(requests), classes or len(vocabulary))
    allowed, required = torch.zeros(shape, dtype=torch.bool), torch.zeros(shape, dtype=torch.bool)
    label = encode or vocabulary.encode

    def labels(numbers: Iterable[int]) -> Tensor:
        return label(torch.tensor(sorted(numbers), dtype=torch.int64))

    for k, request in enumerate(requests):
        chosen = request.palette
        allowed[k, labels(vocabulary.numbers if chosen.allowed is None else chosen.allowed)] = True
        required[k, labels(chosen.required)] = True
    sizes = torch.tensor([request.num_atoms for request in requests])
    return Limits.of(allowed.repeat_interleave(sizes, dim=0), required, segments)


def limited(flow: ProductFlow, field: str, limits: Limits | None) -> ProductFlow:
    """Return the product with a field of labels under limits, if there are any."""
    if limits is None:
        return flow
    inner = flow.flows[field]
    assert isinstance(inner, Limitable)
    return flow.replacing(**{field: inner.limited(limits)})
