"""Relaxing candidates, in worker processes that stay, until the time is up; what is done is kept."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymatgen.core import Structure

from epitaxy.apps.discovery.plausible import fault
from epitaxy.eval.isolation import Done, Failed, stream_isolated
from epitaxy.eval.isolation.attempt import attempt
from epitaxy.eval.isolation.worker import Worker
from epitaxy.eval.resumable import joint_key, structure_key
from epitaxy.eval.resumable.store import Store
from epitaxy.eval.stability import Potential, Relaxed, RelaxSettings, is_batched, relax_together, sound

LIMIT = 600.0
"""Seconds of processor time for one relaxation."""
SAVE_EVERY = 2.0
"""Seconds after which what is done is saved."""
LIKE_WORKERS = 8
"""What a potential counts for that computes many at once."""

Item = tuple[Structure, RelaxSettings]


class RelaxTask:
    """Relaxes one crystal; picklable. A worker loads the potential before its first clock starts."""

    def __init__(self, potential: Potential) -> None:
        self.potential = potential

    def __call__(self, item: Item) -> dict[str, Any]:
        """Relax a crystal under its settings."""
        return self.potential.relax(*item).to_json()

    def __reduce__(self) -> tuple[Any, ...]:
        return _prepared, (self.potential,)


def _prepared(potential: Potential) -> RelaxTask:
    with suppress(Exception):  # each structure will say why
        potential.prepare()
    return RelaxTask(potential)


@dataclass(eq=False)
class Relaxer:
    """Workers, and what they have done so far.

    Attributes:
        potential: whose energy is lowered.
        cache: the folder of what is done.
        workers: processes; 0 for this one, where many at once are done too, by a potential that can.
    """

    potential: Potential
    cache: Path
    workers: int

    def __post_init__(self) -> None:
        """Open the store."""
        identity = {"potential": self.potential.name, "version": self.potential.version}
        self._store = Store(self.cache, "search-relax", 1, identity)
        self._bench: list[Worker[Item, dict[str, Any]]] = []
        self.computed = 0

    @property
    def at_once(self) -> int:
        """How many are under way at a time, about."""
        return LIKE_WORKERS if is_batched(self.potential) else max(1, self.workers)

    def relax(
        self, structures: Sequence[Structure], settings: RelaxSettings, *, seconds: float | None = None
    ) -> Iterator[tuple[int, Relaxed | Failed]]:
        """Yield (number, what came of it): those done before first, then those that there is time for.

        After ``seconds`` of wall-clock time, or closed early, it gives up what workers have in hand.
        """
        keys = [self._key(structure, settings) for structure in structures]
        kept = self._store.read(set(keys), LIMIT)
        for number, key in enumerate(keys):
            if key in kept:
                yield number, self._outcome(kept[key])
        todo = [number for number, key in enumerate(keys) if key not in kept]
        left = [structures[number] for number in todo]
        pending: dict[str, Done[Any] | Failed] = {}
        saved = time.monotonic()
        try:
            for place, outcome in self._stream(left, settings, seconds):
                pending[keys[todo[place]]] = outcome
                self.computed += 1
                if time.monotonic() > saved + SAVE_EVERY:
                    self._store.write(pending, LIMIT)
                    pending, saved = {}, time.monotonic()
                yield todo[place], self._outcome(outcome)
        finally:
            self._store.write(pending, LIMIT)

    def _stream(
        self, structures: Sequence[Structure], settings: RelaxSettings, seconds: float | None
    ) -> Iterator[tuple[int, Done[Any] | Failed]]:
        until = None if seconds is None else time.monotonic() + seconds
        if is_batched(self.potential):
            yield from relax_together(structures, self.potential, settings, limit=LIMIT, until=until)
            return
        task, items = RelaxTask(self.potential), [(structure, settings) for structure in structures]
        if self.workers:
            yield from stream_isolated(
                task, items, workers=self.workers, limit=LIMIT, bench=self._bench, until=until
            )
            return
        for number, item in enumerate(items):
            left = LIMIT if until is None else min(LIMIT, until - time.monotonic())
            if left <= 0:
                return
            outcome = attempt(task, item, left)
            if isinstance(outcome, Failed) and outcome.kind == "time" and left < LIMIT:
                return  # the search's time is up, not the structure's
            yield number, outcome

    def close(self) -> None:
        """End the workers."""
        while self._bench:
            self._bench.pop().stop()

    def _outcome(self, outcome: Done[Any] | Failed) -> Relaxed | Failed:
        """Return what came of relaxing; a potential's hole is no minimum, however low it is."""
        relaxed = sound(outcome, self.potential)
        if isinstance(relaxed, Failed) or (reason := fault(relaxed.structure)) is None:
            return relaxed
        return Failed(kind="error", reason=f"relaxed into a hole: {reason}")

    @staticmethod
    def _key(structure: Structure, settings: RelaxSettings) -> str:
        return joint_key(structure_key(structure), repr(settings))
