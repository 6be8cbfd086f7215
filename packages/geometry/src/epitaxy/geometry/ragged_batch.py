"""What batches of crystals, of asymmetric units and of molecules have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.geometry._batches import cat_properties, cat_segments, choose
from epitaxy.geometry._parameters import checked
from epitaxy.geometry.columns import Column, per_atom, per_graph
from epitaxy.geometry.segments import Segments

B = TypeVar("B", bound="RaggedBatch")


def _are_elements(numbers: Tensor) -> Tensor:
    return (numbers >= 1) & (numbers <= 118)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RaggedBatch:
    """Graphs side by side: atoms sorted by graph, one id and set of properties a graph.

    A kind of batch adds tensors as fields, and to `COLUMNS` what each of them holds: no attribute is guessed
    from a tensor's size.

    Attributes:
        COLUMNS: every tensor by name.
        GRAPHS: what the graphs are, for messages.
        ATOMS: what the atoms are, for messages.
        segments: which atoms belong to which graph.
        positions: a point an atom; its kind of batch says in which space.
        numbers: atomic numbers.
        ids: the graphs' names.
        properties: one value a graph by name; NaN where it is unknown.

    Raises:
        ValueError: if shapes, kinds of numbers or devices do not agree, or, on the CPU, if a number is not
            finite or no element's; elsewhere a look at values would wait for the accelerator.

    """

    COLUMNS: ClassVar[dict[str, Column]] = {"positions": per_atom(3), "numbers": per_atom(whole=True)}
    GRAPHS: ClassVar[str] = "graphs"
    ATOMS: ClassVar[str] = "atoms"

    segments: Segments
    positions: Float[Tensor, "atoms 3"]
    numbers: Int[Tensor, " atoms"]
    ids: tuple[str, ...]
    properties: Mapping[str, Float[Tensor, " graphs"]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, column in self.COLUMNS.items():
            column.check(name, getattr(self, name), self.segments)
            checked(getattr(self, name), torch.isfinite, f"{name} must be finite")
        checked(self.numbers, _are_elements, "numbers must be atomic numbers, 1 to 118")
        if len(self.ids) != self.num_graphs:
            raise ValueError(f"{len(self.ids)} ids for {self.num_graphs} {self.GRAPHS}")
        for name, values in self.properties.items():
            per_graph().check(f"property {name!r}", values, self.segments)

    @property
    def num_graphs(self) -> int:
        """Number of graphs: structures, molecules."""
        return self.segments.num_graphs

    def __len__(self) -> int:
        return self.segments.num_graphs

    def __repr__(self) -> str:
        """Say in a line what is in the batch: its tensors would fill a screen."""
        names = "".join(f", {name}" for name in self.properties)
        place = "" if self.segments.device.type == "cpu" else f", on {self.segments.device}"
        size = f"{self.num_graphs} {self.GRAPHS}, {self.segments.num_atoms} {self.ATOMS}"
        return f"{type(self).__name__}({size}{names}{place})"

    def to(
        self: B,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        non_blocking: bool = False,
    ) -> B:
        """Copy to another device, and what is real to another type; from pinned memory nothing waits."""
        return self._mapped(
            lambda x: x.to(
                device=device, dtype=dtype if x.is_floating_point() else None, non_blocking=non_blocking
            )
        )

    def pin_memory(self: B) -> B:
        """Copy to pinned memory, from which copies to a GPU do not block."""
        return self._mapped(torch.Tensor.pin_memory)

    def select(self: B, indices: Sequence[int] | Int[Tensor, " chosen"]) -> B:
        """Pick the graphs at these positions, in this order; a position may occur more than once.

        Raises:
            ValueError: if given a mask, or what is no vector of whole numbers.
            IndexError: if a position is outside [-len, len).

        """
        graphs, segments, atoms = choose(self.segments, indices, self.GRAPHS)
        columns = {
            name: getattr(self, name)[atoms if column.level == "atom" else graphs]
            for name, column in self.COLUMNS.items()
        }
        return replace(
            self,
            segments=segments,
            ids=tuple(self.ids[i] for i in graphs.tolist()),
            properties={name: values[graphs] for name, values in self.properties.items()},
            **columns,
        )

    @classmethod
    def cat(cls: type[B], batches: Sequence[B]) -> B:
        """Put batches one after the other; a property that one of them lacks is NaN there.

        Raises:
            ValueError: if there is no batch.

        """
        segments = cat_segments([b.segments for b in batches])
        columns: dict[str, Any] = {
            name: torch.cat([getattr(b, name) for b in batches]) for name in cls.COLUMNS
        }
        return cls(
            segments=segments,
            ids=tuple(name for b in batches for name in b.ids),
            properties=cat_properties(
                [b.properties for b in batches], [b.positions.new_full((len(b),), torch.nan) for b in batches]
            ),
            **columns,
        )

    def _mapped(self: B, copy: Callable[[Tensor], Tensor]) -> B:
        """Return the same batch with every tensor replaced by its copy."""
        columns: dict[str, Any] = {name: copy(getattr(self, name)) for name in self.COLUMNS}
        properties = {name: copy(values) for name, values in self.properties.items()}
        return replace(self, segments=self.segments.mapped(copy), properties=properties, **columns)
