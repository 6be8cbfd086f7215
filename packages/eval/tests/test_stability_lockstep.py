"""Many crystals at once come to what each comes to alone; EMT, one after the other, stands for a GPU."""

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np
import pytest
from ase.calculators.emt import EMT
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from epitaxy.eval.isolation import Failed
from epitaxy.eval.stability import (
    AsePotential,
    Batched,
    Forces,
    LostError,
    Potential,
    Relaxed,
    RelaxSettings,
    Work,
    energies_of,
    lockstep,
    relax_all,
    relax_together,
)

ALONE = AsePotential(calculator="emt")


@dataclass
class Together:
    """EMT that is asked for many at once, and fails where it is told to."""

    room: float = float("inf")
    """Atoms for which there is memory."""
    hungry: str = ""
    """An element that there is never memory for."""
    refused: str = "Ag"
    """An element that it lacks."""
    lost_after: int | None = None
    killed_after: int | None = None
    seconds: float = 0.0
    """Processor time that an atom takes besides."""
    calls: list[int] = field(default_factory=list)
    """The atoms of each call that was answered."""
    name: str = ALONE.name
    version: str = ALONE.version
    batched: bool = True

    def prepare(self) -> None:
        raise AssertionError("it was asked for one alone")

    def prepare_many(self) -> None:
        pass

    def energy(self, structure: Structure) -> float:  # noqa: ARG002 - the protocol's
        raise AssertionError("it was asked for one alone")

    def relax(self, structure: Structure, settings: RelaxSettings) -> Relaxed:  # noqa: ARG002 - the protocol's
        raise AssertionError("it was asked for one alone")

    def check(self, structure: Structure) -> None:
        if self.refused in structure.symbol_set:
            raise ValueError(f"no {self.refused}")

    def forces(self, crystals: Sequence[Any]) -> list[Forces]:
        atoms = sum(map(len, crystals))
        if atoms > self.room or any(self.hungry in one.get_chemical_symbols() for one in crystals):
            raise MemoryError("too many")
        if len(self.calls) == self.lost_after:
            raise LostError("the device failed")
        if len(self.calls) == self.killed_after:
            raise KeyboardInterrupt
        found = [self._one(one) for one in crystals]
        burnt = time.process_time() + self.seconds * atoms
        while time.process_time() < burnt:
            pass
        self.calls.append(atoms)
        return found

    def _one(self, atoms: Any) -> Forces:
        symbols = set(atoms.get_chemical_symbols())
        if "Pt" in symbols:
            raise RuntimeError("no platinum")
        copy = atoms.copy()
        copy.set_constraint()
        copy.calc = EMT()
        factor = float("nan") if "Ni" in symbols else 1.0
        return Forces(
            energy=float(copy.get_potential_energy()),
            forces=copy.get_forces() * factor,
            stress=copy.get_stress(),
        )


