"""Independent labels of a graph's rows, conditioned on the event that certain classes all occur."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import torch
from jaxtyping import Bool, Float64, Int
from torch import Tensor

from epitaxy.geometry import Rng, Segments

Reduce: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Required:
    """The classes that must occur in each graph.

    What has occurred in a graph's first rows is a set of the m required classes; sums over labels are sums
    over walks through these 2^m sets, row by row (the forward-backward recursion), of positive terms alone.
    A class is a symbol: the number of its bit in the set, or the last symbol for those that are not required.
    All work is on padded rows, `"graphs longest"`; a row of padding has the last symbol.

    Attributes:
        MOST: the most classes that a graph may require.
        symbol: symbol of each class.
        classes: class of each bit; any where a graph requires fewer.
        used: which bits a graph has.
        goal: the set in which all required classes have occurred.
        after: the set that follows a set by a symbol.
        row: row of each place; one more than there are for padding.
        place: where each row is among a graph's, and its graph.

    """

    MOST: ClassVar[int] = 10

    symbol: Int[Tensor, "graphs classes"]
    classes: Int[Tensor, "graphs bits"]
    used: Bool[Tensor, "graphs bits"]
    goal: Int[Tensor, " graphs"]
    after: Int[Tensor, "sets symbols"]
    row: Int[Tensor, "graphs longest"]
    segments: Segments

    @classmethod
    def of(cls, required: Bool[Tensor, "graphs classes"], segments: Segments) -> "Required":
        """Make it from a mask on the CPU, for the segments' device.

        Raises:
            ValueError: if a graph has fewer rows than classes that it must have, or more than `MOST`.

        """
        needed = required.sum(1)
        bits = int(needed.max())
        if bits > cls.MOST:
            raise ValueError(f"at most {cls.MOST} classes can be required of a graph, not {bits}")
        if bool((needed > segments.counts.cpu()).any()):
            raise ValueError("a graph has fewer rows than classes that must occur in it")
        # One copy to the device, and the rest is made there.
        required = required.to(segments.device)
        needed, bit = required.sum(1), torch.arange(bits, device=segments.device)
        sets = torch.arange(2**bits, device=segments.device)[:, None]
        row = torch.full_like(segments.counts, segments.num_atoms)[:, None].repeat(1, segments.longest)
        row[segments.index, segments.rank] = torch.arange(segments.num_atoms, device=segments.device)
        return cls(
            symbol=torch.where(required, required.long().cumsum(1) - 1, bits),
            classes=required.long().argsort(dim=1, descending=True, stable=True)[:, :bits],
            used=bit < needed[:, None],
            goal=2**needed - 1,
            after=torch.cat([sets | 2**bit, sets], 1),
            row=row,
            segments=segments,
        )

    def marginals(self, log_p: Float64[Tensor, "rows classes"]) -> Float64[Tensor, "rows classes"]:
        """Return each row's log probabilities given that all required classes occur."""
        weights = self._symbols(log_p)
        ahead = self._ahead(weights, lambda x: x.logsumexp(-1))
        behind = self._start()
        factors = []
        for i in range(self.segments.longest):
            factors.append((behind[:, :, None] + ahead[i + 1][:, self.after]).logsumexp(1))
            behind = self._following(behind, weights[:, i])
        odds = (torch.stack(factors, 1) - ahead[0][:, :1, None])[self.segments.index, self.segments.rank]
        return (log_p + odds.gather(1, self._symbol_of_rows())).log_softmax(-1)

    def draw(self, log_p: Float64[Tensor, "rows classes"], rng: Rng) -> Int[Tensor, " rows"]:
        """Draw all labels from their joint law given that all required classes occur."""
        u = rng.uniform((len(log_p),), dtype=torch.float64, device=log_p.device)
        places = torch.cat([u, u.new_zeros(1)])[self.row]

        def pick(scores: Tensor, i: int) -> Tensor:
            cumulated = scores.softmax(-1).cumsum(-1)
            return (cumulated / cumulated[:, -1:] <= places[:, i : i + 1]).sum(-1)

        return self._walk(log_p, lambda x: x.logsumexp(-1), pick)

    def mode(self, scores: Float64[Tensor, "rows classes"]) -> Int[Tensor, " rows"]:
        """Return the labels of largest summed score of each graph in which all required classes occur."""
        return self._walk(scores, lambda x: x.amax(-1), lambda scores, _i: scores.argmax(-1))

    def _walk(
        self,
        scores: Float64[Tensor, "rows classes"],
        reduce: Reduce,
        pick: Callable[[Tensor, int], Tensor],
    ) -> Int[Tensor, " rows"]:
        """Choose label after label, each knowing what it leaves to those that follow."""
        ahead = self._ahead(self._symbols(scores, reduce), reduce)
        padded = torch.cat([scores, torch.zeros_like(scores[:1])])[self.row]
        now, labels = torch.zeros_like(self.goal), []
        for i in range(self.segments.longest):
            following = self.after[now[:, None], self.symbol]
            chosen = pick(padded[:, i] + ahead[i + 1].gather(1, following), i)
            now = following.gather(1, chosen[:, None])[:, 0]
            labels.append(chosen)
        return torch.stack(labels, 1)[self.segments.index, self.segments.rank]

    def _symbols(
        self, scores: Float64[Tensor, "rows classes"], reduce: Reduce | None = None
    ) -> Float64[Tensor, "graphs longest symbols"]:
        """Return each row's score of each symbol; of padding the last, with score 0, alone."""
        reduce = reduce or (lambda x: x.logsumexp(-1))
        expand = self.segments.expand
        own = scores.gather(1, expand(self.classes)).masked_fill(~expand(self.used), -torch.inf)
        required = self._symbol_of_rows() < self.classes.shape[1]
        rest = reduce(scores.masked_fill(required, -torch.inf))[:, None]
        padding = torch.full_like(own[:1], -torch.inf)
        symbols = torch.cat([own, rest], 1)
        return torch.cat([symbols, torch.cat([padding, torch.zeros_like(rest[:1])], 1)])[self.row]

    def _symbol_of_rows(self) -> Int[Tensor, "rows classes"]:
        return self.segments.expand(self.symbol)

    def _ahead(
        self, weights: Float64[Tensor, "graphs longest symbols"], reduce: Reduce
    ) -> list[Float64[Tensor, "graphs sets"]]:
        """Return the score of reaching the goal with rows i, i + 1, ... from each set, for i = 0, ..., n."""
        sets = torch.arange(len(self.after), device=weights.device)
        reached = torch.where(sets == self.goal[:, None], 0.0, -torch.inf).double()
        ahead = [reached]
        for i in reversed(range(weights.shape[1])):
            ahead.append(reduce(ahead[-1][:, self.after] + weights[:, i, None]))
        return ahead[::-1]

    def _start(self) -> Float64[Tensor, "graphs sets"]:
        sets = torch.arange(len(self.after), device=self.after.device)
        return torch.where(sets == 0, 0.0, -torch.inf).double().expand(len(self.goal), -1)

    def _following(
        self, behind: Float64[Tensor, "graphs sets"], weights: Float64[Tensor, "graphs symbols"]
    ) -> Float64[Tensor, "graphs sets"]:
        """Return the scores of the sets after one more row: a set comes from itself, or from one bit less."""
        bits = self.classes.shape[1]
        sets = torch.arange(len(self.after), device=self.after.device)[:, None]
        bit = 2 ** torch.arange(bits, device=sets.device)
        either = torch.logaddexp(behind[:, :, None], behind[:, sets & ~bit])
        by_bit = (either + weights[:, None, :bits]).masked_fill((sets & bit) == 0, -torch.inf)
        return torch.cat([by_bit, (behind + weights[:, bits:])[:, :, None]], 2).logsumexp(2)
