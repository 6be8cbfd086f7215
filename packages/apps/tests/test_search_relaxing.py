"""Candidates relaxed many at once come to what they come to alone, and are kept alike."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ase.calculators.emt import EMT
from pymatgen.core import Lattice, Structure

from epitaxy.apps.discovery.relaxing import Relaxer
from epitaxy.eval.isolation import Failed
from epitaxy.eval.stability import PBE, AsePotential, Forces, Relaxed, RelaxSettings, is_batched

ROUGHLY = RelaxSettings(fmax=0.2, max_steps=20)


class Together(AsePotential):
    """EMT that is asked for many at once."""

    batched = True

    def prepare_many(self) -> None:
        pass

    def check(self, structure: Structure) -> None:
        if "Ag" in structure.symbol_set:
            raise ValueError("no silver")

    def forces(self, crystals: Sequence[Any]) -> list[Forces]:
        return [self._one(atoms.copy()) for atoms in crystals]

    def _one(self, atoms: Any) -> Forces:
        atoms.calc = EMT()
        return Forces(
            energy=float(atoms.get_potential_energy()), forces=atoms.get_forces(), stress=atoms.get_stress()
        )


def fcc(element: str, edge: float) -> Structure:
    return Structure(Lattice.cubic(edge), [element] * 2, [[0, 0, 0], [0.5, 0.5, 0.4]])


CANDIDATES = [fcc("Cu", 3.2), fcc("Ag", 3.3), fcc("Au", 3.4)]


def came(relaxer: Relaxer, **words: Any) -> dict[int, Any]:
    found = relaxer.relax(CANDIDATES, ROUGHLY, **words)
    return {n: {**one.to_json(), "seconds": 0} if isinstance(one, Relaxed) else one for n, one in found}


def test_together_and_alone(tmp_path: Path) -> None:
    potential = Together(calculator="emt")
    assert is_batched(potential)
    together = Relaxer(potential=potential, cache=tmp_path / "together", workers=2)
    alone = Relaxer(potential=AsePotential(calculator="emt"), cache=tmp_path / "alone", workers=0)
    assert (together.at_once, alone.at_once) == (8, 1)
    assert came(together, seconds=0.0) == {}
    found = came(together, seconds=3600.0)
    assert found.pop(1) == Failed(kind="error", reason="no silver")
    assert found == {n: one for n, one in came(alone).items() if n != 1}
    assert together.computed == 3


def test_what_was_done_is_kept(tmp_path: Path) -> None:
    first = Relaxer(potential=Together(calculator="emt"), cache=tmp_path, workers=0)
    found = came(first)
    second = Relaxer(potential=AsePotential(calculator="emt"), cache=tmp_path, workers=0)
    assert came(second, seconds=0.0) == found
    assert second.computed == 0


class SaidToBePBE(AsePotential):
    """A potential whose minima are deeper than any crystal's."""

    @property
    def method(self) -> str:
        return PBE


def test_holes_are_no_candidates_even_where_they_were_kept(tmp_path: Path) -> None:
    words: dict[str, Any] = {
        "calculator": "lj",
        "parameters": (("epsilon", 50.0), ("rc", 5.0), ("sigma", 2.3)),
    }
    deep = Relaxer(potential=AsePotential(**words), cache=tmp_path, workers=0)
    first = dict(deep.relax(CANDIDATES[:1], ROUGHLY))[0]
    assert isinstance(first, Relaxed)
    assert first.energy < -50
    said = Relaxer(potential=SaidToBePBE(**words), cache=tmp_path, workers=0)
    kept = dict(said.relax(CANDIDATES[:1], ROUGHLY))[0]
    assert said.computed == 0
    assert isinstance(kept, Failed)
    assert "below its elements" in kept.reason
