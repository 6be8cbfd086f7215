import json
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from epitaxy.eval import Generated, match_everyone

FEW = settings(max_examples=6)
POLYMORPHS = ("caesium chloride", "rock salt", "zinc blende")


def caesium_chloride(shift: float = 0.0) -> Structure:
    """a = 4 A, two atoms; the second moved by ``shift`` angstrom along c."""
    return Structure(Lattice.cubic(4), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5 + shift / 4]])


def rock_salt() -> Structure:
    return Structure.from_spacegroup("Fm-3m", Lattice.cubic(6.5), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def zinc_blende() -> Structure:
    lattice = Lattice.cubic(7)
    return Structure.from_spacegroup("F-43m", lattice, ["Cs", "Cl"], [[0, 0, 0], [0.25, 0.25, 0.25]])


@pytest.fixture(scope="module")
def references(perovskite) -> dict[str, Structure]:
    crystals = dict(zip(POLYMORPHS, (caesium_chloride(), rock_salt(), zinc_blende()), strict=True))
    return crystals | {"perovskite": perovskite}


def test_by_hand(references, rutile):
    """One of three polymorphs, twice and once more nearby; the perovskite; one stranger."""
    near, exact = caesium_chloride(0.2), caesium_chloride()
    generated = {
        "near": near,
        "again": near.copy(),
        "larger": near.copy().make_supercell((2, 1, 1)),
        "exact-perovskite": references["perovskite"],
        "stranger": rutile,
        "unreadable": None,
        "empty": Structure(Lattice.cubic(4), [], []),
    }
    result = match_everyone(generated, references)
    rms = 0.1 / 32 ** (1 / 3)
    assert result.metre() == 2 / 4
    assert result.crmse() == pytest.approx((rms + 0 + 0.5 + 0.5) / 4, abs=1e-7)
    assert result.rmse() == pytest.approx(rms / 2, abs=1e-7)
    assert result.polymorphs() == {"CsCl": (1, 3), "SrTiO3": (1, 1)}
    assert result.generated["near"] is Generated.REPEATED
    assert result.generated["again"] is Generated.MATCHED_AGAINST

    report = json.loads(json.dumps(result.to_json()))
    assert report["metrics"]["compositions_any_found"] == 1
    assert report["metrics"]["compositions_all_found"] == 1 / 2
    assert report["metrics"]["polymorphic_any_found"] == 1
    assert report["metrics"]["polymorphic_all_found"] == 0
    assert set(report["intervals"]) == set(report["metrics"])
    assert report["counts"] == {
        "references": 4,
        "references_invalid": 0,
        "references_found": 2,
        "references_without_candidate": 0,
        "compositions": 2,
        "polymorphic_compositions": 1,
        "polymorphs_of_these": 3,
        "generated": 7,
        "generated_matched_against": 3,
        "generated_repeated": 1,
        "generated_other_composition": 1,
        "generated_invalid": 1,
        "generated_unreadable": 1,
        "pairs": 2 * 3 + 1,
        "references_with_pair_timed_out": 0,
        "references_with_pair_failed": 0,
    }
    assert report["ids"]["generated_unreadable"] == ["unreadable"]
    assert report["protocol"]["name"] == "metre-loose"

    best = match_everyone({**generated, "exact": exact}, references)
    assert best.details()["caesium chloride"]["by"] == "exact"
    assert best.crmse() == pytest.approx((0 + 0 + 0.5 + 0.5) / 4, abs=1e-7)


def test_the_references_themselves_find_all(references):
    result = match_everyone(references, references)
    assert result.metre() == 1
    assert result.crmse() == pytest.approx(0, abs=1e-6)
    assert all(value == 1 for name, value in result.report().metrics.items() if "found" in name)


@FEW
@given(copies=st.lists(st.integers(1, 4), min_size=3, max_size=3), seed=st.integers(0, 99))
def test_copies_order_and_names_change_nothing(references, copies, seed):
    """Each polymorph any number of times, some enlarged, in any order, under any names."""
    once = match_everyone([references[name] for name in POLYMORPHS[:2]], references)
    rng = np.random.default_rng(seed)
    many = [
        references[name].copy() if n % 2 else references[name].copy().make_supercell((1, 1, 2))
        for name, count in zip(POLYMORPHS[:2], copies, strict=False)
        for n in range(count)
    ]
    shuffled = match_everyone(
        {str(rng.integers(10**9)): many[n] for n in rng.permutation(len(many))},
        dict(reversed(list(references.items()))),
    )
    assert [r.id for r in shuffled.references] == [r.id for r in once.references]
    assert [r.rms for r in shuffled.references] == pytest.approx([r.rms for r in once.references], abs=1e-6)
    assert shuffled.polymorphs() == once.polymorphs()


@FEW
@given(seed=st.integers(0, 10_000))
def test_more_crystals_never_find_less(references, seed):
    rng = np.random.default_rng(seed)
    noisy = [
        Structure(s.lattice, s.species, s.frac_coords + 0.1 * rng.normal(size=(len(s), 3)))
        for s in references.values()
    ]
    results = [match_everyone(noisy[:n], references) for n in range(len(noisy) + 1)]
    assert [r.metre() for r in results] == sorted(r.metre() for r in results)
    assert [r.crmse() for r in results] == sorted((r.crmse() for r in results), reverse=True)
    assert results[0].crmse() == 0.5


def test_a_protocols_rules_hold_for_both_sides():
    invalid = Structure(Lattice.cubic(4), ["Ba", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    crystals = {"good": caesium_chloride(), "bad": invalid}
    result = match_everyone(crystals, crystals, protocol="cdvae")
    assert result.metre() == 1 / 2
    assert result.report().ids["references_invalid"] == ("bad",)
    assert result.report().ids["generated_invalid"] == ("bad",)
    strict = match_everyone([caesium_chloride(0.3)], {"good": caesium_chloride()}, protocol="strict")
    assert strict.metre() == 0


def test_nothing_generated_and_nothing_to_find(references):
    nothing = match_everyone([], references).report()
    assert nothing.metrics["metre"] == 0
    assert nothing.metrics["crmse"] == 0.5
    assert nothing.notes == {"rmse": "nothing matched"}
    nowhere = match_everyone(references, {}).report()
    assert set(nowhere.metrics.values()) == {None}
    single = match_everyone([], {"a": caesium_chloride()}).report()
    assert single.notes["polymorphic_all_found"] == "no composition has more than one reference"


def test_a_pair_that_hangs_costs_only_itself(monkeypatch, references):
    def hang(matcher, first, second):
        if first.composition.reduced_formula == "SrTiO3":
            time.sleep(60)
        return 0.0

    monkeypatch.setattr("epitaxy.eval.csp.pair.rms_displacement", hang)
    result = match_everyone(references, references, timeout_s=0.2)
    assert result.timed_out == ("perovskite",)
    assert result.metre() == 3 / 4


def test_workers_and_cache_change_no_figure(tmp_path, monkeypatch, references):
    alone = match_everyone(references, references)
    assert match_everyone(references, references, workers=1, cache=tmp_path) == alone
    monkeypatch.setattr("epitaxy.eval.csp.pair.rms_displacement", None)
    assert match_everyone(references, references, cache=tmp_path) == alone
