"""A table of energies in place of a potential: every figure by hand. EMT where relaxing matters."""

import json
from dataclasses import dataclass, field

import pytest
from pymatgen.core.composition import Composition
from pymatgen.core.lattice import Lattice
from pymatgen.core.operations import SymmOp
from pymatgen.core.structure import Structure

from epitaxy.eval.stability import (
    HullEntry,
    Potential,
    References,
    Relaxed,
    RelaxSettings,
    StabilityResult,
    Work,
    evaluate_stability,
    hull_of_entries,
    load_potential,
)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A potential that looks energies up by formula and volume, and relaxes by lowering them by 0.04."""

    energies: dict[str, float]
    asked: list[tuple[str, str]] = field(default_factory=list)
    gain: float = 0.04

    @property
    def name(self) -> str:
        return "table"

    @property
    def version(self) -> str:
        return "1"

    def prepare(self) -> None:
        pass

    def energy(self, structure: Structure) -> float:
        formula = structure.composition.reduced_formula
        self.asked.append(("energy", formula))
        return self.energies[formula]

    def relax(self, structure: Structure, settings: RelaxSettings) -> Relaxed:  # noqa: ARG002 - the protocol's
        formula = structure.composition.reduced_formula
        self.asked.append(("relax", formula))
        return Relaxed(
            structure=structure,
            energy=self.energies[formula] - self.gain,
            converged=formula != "NaCl2",
            steps=3,
            max_force=0.01,
            displacement=0.2,
            rmsd=None if formula == "NaCl2" else 0.1,
            spacegroup=225,
            seconds=2.0,
        )


def crystal(formula: str) -> Structure:
    species = [e.symbol for e, n in Composition(formula).items() for _ in range(int(n))]
    coords = [[n / len(species), 0, 0] for n in range(len(species))]
    return Structure(Lattice.cubic(6.0), species, coords)


def entry(formula: str, energy: float) -> HullEntry:
    return HullEntry(id=f"mp-{formula}", composition=Composition(formula), energy=energy)


HULL = hull_of_entries([entry("Na", -1.0), entry("Cl", -2.0), entry("NaCl", -4.0)], source="hand")
# Above the hull, after relaxing: NaCl -0.29, Na3Cl 0.06, NaCl2 0.3 (its hull: two thirds of -4, one of -2).
TABLE = {"NaCl": -4.25, "Na3Cl": -2.4, "NaCl2": -10 / 3 + 0.34, "NaBr": -4.0}
SAMPLES = {
    "salt": crystal("NaCl"),
    "rich": crystal("Na3Cl"),
    "poor": crystal("NaCl2"),
    "bromide": crystal("NaBr"),
    "unknown": crystal("KF"),
    "unread": None,
}
YES = dict.fromkeys(SAMPLES, True)


def evaluated(**changes) -> StabilityResult:
    settings = {"hull": HULL, "potential": Table(energies=TABLE), "unique": YES, "novel": YES}
    return evaluate_stability(SAMPLES, **(settings | changes))


def test_the_table_is_a_potential():
    assert isinstance(Table(energies={}), Potential)


def test_figures_by_hand():
    report = evaluated(unique=YES | {"rich": False}, generation_seconds=30.0).report()
    assert report.counts == {
        "samples": 6,
        "unreadable": 1,
        "failed_time": 0,
        "failed_error": 1,
        "failed_crash": 0,
        "relaxed": 4,
        "distinct": 4,
        "not_converged": 1,
        "without_hull": 1,
        "stable": 1,
        "metastable": 2,
        "mattergen_stable": 2,
        "sun": 1,
        "metastable_sun": 1,
        "mattergen_sun": 1,
        "hull_phases": 3,
        "hull_systems": 3,
        "hull_failed": 0,
    }
    assert report.metrics == pytest.approx(
        {
            "stable": 1 / 6,
            "sun": 1 / 6,
            "metastable": 2 / 6,
            "metastable_sun": 1 / 6,
            "mattergen_stable": 2 / 6,
            "mattergen_sun": 1 / 6,
            "converged": 3 / 4,
            "e_hull_mean": (-0.29 + 0.06 + 0.3) / 3,
            "e_hull_median": 0.06,
            "rmsd": 0.1,
            "displacement": 0.2,
            "relaxation_seconds": 2.0,
            "generation_seconds_per_stable": 30.0,
            "generation_seconds_per_sun": 30.0,
            "generation_seconds_per_metastable": 15.0,
            "generation_seconds_per_metastable_sun": 30.0,
            "generation_seconds_per_mattergen_stable": 15.0,
            "generation_seconds_per_mattergen_sun": 30.0,
            "relaxation_seconds_per_stable": 8.0,
            "relaxation_seconds_per_sun": 8.0,
            "relaxation_seconds_per_metastable": 4.0,
            "relaxation_seconds_per_metastable_sun": 8.0,
            "relaxation_seconds_per_mattergen_stable": 4.0,
            "relaxation_seconds_per_mattergen_sun": 8.0,
        }
    )
    assert all(low <= report.metrics[name] <= high for name, (low, high) in report.intervals.items())
    assert {"stable", "sun", "converged", "e_hull_mean", "displacement"} <= set(report.intervals)
    assert report.ids["unreadable"] == ("unread",)
    assert report.ids["failed_error"] == ("unknown",)
    assert report.ids["not_converged"] == ("poor",)
    assert report.ids["without_hull"] == ("bromide",)
    assert "no pure Br" in report.notes["without_hull"]
    assert "upper bounds" in report.notes["not_converged"]
    assert report.protocol["parameters"]["hull"]["source"] == "hand"
    assert "3 phases of hand" in report.notes["hull"]
    json.dumps(report.to_json(), allow_nan=False)


def test_ranked_and_shortlist():
    result = evaluated()
    assert [c.id for c in result.ranked()] == ["salt", "rich", "poor", "bromide", "unknown", "unread"]
    assert [c.id for c in result.shortlist()] == ["salt", "rich"]
    assert [c.id for c in result.shortlist("stable")] == ["salt"]
    assert [c.id for c in evaluated(novel=YES | {"salt": False}).shortlist()] == ["rich"]
    first = result.rows()[0]
    assert first == {
        "id": "salt",
        "formula": "NaCl",
        "atoms": 2,
        "e_hull": pytest.approx(-0.29),
        "above_best": 0.0,
        "energy": pytest.approx(-4.29),
        "enthalpy": pytest.approx(-4.29),
        "found": 1,
        "known": None,
        "rmsd": 0.1,
        "displacement": 0.2,
        "spacegroup": 225,
        "spacegroup_before": None,
        "converged": True,
        "unique": True,
        "novel": True,
        "decomposition": "1.000 mp-NaCl",
        "reason": "",
    }
    assert [row["reason"] for row in result.rows()][-2:] == ["KeyError: 'KF'", "unreadable"]
    details = result.details()
    assert {name: row["status"] for name, row in details.items()} == dict.fromkeys(SAMPLES, "relaxed") | {
        "unknown": "error",
        "unread": "unreadable",
    }
    json.dumps(details, allow_nan=False)


def test_without_flags_sun_is_missing_with_a_reason():
    report = evaluated(unique=None, novel=None).report()
    assert "sun" not in report.counts
    for name in ("sun", "metastable_sun", "mattergen_sun", "relaxation_seconds_per_sun"):
        assert report.metrics[name] is None
        assert report.notes[name] == "which samples are unique and novel was not given"
    assert report.metrics["stable"] == pytest.approx(1 / 6)
    with pytest.raises(ValueError, match="which samples are novel was not given"):
        evaluated(novel=None).sun()
    assert [c.id for c in evaluated(unique=None, novel=None).shortlist()] == ["salt", "rich"]


def test_flags_that_leave_a_sample_out_are_refused():
    with pytest.raises(ValueError, match="`novel` does not say whether sample 'rich' is"):
        evaluated(novel={"salt": True})
    compared = {"salt": True, "rich": True, "poor": True}  # the others have no place on the hull
    assert evaluated(novel=compared, unique=compared).counts() == evaluated().counts()


@pytest.mark.parametrize(
    ("samples", "metric", "reason"),
    [
        ({}, "stable", "there are no samples"),
        ({"a": None}, "stable", "no sample could be relaxed"),
        ({"a": crystal("NaBr")}, "stable", "no sample could be compared with the hull"),
        ({"a": crystal("NaBr")}, "e_hull_mean", "no sample could be compared with the hull"),
        ({"a": crystal("NaCl2")}, "rmsd", "no relaxed sample matches what it was relaxed from"),
        ({"a": crystal("NaCl2")}, "relaxation_seconds_per_stable", "no sample is stable"),
        ({"a": crystal("NaCl2")}, "relaxation_seconds_per_sun", "no sample is stable, unique and novel"),
        (
            {"a": crystal("NaCl")},
            "generation_seconds_per_stable",
            "how long the samples took to generate was not given",
        ),
    ],
)
def test_what_cannot_be_told_says_why(samples, metric, reason):
    flags = dict.fromkeys(samples, True)
    report = evaluate_stability(
        samples, hull=HULL, potential=Table(energies=TABLE), unique=flags, novel=flags
    ).report()
    assert report.metrics[metric] is None
    assert report.notes[metric] == reason


def test_samples_in_order_are_numbered():
    result = evaluate_stability([crystal("NaCl"), None], hull=HULL, potential=Table(energies=TABLE))
    assert [c.id for c in result.candidates] == ["0", "1"]


def test_order_changes_nothing():
    backwards = evaluate_stability(
        dict(reversed(SAMPLES.items())), hull=HULL, potential=Table(energies=TABLE), unique=YES, novel=YES
    )
    assert backwards.report().metrics == pytest.approx(evaluated().report().metrics)
    assert [row["id"] for row in backwards.rows()][:3] == ["salt", "rich", "poor"]


KNOWN = {
    "na": crystal("Na"),
    "cl": crystal("Cl"),
    "salt": crystal("NaCl"),
    "high": crystal("NaCl3"),
    "k": crystal("K"),
    "kcl": crystal("KCl"),
    "odd": crystal("Na2Cl"),
    "gone": None,
}
ENERGIES = TABLE | {"Na": -1.0, "Cl2": -2.0, "NaCl": -4.0, "NaCl3": -2.0, "K": -1.0, "KCl": -4.0}


def test_a_reference_hull_is_built_where_it_is_needed():
    table = Table(energies=ENERGIES)
    known = References(source="known", structures=KNOWN, limits="It has small cells only.")
    result = evaluate_stability({"a": crystal("Na3Cl")}, hull=known, potential=table)
    measured = {formula for what, formula in table.asked if what == "energy"}
    assert measured == {"Na", "Cl2", "NaCl", "NaCl3", "Na2Cl"}
    assert "NaCl3" not in {formula for what, formula in table.asked if what == "relax"}  # 1 eV/atom above
    (candidate,) = result.candidates
    # Na and NaCl are lowered by 0.04 like the candidate itself: -2.4 against -2.5.
    assert candidate.e_hull == pytest.approx(0.1)
    assert result.hull.failed == {"odd": "KeyError: 'Na2Cl'"}
    assert result.hull.potential == "table"
    assert "known" in result.hull.statement
    assert result.hull.statement.endswith("It has small cells only.")
    report = result.report()
    assert report.counts["hull_phases"] == 4
    assert report.counts["hull_failed"] == 1
    assert report.ids["hull_failed"] == ("odd",)
    assert report.protocol["parameters"]["hull"]["statement"] == report.notes["hull"]


def test_unrelaxed_references_make_candidates_look_more_stable_and_say_so():
    table = Table(energies=ENERGIES)
    result = evaluate_stability(
        {"a": crystal("Na3Cl")},
        hull=References(source="known", structures=KNOWN, relax_within=None),
        potential=table,
    )
    assert [what for what, _ in table.asked].count("relax") == 1
    assert result.candidates[0].e_hull == pytest.approx(0.06)
    assert "look more stable than they are" in result.hull.statement


def test_a_reference_hull_is_computed_once(tmp_path):
    first, second = Table(energies=ENERGIES), Table(energies=ENERGIES)
    known, work = References(source="known", structures=KNOWN), Work(cache=tmp_path)
    one, two = (
        evaluate_stability({"a": crystal("Na3Cl")}, hull=known, potential=table, work=work)
        for table in (first, second)
    )
    assert one.to_json() == two.to_json()
    assert second.asked == []
    more = evaluate_stability(
        {"a": crystal("Na3Cl"), "b": crystal("KCl")}, hull=known, potential=second, work=work
    )
    assert {formula for what, formula in second.asked if what == "energy"} == {"K", "KCl"}
    assert more.candidates[0].e_hull == one.candidates[0].e_hull
    assert more.candidates[1].e_hull == pytest.approx(0.0)


def test_samples_on_the_hull_itself_are_pointed_out():
    table = Table(energies={"NaCl": -4.0, "Na": 3.0}, gain=0.0005)
    report = evaluate_stability([crystal("NaCl"), crystal("Na")], hull=HULL, potential=table).report()
    assert report.metrics["stable"] == 0.5
    assert report.notes["stable"].startswith("1 samples lie within 0.002 eV/atom of the hull")
    assert "stable" not in evaluated().report().notes


def test_elements_that_the_references_lack():
    result = evaluate_stability(
        {"a": crystal("NaBr")},
        hull=References(source="known", structures=KNOWN),
        potential=Table(energies=ENERGIES),
    )
    assert result.candidates[0].e_hull is None
    assert result.candidates[0].above.reason == "the hull has no pure Br"


def fcc(first: str, second: str, a: float) -> Structure:
    sites = [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0], [0, 0, 0]]
    return Structure(Lattice.cubic(a), [first, first, first, second], sites)


def test_by_emt_a_rediscovered_phase_is_on_the_hull_however_it_is_written():
    """EMT knows that copper and gold mix: ordered CuAu and Cu3Au lie below the elements."""
    known = {
        "Cu": fcc("Cu", "Cu", 3.7),
        "Au": fcc("Au", "Au", 4.0),
        "Cu3Au": fcc("Cu", "Au", 3.8),
        "Au3Cu": fcc("Au", "Cu", 3.9),
    }
    squeezed = fcc("Cu", "Au", 3.72)
    turned = squeezed.copy()
    turned.apply_operation(SymmOp.from_axis_angle_and_translation([1, 2, 3], 37))
    samples = {
        "again": squeezed,
        "supercell": squeezed * [2, 1, 1],
        "turned": turned,
        "permuted": Structure.from_sites(list(reversed(squeezed))),
    }
    settings = RelaxSettings(fmax=0.02)
    result = evaluate_stability(
        samples,
        hull=References(source="four crystals", structures=known),
        potential=load_potential("ase:emt"),
        settings=settings,
    )
    above = [candidate.e_hull for candidate in result.candidates]
    assert above == pytest.approx([0.0] * 4, abs=1e-3)
    without = References(source="elements", structures={name: known[name] for name in ("Cu", "Au")})
    lone = evaluate_stability({"a": squeezed}, hull=without, potential="ase:emt", settings=settings)
    assert lone.candidates[0].e_hull < -0.01
    assert lone.stable() == lone.candidates
