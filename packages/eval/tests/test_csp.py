import json
import signal
import time

import numpy as np
import pytest
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from epitaxy.eval import PROTOCOLS, PairStatus, csp_protocol, match_csp


def caesium_chloride(shift: float = 0.0) -> Structure:
    """a = 4 A, two atoms; the second moved by ``shift`` angstrom along c."""
    return Structure(Lattice.cubic(4), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5 + shift / 4]])


def test_rmse_by_hand():
    """After the best translation each atom is off by half the shift; the length per atom is (64/2)^(1/3)."""
    result = match_csp({"a": [caesium_chloride(0.2)]}, {"a": caesium_chloride()})
    assert result.match_rate() == 1
    assert result.rmse() == pytest.approx(0.1 / 32 ** (1 / 3), rel=1e-6)


def test_rates_at_k_by_hand(perovskite):
    exact, near, far = caesium_chloride(), caesium_chloride(0.2), perovskite
    predictions = {"a": [far, near, exact], "b": [near, far], "c": [far, far, far]}
    references = dict.fromkeys("abcd", exact)
    result = match_csp(predictions, references, k=(1, 2, 3))
    assert [result.match_rate(k) for k in (1, 2, 3)] == [1 / 4, 2 / 4, 2 / 4]
    rms = 0.1 / 32 ** (1 / 3)
    assert [result.rmse(k) for k in (1, 2, 3)] == pytest.approx([rms, rms, rms / 2], abs=1e-7)
    assert result.missing() == ("d",)
    assert match_csp(predictions, references).k == (1, 3)


def test_every_count_names_its_ids(perovskite, rutile):
    close = Structure(Lattice.cubic(4), ["Cs", "Cl"], [[0, 0, 0], [0.02, 0, 0]])
    references = {
        name: caesium_chloride() for name in ("good", "close", "other", "unreadable", "none", "empty")
    }
    predictions = {
        "good": [caesium_chloride()],
        "close": [close],
        "other": [perovskite],
        "unreadable": [None],
        "empty": [Structure(Lattice.cubic(4), [], [])],
        "stranger": [rutile],
    }
    json_report = json.loads(json.dumps(match_csp(predictions, references).to_json()))
    assert json_report["counts"] == {
        "references": 6,
        "references_invalid": 0,
        "references_without_prediction": 1,
        "unknown_ids": 1,
        "predictions": 5,
        "predictions_matched": 1,
        "predictions_unmatched": 0,
        "predictions_other_composition": 1,
        "predictions_other_space_group": 0,
        "predictions_invalid": 2,
        "predictions_reference_invalid": 0,
        "predictions_unreadable": 1,
        "predictions_timed_out": 0,
        "predictions_failed": 0,
        "matched@1": 1,
    }
    assert json_report["ids"] == {
        "references_invalid": [],
        "references_without_prediction": ["none"],
        "unknown_ids": ["stranger"],
        "predictions_unreadable": ["unreadable"],
        "predictions_invalid": ["close", "empty"],
        "predictions_timed_out": [],
        "predictions_failed": [],
    }
    assert json_report["metrics"]["match_rate@1"] == pytest.approx(1 / 6)
    assert json_report["protocol"]["name"] == "cdvae"
    assert json_report["protocol"]["parameters"]["stol"] == 0.5


def test_nothing_matched_is_no_figure(perovskite):
    report = match_csp({"a": [perovskite]}, {"a": caesium_chloride()}).to_json()
    assert report["metrics"] == {"match_rate@1": 0.0, "rmse@1": None}
    assert report["notes"]["rmse@1"] == "nothing matched"
    assert "rmse@1" not in report["intervals"]


def test_no_references(perovskite):
    report = match_csp({"a": [perovskite]}, {}).to_json()
    assert report["metrics"] == {"match_rate@1": None, "rmse@1": None}
    assert report["notes"]["match_rate@1"] == "there are no references"
    assert report["intervals"] == {}


def test_details_keep_every_pair(perovskite):
    result = match_csp({"a": [None, perovskite]}, {"a": perovskite})
    assert json.loads(json.dumps(result.details())) == {
        "a": {
            "reference": "valid",
            "predictions": [
                {"status": "unreadable", "rms": None, "reason": None},
                {"status": "matched", "rms": pytest.approx(0, abs=1e-7), "reason": None},
            ],
        }
    }


INVALID_COMPOSITION = Structure(Lattice.cubic(4), ["Ba", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
LONG = Structure(Lattice.orthorhombic(4, 4, 41), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.05]])
OVERLAPPING = Structure(Lattice.cubic(4), ["Cs", "Cl"], [[0, 0, 0], [0.1, 0, 0]])


@pytest.mark.parametrize(
    ("structure", "matching"),
    [
        (caesium_chloride(), {"cdvae", "diffcsp", "crysbfn", "kldm", "loose", "strict"}),
        (INVALID_COMPOSITION, {"crysbfn", "kldm", "loose", "strict"}),
        (LONG, {"cdvae", "diffcsp", "crysbfn", "loose", "strict"}),
        (OVERLAPPING, {"loose", "strict"}),
    ],
)
def test_what_each_protocol_asks(structure, matching):
    for name in PROTOCOLS:
        result = match_csp({"a": [structure]}, {"a": structure}, protocol=name)
        assert result.match_rate() == (name in matching), name


def test_only_cdvae_asks_it_of_the_reference_and_counts_it_in_the_rate():
    references = {"a": caesium_chloride(), "b": INVALID_COMPOSITION}
    predictions = {name: [structure] for name, structure in references.items()}
    strict = match_csp(predictions, references, protocol="cdvae")
    assert strict.match_rate() == 1 / 2
    assert strict.report().ids["references_invalid"] == ("b",)
    assert match_csp(predictions, references, protocol="crysbfn").match_rate() == 1


