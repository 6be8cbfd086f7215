import gzip
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from monty.serialization import dumpfn
from pymatgen.analysis.phase_diagram import PatchedPhaseDiagram, PDEntry, PhaseDiagram
from pymatgen.core.composition import Composition
from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry

from epitaxy.eval.stability import HullEntry, hull_of_entries, read_entries
from epitaxy.eval.stability.conventions import CONVENTIONS, convention_of
from epitaxy.eval.stability.hull import Hull
from epitaxy.eval.stability.methods import PBE, PBE_RAW, R2SCAN, check_same


def hull(**energies: float) -> Hull:
    entries = [HullEntry(id=f, composition=Composition(f), energy=e) for f, e in energies.items()]
    return hull_of_entries(entries, source="hand")


BINARY = hull(Na=-1.0, Cl=-2.0, NaCl=-4.0)


@pytest.mark.parametrize(
    ("formula", "energy", "above"),
    [
        ("NaCl", -4.0, 0.0),  # the phase itself
        ("NaCl", -3.9, 0.1),  # a polymorph above it
        ("NaCl", -4.25, -0.25),  # below all that is known
        ("Na", -1.0, 0.0),
        ("Cl", -1.5, 0.5),
        ("Na3Cl", -2.0, 0.5),  # half NaCl, half Na: -2.5
        ("NaCl3", -3.0, 0.0),  # half NaCl, half Cl: -3.0
        ("Na2Cl", -3.5, -0.5),  # two thirds NaCl, one third Na: -3.0
    ],
)
def test_binary_by_hand(formula, energy, above):
    assert BINARY.above(Composition(formula), energy).value == pytest.approx(above, abs=1e-9)


def test_decomposition_by_hand():
    found = dict(BINARY.above(Composition("Na3Cl"), -2.0).decomposition)
    assert found == pytest.approx({"NaCl": 0.5, "Na": 0.5})


def test_a_phase_of_the_hull_is_on_it_exactly():
    """Or rounding would make it stable under `below zero`."""
    assert BINARY.above(Composition("NaCl"), -4.0).value == 0.0
    third = hull(Li=-1.9, Fe=-8.3, O=-4.9, Li5FeO4=-6.123456789)
    value = third.above(Composition("Li10Fe2O8"), -6.123456789).value
    assert value == 0.0
    assert not convention_of("stable").holds(value)


def test_phases_above_the_hull_change_nothing():
    more = hull(Na=-1.0, Cl=-2.0, NaCl=-4.0, Na3Cl=-1.0, NaCl7=5.0)
    assert more.above(Composition("Na3Cl"), -2.0) == BINARY.above(Composition("Na3Cl"), -2.0)
    assert more.above(Composition("Na3Cl"), -2.0).value == pytest.approx(0.5)


def test_elements_that_are_missing_have_a_reason():
    found = BINARY.above(Composition("NaBr"), -4.0)
    assert found.value is None
    assert found.reason == "the hull has no pure Br"


def test_systems_it_was_not_built_for_have_a_reason():
    built = Hull(source="s", statement="s", entries=BINARY.entries, systems=frozenset([frozenset(["Na"])]))
    assert built.above(Composition("NaCl"), -4.0).reason == "the hull was not built for Cl-Na"
    assert built.above(Composition("Na"), -1.0).value == 0.0


def test_oxidation_states_play_no_part():
    assert BINARY.above(Composition({"Na+": 2, "Cl-": 2}), -3.9).value == pytest.approx(0.1)


energies = st.floats(-9.0, 1.0).map(lambda e: round(e, 4))


@given(
    pure=st.tuples(energies, energies, energies),
    phases=st.lists(
        st.tuples(st.tuples(*[st.integers(0, 4)] * 3).filter(any), energies), min_size=1, max_size=12
    ),
    target=st.tuples(*[st.integers(1, 5)] * 3),
    energy=energies,
)
def test_the_number_is_that_of_pymatgen(pure, phases, target, energy):
    elements = ("Li", "Fe", "O")
    known = [(Composition(e), x) for e, x in zip(elements, pure, strict=True)]
    known += [(Composition(dict(zip(elements, counts, strict=True))), x) for counts, x in phases]
    ours = hull_of_entries(
        [HullEntry(id=str(n), composition=c, energy=e) for n, (c, e) in enumerate(known)], source="s"
    )
    theirs = PhaseDiagram([PDEntry(c, e * c.num_atoms) for c, e in known])
    wanted = Composition(dict(zip(elements, target, strict=True)))
    expected = energy - theirs.get_hull_energy_per_atom(wanted)
    found = ours.above(wanted, energy)
    assert found.value == pytest.approx(expected, abs=1e-7)
    assert sum(share for _, share in found.decomposition) == pytest.approx(1.0)
    assert ours.above(wanted * 3, energy).value == found.value
    reordered = hull_of_entries(ours.entries[::-1], source="s")
    assert reordered.above(wanted, energy).value == pytest.approx(found.value, abs=2e-9)


def test_entries_are_read_with_their_corrections(tmp_path, perovskite):
    records = [
        ComputedEntry("Na2", -2.0, entry_id="mp-1").as_dict(),
        ComputedEntry("Cl4", -6.0, correction=-2.0, entry_id="mp-2").as_dict(),
        PDEntry("NaCl", -8.0, name="rock salt").as_dict(),
        ComputedStructureEntry(perovskite, -40.0).as_dict(),
    ]
    plain, zipped = tmp_path / "entries.json", tmp_path / "entries.json.gz"
    plain.write_text(json.dumps(records))
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, zipped):
        read = read_entries(path)
        assert [entry.energy for entry in read.entries] == [-1.0, -2.0, -4.0, -8.0]
        assert [entry.id for entry in read.entries] == ["mp-1", "mp-2", "rock salt", "3"]
        assert read.above(Composition("Na3Cl"), -2.0).value == pytest.approx(0.5)
        assert path.name in read.statement


