"""Energies that no crystal has, which a potential's holes have, are no minima."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition, Lattice, Structure

from epitaxy.eval.isolation import Failed
from epitaxy.eval.stability import (
    PBE,
    PBE_RAW,
    AsePotential,
    Relaxed,
    RelaxSettings,
    Work,
    evaluate_stability,
    impossible_energy,
    relax_all,
)
from epitaxy.eval.stability.elements import DEEPEST, ELEMENTS

LJ = (("epsilon", 50.0), ("rc", 6.0), ("sigma", 2.3))
FEW = RelaxSettings(max_steps=2)
FCC = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
COPPER = {"copper": Structure(Lattice.cubic(3.6), ["Cu"] * 4, FCC)}


class SaidToBePBE(AsePotential):
    """Energies hundreds of eV deep, under a name that says PBE."""

    @property
    def method(self) -> str:
        return PBE


amounts = st.dictionaries(st.sampled_from(sorted(ELEMENTS)), st.integers(1, 6), min_size=1, max_size=4)


@given(amounts=amounts, below=st.floats(-20.0, 40.0), method=st.sampled_from([PBE, PBE_RAW]))
def test_the_limit_is_below_the_elements(amounts: dict[str, int], below: float, method: str):
    apart = sum(ELEMENTS[name] * n for name, n in amounts.items()) / sum(amounts.values())
    said = impossible_energy(Composition(amounts), apart - below, method)
    if abs(below - DEEPEST) > 1e-6:
        assert (said is not None) == (below > DEEPEST)


def test_what_was_seen():
    said = impossible_energy(Composition("NdFe2W2O4F7"), -25.317, PBE)
    assert said == "-25.3 eV/atom, 20.3 below its elements, as no compound is"
    assert impossible_energy(Composition("NdFe2W2O4F7"), -7.7, PBE) is None


@pytest.mark.parametrize(("formula", "method"), [("Cu", None), ("Cu", "r2SCAN"), ("RaO", PBE)])
def test_of_other_zeros_and_elements_nothing_is_said(formula: str, method: str | None):
    assert impossible_energy(Composition(formula), -1e3, method) is None


def test_holes_fail_even_where_they_were_kept(tmp_path: Path):
    deep, work = AsePotential(calculator="lj", parameters=LJ), Work(cache=tmp_path)
    kept = relax_all(COPPER, deep, settings=FEW, work=work)["copper"]
    assert isinstance(kept, Relaxed)
    assert kept.energy < -50
    said = relax_all(COPPER, SaidToBePBE(calculator="lj", parameters=LJ), settings=FEW, work=work)["copper"]
    assert isinstance(said, Failed)
    assert said.kind == "error"
    assert said.reason.startswith("it falls into a hole of the potential: -")


def test_holes_are_not_stable():
    found = evaluate_stability(COPPER, potential=SaidToBePBE(calculator="lj", parameters=LJ), settings=FEW)
    (one,) = found.candidates
    assert one.status == "error"
    assert "below its elements" in str(one.above.reason)
