import json

import pytest
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from epitaxy.eval import evaluate_validity

OVERLAPPING = Structure(Lattice.cubic(4), ["Cs", "Cl"], [[0, 0, 0], [0.1, 0, 0]])
UNBALANCED = Structure(Lattice.cubic(4), ["Ba", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def test_rates_by_hand(perovskite):
    result = evaluate_validity({"a": perovskite, "b": OVERLAPPING, "c": UNBALANCED, "d": None})
    report = json.loads(json.dumps(result.to_json()))
    assert report["metrics"] == {"structural_validity": 0.5, "compositional_validity": 0.5, "validity": 0.25}
    assert report["counts"] == {
        "samples": 4,
        "unreadable": 1,
        "structural_validity": 2,
        "compositional_validity": 2,
        "validity": 1,
    }
    assert report["ids"] == {"unreadable": ["d"]}
    assert report["protocol"]["parameters"] == {
        "min_distance": 0.5,
        "min_volume": 0.1,
        "oxidation_table": "smact14",
    }
    low, high = report["intervals"]["structural_validity"]
    assert 0 < low < 0.5 < high < 1


def test_each_sample_keeps_its_verdicts(perovskite):
    first, second = evaluate_validity([perovskite, UNBALANCED]).samples
    assert (first.id, second.id) == ("0", "1")
    assert first.structural
    assert second.compositional.reason == "no oxidation states of smact14 make it neutral"


def test_no_samples():
    report = evaluate_validity([]).to_json()
    assert set(report["metrics"].values()) == {None}
    assert report["notes"]["structural_validity"] == "there are no samples"


def test_workers_change_no_verdict(crystals):
    samples = {**crystals, "bad": OVERLAPPING, "none": None}
    seen = []
    alone = evaluate_validity(samples, progress=lambda *step: seen.append(step))
    assert alone == evaluate_validity(samples, workers=2)
    assert seen[-1] == (5, 5)


def test_a_sample_that_cannot_be_judged_is_invalid(monkeypatch, perovskite, rutile):
    def fail(structure):
        if structure is rutile:
            raise MemoryError("no room")
        return original(structure)

    import epitaxy.eval.dng.validity as module

    original = module.structural_validity
    monkeypatch.setattr(module, "structural_validity", fail)
    good, bad = evaluate_validity([perovskite, rutile]).samples
    assert good.structural
    assert bad.structural.reason == bad.compositional.reason == "MemoryError: no room"


def test_unknown_table(perovskite):
    with pytest.raises(ValueError, match="'smact15'"):
        evaluate_validity([perovskite], table="smact15")
