"""Many crystals at once: each goes its own way, and the forces of all are computed in one call.

Each has the optimiser that it has alone, and no number of another's, so that what comes of it does not depend
on what is computed beside it, but for rounding. When one is done the next takes its place.

TorchSim has optimisers too. On sixteen crystals 4 % off (``docs/gpu.md``) its L-BFGS asks for the forces of a
crystal 150 times where this asks 274 times, and ends within 0.5 meV/atom; on eight 10 % off, 150 and 216, one
of them in another minimum, 67 meV/atom lower. Its BFGS had not ended after 80 steps on six of the sixteen.
What a GPU finds would be another answer than what a CPU finds.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
from jaxtyping import Float
from pymatgen.core.structure import Structure

from epitaxy.eval.isolation import Done, Failed
from epitaxy.eval.isolation.attempt import attempt, stopped
from epitaxy.eval.stability.course import Clock, Course
from epitaxy.eval.stability.potential import Batched, Forces, LostError

Result = TypeVar("Result")

Begin: TypeAlias = Callable[[Clock], Course[Result]]
"""Begins the work on one crystal."""

ATOMS_AT_ONCE = 2048
"""Atoms from which a call is full, until memory says otherwise."""


def together(
    structures: Sequence[Structure],
    potential: Batched,
    course: Callable[[Structure, Clock], Course[Result]],
    *,
    limit: float | None = None,
    until: float | None = None,
) -> Iterator[tuple[int, Done[Result] | Failed]]:
    """Send crystals on a course together.

    Args:
        structures: They.
        potential: Computes their forces.
        course: Where each goes.
        limit: As :class:`Lockstep` has it.
        until: As there.

    Yields:
        The number of each and what came of it, as they end.

    Raises:
        LostError: If nothing can be computed any more; also what loading the potential raises.

    """

    def begun(structure: Structure, clock: Clock) -> Course[Result]:
        potential.check(structure)
        return course(structure, clock)

    lockstep = Lockstep[Result](potential.forces, limit=limit, until=until)
    if structures and not lockstep.is_over():
        potential.prepare_many()
    yield from lockstep.run([partial(begun, structure) for structure in structures])


class Lockstep(Generic[Result]):
    """Crystals under way together.

    Args:
        forces: Computes many crystals in one call, and raises MemoryError where they are too many.
        limit: Seconds of processor time for one of them, its share of the calls by its atoms included; None
            for none.
        until: Time of :func:`time.monotonic` at which those that are under way are given up; None for none.

    Attributes:
        capacity: Atoms from which a call is full: fewer, once memory ran out.

    """

    def __init__(
        self,
        forces: Callable[[Sequence[Any]], Sequence[Forces]],
        *,
        limit: float | None = None,
        until: float | None = None,
    ) -> None:
        self.forces, self.limit, self.until = forces, limit, until
        self.capacity = ATOMS_AT_ONCE

    def run(self, begins: Sequence[Begin[Result]]) -> Iterator[tuple[int, Done[Result] | Failed]]:
        """Yield (number, what came of it) as they end.

        Raises:
            LostError: If nothing can be computed any more.

        """
        waiting = deque(enumerate(begins))
        live: list[_Member[Result]] = []
        while (waiting or live) and not self.is_over():
            while waiting and _atoms(live) < self.capacity:
                live.append(_Member(*waiting.popleft(), self.limit))
                yield from _advanced(live, live[-1:])
            for group in self._groups(live):
                self._tell(group)
            yield from _advanced(live, list(live))

    def is_over(self) -> bool:
        """Whether the time is up."""
        return self.until is not None and time.monotonic() >= self.until

    def _groups(self, live: Sequence["_Member[Result]"]) -> list[list["_Member[Result]"]]:
        """Divide them into calls, in order."""
        groups: list[list[_Member[Result]]] = []
        for member in live:
            if not groups or _atoms(groups[-1]) >= self.capacity:
                groups.append([])
            groups[-1].append(member)
        return groups

    def _tell(self, group: Sequence["_Member[Result]"]) -> int:
        """Tell each its forces; of what cannot be computed together the halves, down to the one at fault.

        Returns:
            The atoms of the largest part that was computed in one call.

        Raises:
            LostError: As ``forces`` does.

        """
        try:
            self._compute(group)
        except LostError:
            raise
        except Exception as error:  # of any kind: it may be the fault of one of them
            if len(group) == 1:
                group[0].fault = error
                return 0
            middle = len(group) // 2
            largest = max(self._tell(group[:middle]), self._tell(group[middle:]))
            if isinstance(error, MemoryError):
                self.capacity = largest or max(1, _atoms(group) // 2)
            return largest
        return _atoms(group)

    def _compute(self, group: Sequence["_Member[Result]"]) -> None:
        started = time.process_time()
        found = self.forces([member.atoms for member in group])
        each = (time.process_time() - started) / _atoms(group)
        for member, forces in zip(group, found, strict=True):
            member.atoms.calc = _Told(forces)
            member.spent += each * len(member.atoms)


class _Member(Generic[Result]):
    """A crystal under way."""

    def __init__(self, number: int, begin: Begin[Result], limit: float | None) -> None:
        self.number, self.limit = number, limit
        self.atoms: Any = ()  # ASE's, once it is under way
        self.spent, self.resumed = 0.0, 0.0
        self.fault: Exception | None = None
        self._begin = begin
        self._course: Course[Result] | None = None

    def advance(self) -> Done[Result] | Failed | None:
        """Go on to where forces are needed; return what came of it, if it ended there."""
        if isinstance(self.fault, MemoryError):
            return Failed(kind="crash", reason=f"there is no memory for its {len(self.atoms)} atoms")
        left = None if self.limit is None else self.limit - self.spent
        if left is not None and left <= 0:
            return Failed(kind="time", reason=stopped(self.limit, idle=False))
        self.resumed = time.process_time()
        outcome: Done[Done[Result] | None] | Failed = attempt(_Member._go_on, self, left)
        self.spent = self._clock()
        if isinstance(outcome, Done):
            return outcome.value
        if outcome.kind == "time":  # of what was left of it
            return Failed(kind="time", reason=stopped(self.limit, idle=False))
        return outcome

    def _go_on(self) -> Done[Result] | None:
        if self.fault is not None:
            raise self.fault
        if self._course is None:
            self._course = self._begin(self._clock)
        try:
            self.atoms = next(self._course)
        except StopIteration as end:
            return Done(value=end.value)
        return None

    def _clock(self) -> float:
        return self.spent + time.process_time() - self.resumed


class _Told:
    """What atoms were told, in the place of an ASE calculator."""

    def __init__(self, forces: Forces) -> None:
        self.told = forces

    def get_potential_energy(self, atoms: Any) -> float:  # noqa: ARG002 - ASE's
        return self.told.energy

    def get_forces(self, atoms: Any) -> Float[np.ndarray, "atoms 3"]:  # noqa: ARG002 - ASE's
        return self.told.forces.copy()  # which constraints change

    def get_stress(self, atoms: Any) -> Float[np.ndarray, " 6"]:  # noqa: ARG002 - ASE's
        return self.told.stress.copy()


def _advanced(
    live: list[_Member[Result]], some: Sequence[_Member[Result]]
) -> Iterator[tuple[int, Done[Result] | Failed]]:
    """Let some go on; those that end are live no more."""
    for member in some:
        outcome = member.advance()
        if outcome is not None:
            live.remove(member)
            yield member.number, outcome


def _atoms(members: Sequence[_Member[Any]]) -> int:
    return sum(len(member.atoms) for member in members)
