"""The flow of a cell of which a space group fixes some numbers."""

from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor

from epitaxy.flows import Componentwise, Flow, Pinned


def pinned_cell(
    flow: Flow[Any], *, free: Bool[Tensor, "graphs 6"], value: Float[Tensor, "graphs 6"]
) -> Pinned:
    """Return a cell's flow with what its space group fixes held.

    Args:
        flow: the flow of the code of a cell.
        free: which components are not fixed.
        value: the fixed ones, in units of the code.

    Raises:
        ValueError: if its sampler would move what is fixed, naming those that do not.

    """
    assert isinstance(flow, Componentwise)
    try:
        return Pinned(flow=flow, free=free, value=value)
    except ValueError as error:
        raise ValueError(f"a space group fixes numbers of the cell: {error}") from None
