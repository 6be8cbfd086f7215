import json

import pytest
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from epitaxy.eval import evaluate_validity
from epitaxy.eval.dng import evaluate_dng, match_asked
from epitaxy.eval.dng.figures import Figures

OVERLAPPING = Structure(Lattice.cubic(4), ["Cs", "Cl"], [[0, 0, 0], [0.1, 0, 0]])
ASKED = {"exact": 136, "more": 99, "other": 225, "invalid": 99}


@pytest.fixture(scope="module")
def samples(perovskite, rutile):
    return {
        "exact": rutile,
        "more": perovskite,  # Pm-3m holds P4mm
        "other": perovskite,
        "invalid": OVERLAPPING,
        "unasked": perovskite,
        "unreadable": None,
    }


def test_by_hand(samples):
    report = json.loads(json.dumps(evaluate_validity(samples, asked_groups=ASKED).to_json()))
    counts, metrics = report["counts"], report["metrics"]
    assert counts["space_group_asked"] == 5  # the unreadable one among them
    assert counts["space_group_asked_of_valid"] == 3
    assert (counts["space_group_kept"], counts["space_group_exact"]) == (2, 1)
    assert metrics["space_group_kept"] == pytest.approx(2 / 5)
    assert metrics["space_group_exact"] == pytest.approx(1 / 5)
    assert metrics["space_group_kept_of_valid"] == pytest.approx(2 / 3)
    assert metrics["space_group_exact_of_valid"] == pytest.approx(1 / 3)
    for name in ("space_group_kept", "space_group_exact_of_valid"):
        low, high = report["intervals"][name]
        assert 0 < low < metrics[name] < high < 1
    assert report["ids"]["asked_group_failed"] == ["unreadable"]
    assert "Space group kept" in report["protocol"]["definition"]
    assert report["protocol"]["parameters"]["asked_symprec"] == 0.01


def test_an_axis_of_order_four_the_other_way_is_not_the_groups(samples):
    found = match_asked(samples, ASKED, frozenset(samples)).found["invalid"]
    assert (found.asked, found.contained) == (99, False)  # its axis lies along a, not c


def test_both_evaluations_say_the_same(samples, tmp_path):
    alone = evaluate_validity(samples, asked_groups=ASKED).report()
    first, again = (
        evaluate_dng(samples, samples, parts=(), asked_groups=ASKED, cache=tmp_path, workers=workers).report()
        for workers in (1, 0)
    )
    assert first == again
    names = [name for name in alone.metrics if name.startswith("space_group_")]
    assert len(names) == 4
    for name in names:
        assert first.metrics[name] == alone.metrics[name]
        assert first.intervals[name] == alone.intervals[name]
    assert first.ids["asked_group_failed"] == ("unreadable",)


def test_what_was_asked_plays_its_part_in_the_cache(rutile, tmp_path):
    for number, kept in ((136, True), (221, False), (136, True)):
        found = match_asked({"a": rutile}, {"a": number}, frozenset("a"), cache=tmp_path)
        assert found.found["a"].contained is kept


def test_without_a_group_there_is_nothing(samples):
    for report in (evaluate_validity(samples).report(), evaluate_validity(samples, asked_groups={}).report()):
        assert not any("space_group" in name for name in report.metrics)
        assert "Space group kept" not in str(report.protocol["definition"])


def test_no_valid_sample():
    figures = Figures()
    match_asked({"a": OVERLAPPING}, {"a": 1}, frozenset()).add_to(figures)
    assert figures.metrics["space_group_kept"] == 1
    assert figures.metrics["space_group_kept_of_valid"] is None
    assert "is structurally valid" in figures.notes["space_group_kept_of_valid"]


def test_a_large_cell_costs_only_itself(rutile, monkeypatch):
    monkeypatch.setattr("epitaxy.eval.dng.large.LARGEST_CELL", 6)
    found = match_asked({"a": rutile, "b": rutile * (2, 1, 1)}, {"a": 136, "b": 136}, frozenset("ab"))
    assert found.found["a"].exact
    assert "12 atoms in a cell" in found.failures["b"]


def test_no_such_group(rutile):
    with pytest.raises(ValueError, match="a was asked for space group 231"):
        evaluate_validity({"a": rutile}, asked_groups={"a": 231})