@pytest.mark.parametrize("diagram", [PhaseDiagram, PatchedPhaseDiagram])
@pytest.mark.parametrize("name", ["diagram.json", "diagram.json.gz"])
def test_phase_diagrams_are_read_as_pymatgen_writes_them(tmp_path, diagram, name):
    """All their entries count, those above the hull too, with their corrections."""
    entries = [
        ComputedEntry(formula, energy, correction=-0.5, entry_id=f"mp-{formula}")
        for formula, energy in (("Na", -1.0), ("Cl", -2.0), ("NaCl", -8.0), ("Na3Cl", -3.0), ("K", -1.5))
    ]
    held = diagram(entries)
    dumpfn(held, tmp_path / name)
    read = read_entries(tmp_path / name)
    assert {entry.id for entry in read.entries} == {entry.entry_id for entry in entries}
    wanted = Composition("Na3Cl")
    expected = -2.0 - held.get_hull_energy_per_atom(wanted)
    assert read.above(wanted, -2.0).value == pytest.approx(expected, abs=1e-8)
    (tmp_path / "earlier.json").write_text(
        json.dumps({"all_entries": held.as_dict()["computed_data"]["all_entries"]})
    )
    assert read_entries(tmp_path / "earlier.json").entries == read.entries


def of_method(formula: str, energy: float, run_type: str | None) -> dict:
    parameters = {} if run_type is None else {"run_type": run_type}
    return ComputedEntry(formula, energy, parameters=parameters, entry_id=formula).as_dict()


def test_energies_of_two_methods_are_refused(tmp_path):
    path = tmp_path / "entries.json"
    path.write_text(json.dumps([of_method("Na", -1.0, "GGA"), of_method("Cl", -2.0, "R2SCAN")]))
    with pytest.raises(
        ValueError, match=r"entries\.json holds energies of PBE .* and of r2SCAN.*not to be mixed"
    ):
        read_entries(path)
    # GGA and GGA+U are made one by the corrections of the Materials Project; what says nothing joins them.
    path.write_text(
        json.dumps([of_method("Na", -1.0, "GGA"), of_method("Cl", -2.0, "GGA+U"), of_method("K", -1.0, None)])
    )
    assert read_entries(path).method == PBE
    assert read_entries(path, corrected=False).method == PBE_RAW


@pytest.mark.parametrize(
    ("hull_method", "potential", "refused"),
    [(PBE, R2SCAN, True), (PBE, PBE_RAW, True), (PBE, PBE, False), (None, R2SCAN, False), (PBE, None, False)],
)
def test_a_hull_and_a_potential_of_different_methods_are_refused(hull_method, potential, refused):
    if not refused:
        check_same(hull_method, potential, source="hull.json", name="chgnet")
        return
    with pytest.raises(ValueError, match=r"hull\.json are .* those of chgnet are .*not to be mixed"):
        check_same(hull_method, potential, source="hull.json", name="chgnet")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("no json", "is no JSON file of entries"),
        ('{"a": 1}', "holds no list"),
        ("[]", "holds no entries"),
        ('[{"composition": {"Na": 1}, "energy": -1}, {"energy": -1}]', "record 1 is no entry"),
        ('[{"composition": {"Qq": 1}, "energy": -1}]', "record 0 is no entry"),
        ('[{"composition": {"Na": 1}, "energy": NaN}]', "record 0 has no finite energy"),
        ('[{"composition": {}, "energy": -1}]', "record 0 is no entry"),
        ("[3]", "record 0 is no entry"),
    ],
)
def test_files_that_are_no_entries_are_named(tmp_path, text, complaint):
    path = tmp_path / "entries.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"entries\.json.*{complaint}"):
        read_entries(path)
    with pytest.raises(ValueError, match=r"none\.json"):
        read_entries(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("above", "held"),
    [
        (-0.01, {"stable", "metastable", "mattergen_stable"}),
        (0.0, {"metastable", "mattergen_stable"}),
        (0.05, {"metastable", "mattergen_stable"}),
        (0.1, {"metastable"}),
        (0.11, set()),
        (None, set()),
    ],
)
def test_thresholds(above, held):
    assert {name for name, convention in CONVENTIONS.items() if convention.holds(above)} == held


def test_unknown_conventions_are_refused():
    with pytest.raises(ValueError, match="no convention is called 'best'; there are stable, metastable"):
        convention_of("best")


def test_hulls_are_quick_where_many_phases_are_known():
    """A hundred phases in one system, as a hull of a whole database has."""
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 6, size=(100, 4)) + np.eye(4, dtype=int)[rng.integers(4, size=100)]
    elements = ("Li", "Fe", "P", "O")
    known = [Composition(dict(zip(elements, row.tolist(), strict=True))) for row in counts]
    known += [Composition(element) for element in elements]
    entries = [HullEntry(id=str(n), composition=c, energy=float(rng.normal())) for n, c in enumerate(known)]
    many = hull_of_entries(entries, source="s")
    assert all(many.above(e.composition, e.energy).value >= 0.0 for e in entries)
