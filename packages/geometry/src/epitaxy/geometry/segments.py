"""The index of a ragged batch: which atoms belong to which graph."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


class Pairs(NamedTuple):
    """Unordered pairs of atoms, i < j, of the same graph."""

    i: Int[Tensor, " pairs"]
    j: Int[Tensor, " pairs"]
    graph: Int[Tensor, " pairs"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Segments:
    """Atoms sorted by graph: how many each graph has, the graph of each, and where each graph begins.

    Make one with `Segments.from_counts`. Sums follow the order of the atoms on the CPU and are deterministic
    there; on CUDA they are under `torch.use_deterministic_algorithms(True)`.

    Raises:
        ValueError: if the three are not vectors of int64 on one device that go together. That the counts add
            up is looked at on the CPU alone: elsewhere it would wait for all work under way.

    """

    counts: Int[Tensor, " graphs"]
    index: Int[Tensor, " atoms"]
    offsets: Int[Tensor, " graphs+1"]
    longest: int
    """The most atoms that a graph has (0 without graphs), known without asking the device."""
    num_pairs: int
    """Unordered pairs of atoms of the same graph, known without asking the device."""
    _listed: list[Pairs] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        counts, index, offsets = self.counts, self.index, self.offsets
        vectors = all(x.ndim == 1 and x.dtype == torch.int64 for x in (counts, index, offsets))
        if (
            not vectors
            or len(offsets) != len(counts) + 1
            or not counts.device == index.device == offsets.device
        ):
            raise ValueError(
                "counts, index and offsets must be vectors of int64 on one device, with one offset more than "
                "counts; make them by Segments.from_counts"
            )
        if counts.device.type == "cpu" and int(offsets[-1]) != len(index):
            raise ValueError(
                f"the offsets end at {int(offsets[-1])}, and there are {len(index)} atoms; make them by "
                f"Segments.from_counts"
            )

    @classmethod
    def from_counts(
        cls, counts: Tensor | Sequence[int], device: torch.device | str | None = None
    ) -> "Segments":
        """Index graphs with these numbers of atoms. Counts on a CPU are looked at there, whatever the device.

        Raises:
            ValueError: if the counts are not a vector of integers, or one is below 1.

        """
        counts = torch.as_tensor(counts)
        if counts.numel() == 0:
            counts = counts.to(torch.int64)
        if counts.ndim != 1 or counts.dtype not in INTEGERS:
            raise ValueError(
                f"counts must be a vector of integers, not {counts.dtype} of shape {tuple(counts.shape)}"
            )
        target = counts.device if device is None else device
        # Sizes are the host's to know: what is elsewhere is fetched, once.
        counts = counts.to("cpu", torch.int64)
        if bool((counts < 1).any()):
            raise ValueError("every graph needs at least one atom")
        offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        index = torch.arange(counts.shape[0], device=counts.device).repeat_interleave(counts)
        made = cls(
            counts=counts,
            index=index,
            offsets=offsets,
            longest=int(counts.max()) if len(counts) else 0,
            num_pairs=int((counts * (counts - 1) // 2).sum()),
        )
        return made.to(target, non_blocking=True)

    @classmethod
    def alike(cls, num_graphs: int, count: int, device: torch.device | str | None = None) -> "Segments":
        """Index graphs of one number of atoms, on a device, for which nothing is copied there.

        Raises:
            ValueError: if the number of atoms is below 1.

        """
        if count < 1:
            raise ValueError(f"every graph needs at least one atom, not {count}")
        graphs = torch.arange(num_graphs + 1, device=device)
        return cls(
            counts=torch.full_like(graphs[1:], count),
            index=torch.arange(num_graphs * count, device=device) // count,
            offsets=graphs * count,
            longest=count if num_graphs else 0,
            num_pairs=num_graphs * (count * (count - 1) // 2),
        )

    def __repr__(self) -> str:
        where = "" if self.counts.device.type == "cpu" else f", on {self.counts.device}"
        return f"Segments({self.num_graphs} graphs, {self.num_atoms} atoms{where})"

    @property
    def num_graphs(self) -> int:
        """Number of graphs, known without asking the device."""
        return self.counts.shape[0]

    @property
    def num_atoms(self) -> int:
        """Number of atoms of all graphs together, known without asking the device."""
        return self.index.shape[0]

    @property
    def device(self) -> torch.device:
        """Where the index lives."""
        return self.counts.device

    @property
    def rank(self) -> Int[Tensor, " atoms"]:
        """Position of each atom within its graph: 0, 1, ..., count - 1."""
        return torch.arange(self.num_atoms, device=self.device) - self.offsets[self.index]

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "Segments":
        """Copy to another device."""
        return self.mapped(lambda x: x.to(device, non_blocking=non_blocking))

    def mapped(self, copy: Callable[[Tensor], Tensor]) -> "Segments":
        """Return the same index with every tensor replaced by its copy."""
        return Segments(
            counts=copy(self.counts),
            index=copy(self.index),
            offsets=copy(self.offsets),
            longest=self.longest,
            num_pairs=self.num_pairs,
        )

    def sum(self, x: Shaped[Tensor, " atoms *rest"]) -> Shaped[Tensor, " graphs *rest"]:
        """Sum over each graph's atoms."""
        return x.new_zeros(self.num_graphs, *x.shape[1:]).index_add(0, self.index, x)

    def mean(self, x: Shaped[Tensor, " atoms *rest"]) -> Shaped[Tensor, " graphs *rest"]:
        """Average over each graph's atoms."""
        return self.sum(x) / self.counts.to(x.dtype).view(-1, *[1] * (x.ndim - 1))

    def expand(self, y: Shaped[Tensor, " graphs *rest"]) -> Shaped[Tensor, " atoms *rest"]:
        """Give every atom its graph's value.

        Raises:
            ValueError: if there is not one value a graph.

        """
        if y.shape[0] != self.num_graphs:
            raise ValueError(f"{y.shape[0]} values for {self.num_graphs} graphs")
        return y.index_select(0, self.index)

    def center(self, x: Shaped[Tensor, " atoms *rest"]) -> Shaped[Tensor, " atoms *rest"]:
        """Subtract each graph's mean."""
        return x - self.expand(self.mean(x))

    def pairs(self) -> Pairs:
        """List the pairs i < j of atoms of the same graph, in lexicographic order; listed once and kept."""
        if torch.compiler.is_compiling():
            return self._list_pairs()
        if not self._listed:
            with torch.inference_mode(False):  # they may be used in training later
                self._listed.append(self._list_pairs())
        return self._listed[0]

    def _list_pairs(self) -> Pairs:
        partners = self.offsets[1:][self.index] - 1 - torch.arange(self.num_atoms, device=self.device)
        i = torch.arange(self.num_atoms, device=self.device).repeat_interleave(
            partners, output_size=self.num_pairs
        )
        first = partners.cumsum(0) - partners
        j = i + 1 + torch.arange(i.shape[0], device=self.device) - first[i]
        return Pairs(i=i, j=j, graph=self.index[i])
