"""ASE's own filter and the energy's numerical slope are the oracles."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from hypothesis import given, settings
from hypothesis import strategies as st

from epitaxy.eval.stability.cell_filter import CellFilter


class Counted(EMT):
    """EMT that counts what it computes."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def calculate(self, *args: object, **words: object) -> None:
        self.calls += 1
        super().calculate(*args, **words)


def alloy(seed: int) -> Atoms:
    """Copper and gold in a skewed cell, off their places."""
    noise = np.random.default_rng(seed)
    cell = 3.9 * np.eye(3) + noise.normal(0, 0.15, (3, 3))
    fractions = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]) + noise.normal(
        0, 0.02, (4, 3)
    )
    return Atoms("Cu2Au2", scaled_positions=fractions, cell=cell, pbc=True, calculator=Counted())


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), pressure=st.sampled_from([0.0, 0.3]))
def test_positions_and_forces_are_those_of_ase_wherever_it_was_moved(seed: int, pressure: float) -> None:
    """Also after a move that is no small one, and with a rotation in it: U is then not symmetric."""
    ours = CellFilter(alloy(seed), pressure)
    theirs = FrechetCellFilter(alloy(seed), exp_cell_factor=1.0, scalar_pressure=pressure)
    move = np.random.default_rng(seed + 1).normal(0, 0.08, (7, 3))
    for one in (ours, theirs):
        one.set_positions(one.get_positions() + move)
    np.testing.assert_allclose(ours.get_positions(), theirs.get_positions(), atol=1e-12)
    np.testing.assert_allclose(ours.get_forces(), theirs.get_forces(), atol=1e-9)
    assert ours.get_potential_energy() == pytest.approx(theirs.get_potential_energy(), abs=1e-12)


def test_forces_are_the_slope_of_the_energy() -> None:
    moved = CellFilter(alloy(3), 0.2)
    start = moved.get_positions() + np.random.default_rng(0).normal(0, 0.05, (7, 3))
    moved.set_positions(start)
    forces = moved.get_forces()
    step = 1e-5
    slopes = np.zeros((7, 3))
    for row, column in np.ndindex(7, 3):
        around = []
        for sign in (1, -1):
            place = start.copy()
            place[row, column] += sign * step
            moved.set_positions(place)
            around.append(moved.get_potential_energy())
        slopes[row, column] = (around[0] - around[1]) / (2 * step)
    np.testing.assert_allclose(forces, -slopes, atol=1e-5)


def test_asking_again_computes_nothing_and_what_is_given_may_be_changed() -> None:
    atoms = alloy(1)
    moved = CellFilter(atoms, 0.0)
    first, places = moved.get_forces(), moved.get_positions()
    calls = atoms.calc.calls
    first[:] = 0
    places[:] = 0
    assert moved.get_forces().any()
    assert moved.get_positions().any()
    assert atoms.calc.calls == calls
    moved.set_positions(moved.get_positions() + 0.01)
    moved.get_forces()
    assert atoms.calc.calls > calls
