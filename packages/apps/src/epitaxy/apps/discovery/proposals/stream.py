"""All sources in turn, as one stream of candidates."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import count

from epitaxy.apps.discovery.proposals.proposal import KINDS, Proposal, Proposer, Source

Fetch = Callable[[Proposer, int], Sequence[Proposal] | None]
"""Returns a source's batch of a number: computed, or read from where it was kept."""


def interleaved(proposers: Sequence[Proposer], fetch: Fetch) -> Iterator[Proposal]:
    """Yield one candidate of each kind of source in turn, until all are exhausted.

    Sources of one kind share its turns: three models do not push known structure types aside. The order
    depends on nothing but the sources.
    """
    turns = deque(
        deque(_candidates(proposer, fetch) for proposer in proposers if proposer.kind == kind)
        for kind in KINDS
    )
    while turns:
        sharing = turns.popleft()
        found = _next(sharing)
        if found is not None:
            turns.append(sharing)
            yield found


def _candidates(proposer: Proposer, fetch: Fetch) -> Iterator[Proposal]:
    for number in count():
        batch = fetch(proposer, number)
        if batch is None:
            return
        yield from batch


def _next(sharing: deque[Iterator[Proposal]]) -> Proposal | None:
    """Take one candidate of the source whose turn it is; forget those that are exhausted."""
    while sharing:
        source = sharing.popleft()
        found = next(source, None)
        if found is not None:
            sharing.append(source)
            return found
    return None


class Scheduled:
    """Sources for many compositions as one: the earlier a composition, the more often it is looked at.

    Visits 0; 0, 1; 0, 1, 2; and so on, then over again: every composition is reached.
    """

    def __init__(self, kind: Source, name: str, makers: Sequence[Callable[[], Proposer]]) -> None:
        self._kind, self._name, self._makers = kind, name, makers
        self._visits = [k for row in range(1, len(makers) + 1) for k in range(row)]
        self._made: dict[int, Proposer] = {}
        self._ended: set[int] = set()

    @property
    def kind(self) -> Source:
        """The sources' own."""
        return self._kind

    @property
    def name(self) -> str:
        """The sources' own."""
        return self._name

    def batch(self, number: int) -> Sequence[Proposal] | None:
        """Return a batch of the composition whose turn it is, empty if it has no more; None if none has."""
        if len(self._ended) == len(self._makers):
            return None
        rounds, place = divmod(number, len(self._visits))
        which = self._visits[place]
        before = rounds * self._visits.count(which) + self._visits[:place].count(which)
        found = None if which in self._ended else self._source(which).batch(before)
        if found is None:
            self._ended.add(which)
        return found or ()

    def _source(self, which: int) -> Proposer:
        if which not in self._made:
            self._made[which] = self._makers[which]()
        return self._made[which]
