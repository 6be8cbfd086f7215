"""What sampling is steered by, as limits and pins of flows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor

from epitaxy.apps.requests.request import Request
from epitaxy.data import Vocabulary
from epitaxy.flows import CircularBFN, Inpainted, Limitable, Limits, ProductFlow
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
    rows, first = allowed.repeat_interleave(sizes, dim=0), 0
    for request in requests:  # an atom whose element is kept may have no other
        if request.start is not None and request.start.pins is not None:
            own = label(request.start.batch.numbers)
            fixed = [k for k in range(request.num_atoms) if k not in request.start.pins.elements]
            rows[[first + k for k in fixed]] = torch.nn.functional.one_hot(own[fixed], shape[1]).bool()
        first += request.num_atoms
    return Limits.of(rows, required, segments)


def limited(flow: ProductFlow, field: str, limits: Limits | None) -> ProductFlow:
    """Return the product with a field of labels under limits, if there are any."""
    if limits is None:
        return flow
    inner = flow.flows[field]
    assert isinstance(inner, Limitable)
    return flow.replacing(**{field: inner.limited(limits)})


def without_banks(flow: ProductFlow) -> ProductFlow:
    """Return the product with exact draws where training takes them from a bank."""
    exact = {
        field: replace(inner, draw="tabulated")
        for field, inner in flow.flows.items()
        if isinstance(inner, CircularBFN) and inner.draw == "bank"
    }
    return flow.replacing(**exact)


def kept(
    flow: ProductFlow, targets: Mapping[str, Tensor], requests: Sequence[Request], segments: Segments
) -> ProductFlow:
    """Return the product in which all is kept but what the requests' pins leave free.

    Args:
        flow: of the model.
        targets: the given structures as the flows have them.
        requests: one a graph, all of them pinned.
        segments: the batch's.
    """
    pinned = [(r.start.pins, r.num_atoms) for r in requests if r.start and r.start.pins]

    def free(field: str) -> Tensor:
        if flow.levels[field] == "graph":
            return torch.zeros(len(requests), dtype=torch.bool, device=segments.device)
        rows = [place in pins.rows(field) for pins, size in pinned for place in range(size)]
        return torch.tensor(rows, device=segments.device)

    return flow.replacing(
        **{
            field: Inpainted(flow=inner, free=free(field), value=targets[field])
            for field, inner in flow.flows.items()
        }
    )
