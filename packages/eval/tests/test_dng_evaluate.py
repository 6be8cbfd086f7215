import json
from math import log, sqrt

import numpy as np
import pytest
from pymatgen.core.lattice import Lattice
from pymatgen.core.operations import SymmOp
from pymatgen.core.structure import Structure

from epitaxy.eval.dng import PARTS, PropertyValues, evaluate_dng
from epitaxy.eval.dng.describe import CRYSTAL_SYSTEMS
from epitaxy.eval.fingerprints import Cutoffs

OVERLAPPING = Structure(Lattice.cubic(4), ["Cs", "Cl"], [[0, 0, 0], [0.1, 0, 0]])
UNBALANCED = Structure(Lattice.cubic(4), ["Ba", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
COVERAGE = ("coverage_recall", "coverage_precision", "coverage_recall_joint", "coverage_precision_joint")


@pytest.fixture(scope="module")
def samples(perovskite, rutile):
    return {
        "a": perovskite,
        "b": OVERLAPPING,
        "c": UNBALANCED,
        "d": None,
        "e": perovskite * (2, 1, 1),
        "f": rutile,
    }


@pytest.fixture(scope="module")
def by_hand(samples, perovskite, rutile):
    reference = {"p": perovskite, "r": rutile, "broken": None}
    energies = PropertyValues(samples={"a": 1.0, "b": 7.0, "f": 2.0}, reference=[0.0, 1.0])
    result = evaluate_dng(
        samples,
        reference,
        train=[rutile],
        properties={"energy": energies},
        draw_size=3,
        draws=50,
    )
    return result, json.loads(json.dumps(result.to_json()))


def test_rates_by_hand(by_hand):
    result, report = by_hand
    metrics, counts = report["metrics"], report["counts"]
    assert result.valid() == ("a", "e", "f")
    assert counts["samples"] == 6
    assert report["ids"]["unreadable"] == ["d"]
    assert report["ids"]["reference_unusable"] == ["broken"]
    assert metrics["structural_validity"] == pytest.approx(4 / 6)
    for table in ("smact14", "icsd24"):
        assert metrics[f"compositional_validity_{table}"] == pytest.approx(4 / 6)
        assert metrics[f"validity_{table}"] == pytest.approx(3 / 6)
        expected = result.validity(table).report()
        assert expected.metrics["validity"] == metrics[f"validity_{table}"]
        assert list(expected.intervals["validity"]) == report["intervals"][f"validity_{table}"]
    assert counts["validity_smact14"] == 3


def test_coverage_by_hand(by_hand):
    _, report = by_hand
    metrics = report["metrics"]
    assert metrics["coverage_recall"] == metrics["coverage_recall_joint"] == 1
    assert report["ids"]["fingerprint_failed"][0] == "d"
    assert report["ids"]["reference_fingerprint_failed"] == ["broken"]
    assert report["counts"]["coverage_precision"] >= 3  # a, e, f, and what is not valid but near
    assert metrics["coverage_precision"] == report["counts"]["coverage_precision"] / 6
    assert metrics["coverage_precision_joint"] <= metrics["coverage_precision"] <= 5 / 6


def test_distances_by_hand(by_hand, perovskite, rutile):
    _, report = by_hand
    metrics = report["metrics"]
    # valid: 2 perovskites and 1 rutile, against 1 and 1: a sixth of the mass moves
    assert metrics["wasserstein_density"] == pytest.approx(abs(perovskite.density - rutile.density) / 6)
    assert metrics["wasserstein_elements"] == pytest.approx(1 / 6)
    # valid samples with an energy: 1 and 2, against 0 and 1
    assert metrics["wasserstein_energy"] == pytest.approx(1)
    assert report["counts"]["wasserstein_energy_samples"] == 2
    assert metrics["wasserstein_elements_3"] == pytest.approx(1 / 6)
    assert metrics["wasserstein_elements_3_sd"] == pytest.approx(0, abs=1e-12)
    assert metrics["wasserstein_energy_3"] is None
    assert "2 valid samples have a value, fewer than a draw of 3" in report["notes"]["wasserstein_energy_3"]


def test_space_groups_by_hand(by_hand):
    result, report = by_hand
    assert result.groups.samples == {"a": 221, "e": 221, "f": 136}
    p, q = (2 / 3, 1 / 3), (1 / 2, 1 / 2)
    m = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    divergence = sum(a * log(a / c) / 2 + b * log(b / c) / 2 for a, b, c in zip(p, q, m, strict=True))
    assert report["metrics"]["jsd_space_groups"] == pytest.approx(sqrt(divergence))
    assert report["metrics"]["share_cubic"] == pytest.approx(2 / 3)
    assert report["metrics"]["share_tetragonal"] == pytest.approx(1 / 3)
    assert report["metrics"]["reference_share_cubic"] == 0.5
    assert sum(report["metrics"][f"share_{name}"] for name in CRYSTAL_SYSTEMS) == pytest.approx(1)


def test_uniqueness_and_novelty_by_hand(by_hand):
    result, report = by_hand
    metrics = report["metrics"]
    assert result.duplicates.classes() == {"a": ("a", "e"), "b": ("b",), "c": ("c",), "f": ("f",)}
    assert metrics["uniqueness"] == pytest.approx(4 / 6)
    assert metrics["novelty"] == pytest.approx(4 / 6)  # not d, which nobody could read, nor f
    assert metrics["unique_novel"] == pytest.approx(3 / 6)
    assert metrics["valid_unique_novel"] == pytest.approx(1 / 6)
    assert report["ids"]["not_compared"] == ["d"]
    assert "compare only sets of one size" in report["notes"]["uniqueness"]


def test_every_figure_is_there_and_lies_within_its_interval(by_hand):
    _, report = by_hand
    for name, (low, high) in report["intervals"].items():
        assert low - 1e-12 <= report["metrics"][name] <= high + 1e-12
    without = {"wasserstein_energy_3", "wasserstein_energy_3_sd"}
    without |= {name for name in report["metrics"] if name.endswith("_sd")}
    assert set(report["metrics"]) - set(report["intervals"]) == without


@pytest.fixture(scope="module")
def many(crystals):
    """Valid crystals of three space groups, some of them twice."""
    bromide = Structure(Lattice.cubic(4.29), ["Cs", "Br"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    return {**crystals, "bromide": bromide, "again": crystals["rutile"] * (1, 1, 2)}


def test_a_set_against_itself(many):
    metrics = evaluate_dng(many, many, train=many, draw_size=5, draws=3).report().metrics
    for name in COVERAGE:
        assert metrics[name] == 1
    valid = evaluate_dng(many, many, parts=()).valid()
    assert set(valid) == set(many)
    for name in ("wasserstein_density", "wasserstein_elements", "wasserstein_density_5", "jsd_space_groups"):
        assert metrics[name] == pytest.approx(0, abs=1e-9)
    assert metrics["novelty"] == metrics["unique_novel"] == 0


def test_shuffling_changes_nothing(many, samples, tmp_path):
    both = {**many, **samples}
    names = np.random.default_rng(0).permutation(list(both)).tolist()
    first, second = (
        evaluate_dng(s, many, train=many, draw_size=100, cache=tmp_path).report()
        for s in (both, {name: both[name] for name in names})
    )
    assert first.counts == second.counts
    assert first.metrics == pytest.approx(second.metrics)


def test_how_a_crystal_is_written_changes_nothing(many):
    """Supercells, turned, moved and shuffled, are still the crystals of reference and training set."""
    rng = np.random.default_rng(3)
    turn = SymmOp.from_axis_angle_and_translation(rng.normal(size=3), 77.0)
    written = {}
    for name, structure in many.items():
        other = structure * (2, 1, 1)
        other.translate_sites(range(len(other)), rng.uniform(size=3))
        other.apply_operation(turn)
        written[name] = Structure.from_sites([other[n] for n in rng.permutation(len(other))])
    plain, other = (evaluate_dng(s, many, train=many).report() for s in (many, written))
    assert other.counts == plain.counts
    assert other.metrics == pytest.approx(plain.metrics, abs=1e-6)
    assert other.metrics["coverage_recall"] == other.metrics["coverage_precision"] == 1
    assert other.metrics["novelty"] == 0


def test_disjoint_sets(perovskite, skewed):
    report = evaluate_dng([perovskite], [skewed], cutoffs=Cutoffs(structure=0.2, composition=4.0)).report()
    assert report.metrics["jsd_space_groups"] == pytest.approx(sqrt(log(2)))
    assert report.metrics["coverage_precision"] == 0


def test_no_samples(perovskite):
    report = evaluate_dng([], [perovskite], train=[perovskite]).report()
    present = {name for name, value in report.metrics.items() if value is not None}
    assert present == {f"reference_share_{name}" for name in CRYSTAL_SYSTEMS}
    assert report.notes["validity_smact14"] == "there are no samples"
    assert report.notes["coverage_recall"] == "there are no samples"
    assert report.notes["wasserstein_density"] == "no valid sample has a value"
    assert report.notes["jsd_space_groups"] == "no valid sample has a space group"
    json.dumps(report.to_json())


def test_no_reference(perovskite):
    report = evaluate_dng([perovskite], []).report()
    assert report.metrics["coverage_precision"] is None
    assert report.notes["coverage_precision"] == "no reference has a fingerprint"
    assert report.notes["wasserstein_density"] == "no reference has a value"
    assert report.notes["jsd_space_groups"] == "no reference has a space group"
    assert report.notes["novelty"] == "no training crystals were given"
    assert report.metrics["uniqueness"] == 1


def test_parts_left_out_are_null_with_that_reason(perovskite):
    report = evaluate_dng([perovskite], [perovskite], parts=()).report()
    full = evaluate_dng([perovskite], [perovskite], cutoffs=None).report()
    assert set(report.metrics) == set(full.metrics)
    assert report.notes["uniqueness"] == report.notes["jsd_space_groups"] == "not asked for"
    assert full.notes["coverage_recall"] == "no cut-offs were given"
    assert report.metrics["validity_smact14"] == 1


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"parts": ["coverages"]}, "coverages"),
        ({"cutoffs": "mpts_52"}, "mpts_52"),
        ({"table": "smact15"}, "smact15"),
        ({"draws": 0}, "at least 1"),
        ({"properties": {"density": PropertyValues(samples={}, reference=[])}}, "another name"),
    ],
)
def test_bad_settings(setting, words):
    with pytest.raises(ValueError, match=words):
        evaluate_dng([], [], **setting)


def test_the_second_time_comes_from_the_cache(many, tmp_path, monkeypatch):
    import epitaxy.eval.dng.describe as module

    first = evaluate_dng(many, many, train=many, cache=tmp_path, parts=PARTS)

    def never(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(module, "structural_validity", never)
    monkeypatch.setattr(module._SpaceGroup, "__call__", never)
    stages = []
    again = evaluate_dng(
        many, many, train=many, cache=tmp_path, progress=lambda stage, *_: stages.append(stage)
    )
    assert again.to_json() == first.to_json()
    assert list(dict.fromkeys(stages)) == [
        "validity",
        "reference validity",
        "fingerprints",
        "reference fingerprints",
        "space groups",
        "reference space groups",
        "duplicates",
    ]
