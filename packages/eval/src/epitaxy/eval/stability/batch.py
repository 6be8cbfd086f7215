"""Energies and relaxations of many crystals: isolated, limited in time, kept on disk."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from pymatgen.core.structure import Structure

from epitaxy.eval.isolation import Done, Failed, Progress
from epitaxy.eval.resumable import JsonValue, Stream, resume_map, structure_key
from epitaxy.eval.resumable.store import about_task
from epitaxy.eval.stability.course import Clock, Course
from epitaxy.eval.stability.elements import impossible_energy
from epitaxy.eval.stability.engine import energy_course, relax_course
from epitaxy.eval.stability.lockstep import together
from epitaxy.eval.stability.phases import known_energies
from epitaxy.eval.stability.potential import (
    Batched,
    Potential,
    Relaxed,
    RelaxSettings,
    is_batched,
    method_of,
)

RELAX_LIMIT = 600.0
"""Seconds of processor time for one structure unless told otherwise."""

StageProgress: TypeAlias = Callable[[str, int, int], None]
"""Called as ``progress(stage, done, total)``, where stage is a phrase for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How long work is done: none of it changes the figures.

    Attributes:
        cache: The folder where what is finished is kept, so that a run that was killed goes on where it was
            and no energy is computed twice; None keeps nothing.
        workers: Worker processes; 0 for this one, where a crash is a crash; or a Dask scheduler's address. A
            potential that computes many crystals at once here does so in this process, whatever their number.
        timeout_s: Seconds of processor time for one structure; None for no limit.
        chunk: How many finished structures to save at once.
        retry: Whether to try again what failed in an earlier run.
        until: Time of :func:`time.monotonic` at which the work ends with a TimeoutError, if it is not done;
            what is done by then is kept. None for none.
        progress: Called after each structure.

    """

    cache: Path | None = None
    workers: int | str = 0
    timeout_s: float | None = RELAX_LIMIT
    chunk: int = 8
    retry: bool = False
    until: float | None = None
    progress: StageProgress | None = None

    def run(
        self,
        stage: str,
        task: "_Energy | _Relax",
        structures: Mapping[str, Structure],
    ) -> dict[str, Done[JsonValue] | Failed]:
        """Apply a task to every structure."""
        outcomes = resume_map(
            task,
            list(structures.values()),
            keys=[structure_key(structure) for structure in structures.values()],
            name=task.NAME,
            version=task.VERSION,
            parameters=task.parameters,
            cache=self.cache,
            workers=self.workers,
            limit=self.timeout_s,
            chunk=self.chunk,
            retry=self.retry,
            until=self.until,
            progress=self._progress(stage),
            stream=self._together(task),
        )
        return dict(zip(structures, outcomes, strict=True))

    def _together(self, task: "_Energy | _Relax") -> Stream[Structure] | None:
        """Return how many crystals are done at once, if they are; a cluster was asked for in words."""
        potential = task.potential
        if isinstance(self.workers, str) or not is_batched(potential):
            return None
        return partial(
            together, potential=potential, course=task.course, limit=self.timeout_s, until=self.until
        )

    def _progress(self, stage: str) -> Progress | None:
        if self.progress is None:
            return None
        report = self.progress
        return lambda done, total: report(stage, done, total)


def relax_all(
    structures: Mapping[str, Structure],
    potential: Potential,
    *,
    settings: RelaxSettings | None = None,
    work: Work | None = None,
    stage: str = "relaxing",
) -> dict[str, Relaxed | Failed]:
    """Relax crystals; one that hangs, raises or kills its process costs only itself.

    Args:
        structures: Them, by id.
        potential: Whose energy is lowered.
        settings: When each ends.
        work: Where and how it is done.
        stage: What progress calls it.

    Returns:
        What came of each, by id, in the order given.

    Raises:
        ValueError: If a setting makes no sense or the cache cannot be used.
        RuntimeError: If no worker can start.

    """
    task, work = _Relax(potential, settings or RelaxSettings()), work or Work()
    outcomes = work.run(stage, task, structures)
    return {name: sound(outcome, potential) for name, outcome in outcomes.items()}


def relax_together(
    structures: Sequence[Structure],
    potential: Batched,
    settings: RelaxSettings,
    *,
    limit: float | None = None,
    until: float | None = None,
) -> Iterator[tuple[int, Done[JsonValue] | Failed]]:
    """Relax crystals in one process, many at once; nothing is kept.

    Args:
        structures: Them.
        potential: Whose energy is lowered.
        settings: When each ends.
        limit: Seconds of processor time for one, its share of the calls by its atoms included; None for none.
        until: Time of :func:`time.monotonic` at which those under way are given up; None for none.

    Yields:
        The number of each and what came of it, as they end: what :meth:`Relaxed.to_json` gives.

    Raises:
        LostError: If nothing can be computed any more; also what loading the potential raises.

    """

    def course(structure: Structure, clock: Clock) -> Course[JsonValue]:
        return _relax_course(structure, settings, clock)

    return together(structures, potential, course, limit=limit, until=until)


def sound(outcome: Done[JsonValue] | Failed, potential: Potential) -> Relaxed | Failed:
    """Read what came of a relaxation; what ended lower than any crystal has failed, kept or not."""
    if isinstance(outcome, Failed):
        return outcome
    assert isinstance(outcome.value, dict)
    relaxed = Relaxed.from_json(outcome.value)
    reason = impossible_energy(relaxed.structure.composition, relaxed.energy, method_of(potential))
    if reason is None:
        return relaxed
    return Failed(kind="error", reason=f"it falls into a hole of the potential: {reason}")


def energies_of(
    structures: Mapping[str, Structure],
    potential: Potential,
    *,
    work: Work | None = None,
    stage: str = "energies",
) -> dict[str, float | Failed]:
    """Compute the energies of crystals as they are, eV/atom; otherwise as :func:`relax_all`."""
    outcomes = (work or Work()).run(stage, _Energy(potential), structures)
    return {name: _number(outcome) for name, outcome in outcomes.items()}


def known_phases(
    structures: Mapping[str, Structure], potential: Potential, settings: RelaxSettings | None = None
) -> dict[str, float]:
    """Return what comes with the package of these phases' energies, or enthalpies relaxed, in eV/atom.

    Args:
        structures: Known phases, by id.
        potential: The potential.
        settings: When a relaxation ends; None for the energies of the phases as they are.

    """
    task = _Energy(potential) if settings is None else _Relax(potential, settings)
    return known_energies(about_task(task.NAME, task.VERSION, task.parameters), structures)


class _Energy:
    """Computes one energy; picklable."""

    NAME, VERSION = "energy", 1

    def __init__(self, potential: Potential) -> None:
        self.potential = potential

    @property
    def parameters(self) -> dict[str, JsonValue]:
        """All else that the energies depend on."""
        return _identity(self.potential)

    def __call__(self, structure: Structure) -> JsonValue:
        return self.potential.energy(structure)

    def course(self, structure: Structure, _: Clock) -> Course[JsonValue]:
        """Compute it step by step."""
        return energy_course(structure)

    def __reduce__(self) -> tuple[Any, ...]:
        return _prepared, (_Energy, self.potential)


class _Relax:
    """Relaxes one crystal; picklable."""

    NAME, VERSION = "relax", 2  # 1: FIRE, which climbed in left-handed cells

    def __init__(self, potential: Potential, settings: RelaxSettings) -> None:
        self.potential, self.settings = potential, settings

    @property
    def parameters(self) -> dict[str, JsonValue]:
        """All else that the results depend on."""
        return _identity(self.potential) | {
            "fmax": self.settings.fmax,
            "max_steps": self.settings.max_steps,
            "max_atoms": self.settings.max_atoms,
            "pressure": self.settings.pressure,
            "keep_symmetry": self.settings.keep_symmetry,
        }

    def __call__(self, structure: Structure) -> JsonValue:
        return self.potential.relax(structure, self.settings).to_json()

    def course(self, structure: Structure, clock: Clock) -> Course[JsonValue]:
        """Relax it step by step."""
        return _relax_course(structure, self.settings, clock)

    def __reduce__(self) -> tuple[Any, ...]:
        return _prepared, (_Relax, self.potential, self.settings)


def _relax_course(structure: Structure, settings: RelaxSettings, clock: Clock) -> Course[JsonValue]:
    relaxed = yield from relax_course(structure, settings, clock)
    return relaxed.to_json()


def _prepared(task: type[_Energy | _Relax], potential: Potential, *rest: Any) -> _Energy | _Relax:
    """Make a task in the process that unpickles it: a worker loads weights before its first clock starts."""
    try:
        potential.prepare()
    except Exception:  # each structure will say why, where the reason is kept
        return task(potential, *rest)
    return task(potential, *rest)


def _identity(potential: Potential) -> dict[str, JsonValue]:
    return {"potential": potential.name, "version": potential.version}


def _number(outcome: Done[JsonValue] | Failed) -> float | Failed:
    if isinstance(outcome, Failed):
        return outcome
    assert isinstance(outcome.value, float)
    return outcome.value
