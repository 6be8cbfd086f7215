"""The tensors of a ragged batch: what each must be."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from epitaxy.geometry.segments import INTEGERS, Segments


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One tensor of a batch, which has a row for each atom or for each graph.

    Attributes:
        level: whether its rows are atoms or graphs.
        shape: shape of a row.
        whole: whether it holds integers; else floating numbers.

    """

    level: Literal["atom", "graph"]
    shape: tuple[int, ...]
    whole: bool

    def check(self, name: str, tensor: Tensor, segments: Segments) -> None:
        """Refuse a tensor that is none of these numbers, of this shape and where the segments are.

        Values are not looked at: on an accelerator that would wait for all work under way, every time.
        """
        shape = (segments.num_atoms if self.level == "atom" else segments.num_graphs, *self.shape)
        if not isinstance(tensor, Tensor):
            raise ValueError(f"{name} must be a tensor, not {type(tensor).__name__}")
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name} must have shape {shape}, not {tuple(tensor.shape)}")
        if tensor.device != segments.device:
            raise ValueError(
                f"{name} must be on {segments.device} as the segments are, not on {tensor.device}"
            )
        if self.whole and tensor.dtype not in INTEGERS:
            raise ValueError(f"{name} must hold integers, not {tensor.dtype}")
        if not self.whole and not tensor.is_floating_point():
            raise ValueError(f"{name} must hold floating numbers, not {tensor.dtype}")


def per_atom(*shape: int, whole: bool = False) -> Column:
    """Describe a tensor that has a row of this shape for each atom."""
    return Column(level="atom", shape=shape, whole=whole)


def per_graph(*shape: int, whole: bool = False) -> Column:
    """Describe a tensor that has a row of this shape for each graph."""
    return Column(level="graph", shape=shape, whole=whole)