def test_strict_also_compares_space_groups():
    """Moved along c, the second atom leaves Pm-3m (221) for P4mm (99): 0.3 A shows, 0.02 A does not."""
    reference = caesium_chloride()
    predictions = {"far": [caesium_chloride(0.3)], "near": [caesium_chloride(0.02)]}
    references = dict.fromkeys(predictions, reference)
    assert match_csp(predictions, references, protocol="loose").match_rate() == 1
    result = match_csp(predictions, references, protocol="strict")
    assert result.with_status(PairStatus.OTHER_SPACE_GROUP) == ("far",)
    assert result.match_rate() == 1 / 2
    assert result.matches[0].pairs[0].reason == "prediction in 99, reference in 221"
    assert result.matches[0].pairs[0].rms is None
    assert result.report().counts["predictions_other_space_group"] == 1
    assert result.to_json()["protocol"]["parameters"]["symprec"] == 0.1


def test_what_is_kept_gives_the_same_figures_without_matching(tmp_path, monkeypatch, crystals):
    predictions = {name: [s, s.copy().apply_strain(0.02), None] for name, s in crystals.items()}
    first = match_csp(predictions, crystals, cache=tmp_path)
    monkeypatch.setattr("epitaxy.eval.csp.pair.rms_displacement", None)
    assert match_csp(predictions, crystals, cache=tmp_path) == first
    assert match_csp(predictions, crystals, cache=tmp_path, protocol="diffcsp").match_rate() == 1
    assert match_csp(predictions, crystals, cache=tmp_path, protocol="loose").match_rate() == 0


def test_oxidation_states_are_ignored(perovskite):
    charged = perovskite.copy()
    charged.add_oxidation_state_by_element({"Sr": 2, "Ti": 4, "O": -2})
    assert match_csp({"a": [charged]}, {"a": perovskite}).rmse() == pytest.approx(0, abs=1e-7)
    assert charged[0].specie.oxi_state == 2


def test_structures_that_break_the_matcher_cost_only_themselves():
    flat = Structure(Lattice([[4, 0, 0], [0, 4, 0], [4, 4, 0]]), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    huge = Structure(Lattice.cubic(1e4), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    nan = Structure(Lattice.cubic(4), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, np.nan]])
    predictions = {"flat": [flat], "huge": [huge], "nan": [nan], "good": [caesium_chloride()]}
    result = match_csp(
        predictions, dict.fromkeys(predictions, caesium_chloride()), protocol="loose", timeout_s=10.0
    )
    assert {m.id for m in result.matches if m.rms(1) is not None} >= {"good"}
    assert {m.id for m in result.matches if m.rms(1) is None} >= {"flat", "nan"}


def test_a_pair_that_hangs_costs_only_itself(monkeypatch, perovskite, rutile):
    def hang(matcher, first, second):
        if first.composition.reduced_formula == "TiO2":
            time.sleep(60)
        return 0.0

    monkeypatch.setattr("epitaxy.eval.csp.pair.rms_displacement", hang)
    crystals = {"perovskite": perovskite, "rutile": rutile}
    result = match_csp({n: [s] for n, s in crystals.items()}, crystals, timeout_s=0.2)
    assert [match.pairs[0].status for match in result.matches] == [PairStatus.MATCHED, PairStatus.TIMED_OUT]
    assert result.match_rate() == 1 / 2


class Deadly(Structure):
    """Kills the process that unpickles it."""

    def __reduce__(self):
        return signal.raise_signal, (signal.SIGKILL,)


def test_workers_change_no_figure_and_a_crash_costs_only_itself(crystals):
    predictions = {name: [s, s.copy().apply_strain(0.02), None] for name, s in crystals.items()}
    alone, one = (match_csp(predictions, crystals, workers=n).to_json() for n in (0, 1))
    assert alone == one
    assert alone["metrics"]["match_rate@1"] == 1

    rutile = crystals["rutile"]
    predictions["deadly"] = [Deadly(rutile.lattice, rutile.species, rutile.frac_coords + 0.01)]
    two = match_csp(predictions, {**crystals, "deadly": rutile}, workers=2)
    assert two.with_status(PairStatus.FAILED) == ("deadly",)
    assert two.match_rate(1) == 3 / 4
    assert two.rmse(3) == alone["metrics"]["rmse@3"]


def test_progress(crystals):
    seen = []
    match_csp({n: [s, None] for n, s in crystals.items()}, crystals, progress=lambda *step: seen.append(step))
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("k", [(), (0,), (1, -2)])
def test_k_without_meaning(k, crystals):
    with pytest.raises(ValueError, match="k must be one or more whole numbers of at least 1"):
        match_csp({}, crystals, k=k)


def test_k_beyond_the_predictions_is_noted(crystals):
    report = match_csp({n: [s] for n, s in crystals.items()}, crystals, k=(1, 5)).report()
    assert report.metrics["match_rate@5"] == 1
    assert report.notes["k=5"] == "3 of 3 references have fewer than 5 predictions"


def test_protocols_by_name():
    assert [protocol.name for protocol in PROTOCOLS.values()] == list(PROTOCOLS)
    assert all("\n" not in protocol.definition for protocol in PROTOCOLS.values())
    assert csp_protocol(PROTOCOLS["kldm"]) is PROTOCOLS["kldm"]
    with pytest.raises(ValueError, match="no protocol is called 'cdvea'; there are cdvae, diffcsp, crysbfn"):
        csp_protocol("cdvea")