def fcc(element: str, a: float, seed: int | None = None) -> Structure:
    corners = [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    structure = Structure(Lattice.cubic(a), [element] * 4, corners)
    if seed is None:
        return structure
    rng = np.random.default_rng(seed)
    lattice = Lattice(structure.lattice.matrix @ (np.eye(3) + rng.normal(scale=0.03, size=(3, 3))))
    return Structure(lattice, structure.species, structure.frac_coords + rng.normal(scale=0.02, size=(4, 3)))


CRYSTALS = {
    "copper": fcc("Cu", 3.7, 1),
    "at rest": fcc("Cu", 3.589),
    "gold": fcc("Au", 4.3, 2),
    "long": fcc("Al", 4.0, 3) * [1, 1, 2],
    "palladium": fcc("Pd", 3.9, 4),
    "copper again": fcc("Cu", 3.7, 1),
}


def plain(outcomes: dict[str, Relaxed | Failed]) -> list[Any]:
    """Everything but the time it took."""
    return [
        (name, one if isinstance(one, Failed) else {**one.to_json(), "seconds": None})
        for name, one in outcomes.items()
    ]


def test_it_is_a_potential_of_both_kinds():
    assert isinstance(Together(), Potential)
    assert isinstance(Together(), Batched)
    assert not isinstance(ALONE, Batched)


@pytest.mark.parametrize(
    ("settings", "at_once"),
    [
        (RelaxSettings(), 1),
        (RelaxSettings(), 9),
        (RelaxSettings(), 2048),
        (RelaxSettings(fmax=0.1, pressure=10.0), 2048),
        (RelaxSettings(keep_symmetry=True, max_steps=10), 2048),
        (RelaxSettings(max_steps=0), 9),
        (RelaxSettings(max_steps=3, max_atoms=4), 9),
    ],
    ids=["one", "two", "all", "pressure", "symmetry", "no steps", "three steps"],
)
def test_together_is_alone_to_the_last_bit(settings, at_once, monkeypatch):
    monkeypatch.setattr(lockstep, "ATOMS_AT_ONCE", at_once)
    expected = relax_all(CRYSTALS, ALONE, settings=settings)
    assert plain(relax_all(CRYSTALS, Together(), settings=settings)) == plain(expected)


def test_a_call_is_for_all_that_are_under_way():
    potential = Together()
    outcomes = relax_all(CRYSTALS, potential)
    steps = [one.steps for one in outcomes.values() if isinstance(one, Relaxed)]
    assert potential.calls[0] == 24  # copies are relaxed once
    assert len(potential.calls) == max(steps) + 1
    del outcomes["copper again"]
    assert sum(potential.calls) == sum((one.steps + 1) * len(one.structure) for one in outcomes.values())


def test_the_next_takes_the_place_of_what_is_done(monkeypatch):
    monkeypatch.setattr(lockstep, "ATOMS_AT_ONCE", 8)
    potential = Together()
    relax_all(CRYSTALS, potential)
    assert max(potential.calls) <= 12  # a call is full from eight atoms on, and a crystal is not divided
    assert sum(atoms >= 8 for atoms in potential.calls) > len(potential.calls) / 2


def test_what_fails_costs_only_itself():
    strange = {
        "silver": fcc("Ag", 4.0),
        "platinum": fcc("Pt", 3.9),
        "nickel": fcc("Ni", 3.5),
        "far": fcc("Cu", 25.0),
        "shared": Structure(Lattice.cubic(4), [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]]),
        "crowd": fcc("Cu", 3.7) * [2, 2, 2],
    }
    mixed = dict(pair for both in zip(strange.items(), CRYSTALS.items(), strict=True) for pair in both)
    outcomes = relax_all(mixed, Together(), settings=RelaxSettings(max_atoms=30))
    assert list(outcomes) == list(mixed)
    reasons = {name: one.reason for name, one in outcomes.items() if isinstance(one, Failed)}
    assert reasons.pop("silver") == "no Ag"
    assert reasons.pop("platinum") == "RuntimeError: no platinum"
    assert reasons.pop("nickel") == "the potential gives no finite forces for it"
    assert "shared between species" in reasons.pop("shared")
    assert "max_atoms is 30" in reasons.pop("crowd")
    alone = relax_all({"far": strange["far"]} | CRYSTALS, ALONE, settings=RelaxSettings(max_atoms=30))
    assert plain({name: outcomes[name] for name in alone}) == plain(alone)


def test_calls_shrink_to_the_memory_there_is():
    potential = Together(room=9)
    assert plain(relax_all(CRYSTALS, potential)) == plain(relax_all(CRYSTALS, ALONE))
    assert max(potential.calls) <= 9
    assert (
        sum(atoms == 8 for atoms in potential.calls) > len(potential.calls) / 3
    )  # two at once, where they fit


def test_one_that_never_fits_is_named_and_tried_again_another_time(tmp_path):
    crystals = CRYSTALS | {"hungry": fcc("Ag", 4.0) * [3, 1, 1]}
    potential = Together(hungry="Ag", refused="")
    work = Work(cache=tmp_path)
    outcomes = relax_all(crystals, potential, work=work)
    assert outcomes["hungry"] == Failed(kind="crash", reason="there is no memory for its 12 atoms")
    del outcomes["hungry"]
    assert plain(outcomes) == plain(relax_all(CRYSTALS, ALONE))
    assert max(potential.calls[1:]) >= 12  # the others share calls as before
    potential.hungry = ""
    again = relax_all(crystals, potential, work=work)
    assert isinstance(again["hungry"], Relaxed)


