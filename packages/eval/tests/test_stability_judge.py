"""Which relaxed samples are one crystal, which are known, and which are new: by hand."""

import pytest
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from epitaxy.eval.stability import AsePotential, Relaxed, RelaxSettings, evaluate_stability
from epitaxy.eval.stability.judge import judge


def relaxed(structure: Structure, energy: float) -> Relaxed:
    return Relaxed(
        structure=structure, energy=energy, converged=True, steps=1, max_force=0.0, displacement=0.0,
        rmsd=0.0, spacegroup=None, seconds=0.0,
    )  # fmt: skip


@pytest.fixture
def samples(perovskite, rutile, skewed) -> dict[str, Relaxed]:
    moved = perovskite.copy().translate_sites(range(5), [0.2, 0.3, 0.4])
    return {
        "high": relaxed(perovskite, -7.0),
        "low": relaxed(moved, -7.5),
        "double": relaxed(perovskite * [1, 1, 2], -7.2),
        "rutile": relaxed(rutile, -9.0),
        "odd": relaxed(skewed, -5.0),
    }


def test_the_lowest_stands_for_its_kind(samples):
    labels = judge(samples)
    assert labels.unique == {"high": False, "low": True, "double": False, "rutile": True, "odd": True}
    assert labels.same_as == {"high": "low", "double": "low"}
    assert set(labels.copies["low"]) == {"high", "double"}
    assert labels.novel is None
    assert labels.known == {}


def test_training_crystals_say_what_is_novel_and_other_phases_only_name(samples, perovskite, rutile):
    labels = judge(
        samples, train={"mp-1": perovskite}, phases={"mp-1": perovskite, "mp-2": rutile, "mp-3": None}
    )
    assert labels.known == {"high": "mp-1", "low": "mp-1", "double": "mp-1", "rutile": "mp-2"}
    assert labels.novel == {"high": False, "low": False, "double": False, "rutile": True, "odd": True}


def test_no_order_matters(samples, perovskite):
    backwards = dict(reversed(samples.items()))
    first, second = (judge(given, train={"mp-1": perovskite}) for given in (samples, backwards))
    assert (first.unique, first.novel, first.known) == (second.unique, second.novel, second.known)


def test_what_is_shown_is_judged_after_relaxing():
    """Two distorted cells of one phase, which differ as given and relax to a crystal of the training set."""
    coords = [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0], [0, 0, 0]]
    known = Structure(Lattice.cubic(3.71), ["Cu", "Cu", "Cu", "Au"], coords)
    strained = {
        "flat": Structure(Lattice.tetragonal(4.0, 3.4), known.species, coords),
        "tall": Structure(Lattice.tetragonal(3.5, 4.2), known.species, coords),
    }
    result = evaluate_stability(
        strained,
        hull=None,
        fold=True,
        potential=AsePotential(calculator="emt"),
        settings=RelaxSettings(fmax=0.02),
        train={"mp-auric": known},
    )
    (shown,) = result.ranked()
    assert shown.found == 2
    assert shown.known == "mp-auric"
    assert shown.novel is False
    assert result.shortlist() == ()
    assert (shown.row()["spacegroup_before"], shown.row()["spacegroup"]) == (123, 221)
