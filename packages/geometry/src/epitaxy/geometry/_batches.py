"""What batches of crystals, of asymmetric units and of molecules have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.geometry.segments import INTEGERS, Segments


class Chosen(NamedTuple):
    """Some graphs of a batch, in some order.

    Attributes:
        graphs: their places in the batch, 0 ... len - 1.
        segments: the index of the smaller batch.
        atoms: their atoms' places in the batch.

    """

    graphs: Int[Tensor, " chosen"]
    segments: Segments
    atoms: Int[Tensor, " atoms"]


B = TypeVar("B")


def mapped(batch: B, copy: Callable[[Tensor], Tensor]) -> B:
    """Return the same batch with every tensor replaced by its copy."""

    def one(value: Any) -> Any:
        if isinstance(value, Tensor):
            return copy(value)
        if isinstance(value, Segments):
            return value.mapped(copy)
        return {name: copy(x) for name, x in value.items()} if isinstance(value, Mapping) else value

    held: Any = batch  # a dataclass
    return replace(held, **{part.name: one(getattr(held, part.name)) for part in fields(held)})  # type: ignore[no-any-return]  # of a dataclass held as Any


def summary(batch: Any, noun: str, rows: str = "atoms") -> str:
    """Say in a line what is in a batch: its tensors would fill a screen."""
    segments: Segments = batch.segments
    told = "".join(f", {name}" for name in batch.properties)
    where = "" if segments.counts.device.type == "cpu" else f", on {segments.counts.device}"
    return f"{type(batch).__name__}({segments.num_graphs} {noun}, {segments.num_atoms} {rows}{told}{where})"


def check_real(name: str, tensor: Tensor, shape: tuple[int, ...], segments: Segments) -> None:
    """Refuse a tensor that is not of floating numbers, of this shape and where the segments are.

    Values are not looked at: on an accelerator that would wait for all work under way, every time.
    """
    _check(name, tensor, shape, segments)
    if not tensor.is_floating_point():
        raise ValueError(f"{name} must hold floating numbers, not {tensor.dtype}")


def check_whole(name: str, tensor: Tensor, shape: tuple[int, ...], segments: Segments) -> None:
    """Refuse a tensor that is not of integers, of this shape and where the segments are."""
    _check(name, tensor, shape, segments)
    if tensor.dtype not in INTEGERS:
        raise ValueError(f"{name} must hold integers, not {tensor.dtype}")


def _check(name: str, tensor: Tensor, shape: tuple[int, ...], segments: Segments) -> None:
    if not isinstance(tensor, Tensor):
        raise ValueError(f"{name} must be a tensor, not {type(tensor).__name__}")
    if tuple(tensor.shape) != shape:
        raise ValueError(f"{name} must have shape {shape}, not {tuple(tensor.shape)}")
    if tensor.device != segments.device:
        raise ValueError(f"{name} must be on {segments.device} as the segments are, not on {tensor.device}")


def check_graphs(
    segments: Segments, noun: str, ids: tuple[str, ...], properties: Mapping[str, Tensor]
) -> None:
    """Refuse ids and properties that are not one a graph; `noun` says what the graphs are."""
    graphs = segments.num_graphs
    if len(ids) != graphs:
        raise ValueError(f"{len(ids)} ids for {graphs} {noun}")
    for name, values in properties.items():
        check_real(f"property {name!r}", values, (graphs,), segments)


def choose(segments: Segments, indices: Sequence[int] | Int[Tensor, " chosen"], noun: str) -> Chosen:
    """Look up the graphs at these positions, which count from the end where they are negative.

    Raises:
        ValueError: if given a mask.
        IndexError: if a position is outside [-graphs, graphs).

    """
    if isinstance(indices, Tensor) and indices.dtype == torch.bool:
        raise ValueError("select takes positions, not a mask")
    graphs = torch.as_tensor(indices, dtype=torch.int64, device=segments.device)
    size = segments.num_graphs
    if bool(((graphs < -size) | (graphs >= size)).any()):
        raise IndexError(f"positions must be within a batch of {size} {noun}")
    graphs = graphs % max(size, 1)
    chosen = Segments.from_counts(segments.counts[graphs])
    return Chosen(graphs, chosen, chosen.expand(segments.offsets[graphs]) + chosen.rank)


def cat_segments(parts: Sequence[Segments]) -> Segments:
    """Put graphs one after the other.

    Raises:
        ValueError: if there is nothing to concatenate.

    """
    if not parts:
        raise ValueError("no batch to concatenate")
    return Segments.from_counts(torch.cat([part.counts for part in parts]))


def cat_properties(
    parts: Sequence[Mapping[str, Tensor]], unknown: Sequence[Float[Tensor, " _graphs"]]
) -> dict[str, Tensor]:
    """Put properties one after the other; where a part lacks one it has its `unknown`, NaN a graph."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {
        name: torch.cat([part.get(name, none) for part, none in zip(parts, unknown, strict=True)])
        for name in names
    }