def test_one_cache_serves_both_ways(tmp_path):
    work, settings = Work(cache=tmp_path), RelaxSettings(max_steps=2)
    first = relax_all(CRYSTALS, Together(), settings=settings, work=work)
    alone = AsePotential(calculator="emt")
    assert len(list(tmp_path.iterdir())) == 1
    assert plain(relax_all(CRYSTALS, alone, settings=settings, work=work)) == plain(first)
    assert len(list(tmp_path.iterdir())) == 1
    more = CRYSTALS | {"more": fcc("Cu", 3.8, 9)}
    relax_all(more, alone, settings=settings, work=work)
    asked = Together()
    outcomes = relax_all(more, asked, settings=settings, work=work)
    assert asked.calls == []
    assert isinstance(outcomes["more"], Relaxed)


@pytest.mark.parametrize("end", ["killed_after", "lost_after"])
def test_after_an_end_only_the_rest_is_computed(tmp_path, end):
    work = Work(cache=tmp_path, chunk=1)
    with pytest.raises(KeyboardInterrupt if end == "killed_after" else LostError):
        relax_all(CRYSTALS, Together(**{end: 3}), work=work)
    potential = Together()
    assert plain(relax_all(CRYSTALS, potential, work=work)) == plain(relax_all(CRYSTALS, ALONE))
    assert potential.calls[0] == 20  # the one at rest was done, and kept


def test_time_ends_the_work_and_what_was_done_is_kept(tmp_path, monkeypatch):
    with pytest.raises(TimeoutError, match="6 of 6 were not done"):
        relax_all(CRYSTALS, Together(), work=Work(cache=tmp_path, until=time.monotonic()))
    first, second = Together(), Together()
    monkeypatch.setattr(lockstep.Lockstep, "is_over", lambda _: bool(first.calls))
    with pytest.raises(TimeoutError, match="5 of 6 were not done"):
        relax_all(CRYSTALS, first, work=Work(cache=tmp_path))
    monkeypatch.undo()
    relax_all(CRYSTALS, second, work=Work(cache=tmp_path))
    assert (first.calls, second.calls[0]) == ([24], 20)


def test_the_limit_is_of_each_ones_own_processor_time():
    """A call takes 0.05 s an atom: a crystal of four has five in a second, one of eight has two."""
    crystals = {name: CRYSTALS[name] for name in ("copper", "long")}
    outcomes = relax_all(
        crystals,
        Together(seconds=0.05),
        settings=RelaxSettings(fmax=1e-9, max_steps=2),
        work=Work(timeout_s=1.0),
    )
    assert isinstance(outcomes["copper"], Relaxed)
    assert outcomes["long"] == Failed(kind="time", reason="stopped after 1 s of processor time")


def test_seconds_are_shared_by_atoms():
    crystals = {"small": CRYSTALS["copper"], "large": CRYSTALS["long"]}
    outcomes = relax_all(crystals, Together(seconds=0.02), settings=RelaxSettings(fmax=1e-9, max_steps=2))
    small, large = (outcomes[name].seconds for name in crystals)
    assert 3 * 4 * 0.02 <= small < 3 * 6 * 0.02 + 0.2
    assert large >= 3 * 8 * 0.02


def test_energies_are_those_of_each_alone(monkeypatch):
    monkeypatch.setattr(lockstep, "ATOMS_AT_ONCE", 9)
    crystals = CRYSTALS | {"silver": fcc("Ag", 4.0)}
    together = energies_of(crystals, Together())
    assert together.pop("silver") == Failed(kind="error", reason="no Ag")
    assert together == energies_of(CRYSTALS, ALONE)


def test_progress_is_told_of_each():
    told: list[tuple[str, int, int]] = []
    relax_all(CRYSTALS, Together(), work=Work(progress=lambda *words: told.append(words)))
    assert [words[0] for words in told] == ["relaxing"] * 5
    assert [done for _, done, _ in told][-1] == 6
    assert {total for _, _, total in told} == {6}


def test_nothing_to_do_loads_nothing(monkeypatch):
    potential = Together()
    monkeypatch.setattr(Together, "prepare_many", mock.Mock(side_effect=AssertionError))
    assert relax_all({}, potential) == {}
    assert list(relax_together([], potential, RelaxSettings())) == []


def test_where_it_is_no_gain_each_is_done_alone():
    outcomes = relax_all(CRYSTALS, dataclasses.replace(Together(), batched=False))
    assert all(isinstance(one, Failed) and "one alone" in one.reason for one in outcomes.values())
