import json
from pathlib import Path

import numpy as np
import pytest
from ase.io import read
from pymatgen.core import Structure

from epitaxy.apps import CrysBFN, UsageError
from epitaxy.apps.crystals.generator import CrystalGenerator
from epitaxy.apps.crystals.requests import CrystalRequest, de_novo, for_formulas
from epitaxy.apps.evaluation.predictions import read_predictions
from epitaxy.apps.generative.model_dir import load_model
from epitaxy.apps.requests.formulas import parse_formula
from epitaxy.apps.requests.sample import Sample
from epitaxy.apps.sampling.generate import generate
from epitaxy.apps.sampling.output_folder import SamplingRecord, write_folder

SHIPPED = "crysbfn-perov-small"
SAMPLERS = [
    *(("crysbfn-perov-small", name) for name in ("bayes", "end_back")),
    *(("kldm-perov-small", name) for name in ("ancestral", "exponential", "predictor_corrector")),
]
ROUNDING = 1e-3  # angstrom or fraction: float32 rounding of the network, carried through the steps


def same(a: Structure, b: Structure) -> bool:
    return (
        a.species == b.species
        and np.allclose(a.lattice.matrix, b.lattice.matrix, atol=ROUNDING * 10, rtol=1e-3)
        and np.allclose((a.frac_coords - b.frac_coords + 0.5) % 1.0, 0.5, atol=ROUNDING)
    )


@pytest.mark.parametrize(("shipped", "sampler"), SAMPLERS)
def test_a_structure_does_not_depend_on_its_batch(shipped: str, sampler: str) -> None:
    model = CrystalGenerator.load(shipped)
    requests = model.requests(formula=["SrTiO3", "BaZrO3"], num=4, seed=7)
    whole = model.samples(requests, steps=12, sampler=sampler, batch_size=8)
    alone = model.samples(requests, steps=12, sampler=sampler, batch_size=1)
    backwards = model.samples(requests[::-1], steps=12, sampler=sampler, batch_size=3)[::-1]
    assert all(sample.structure is not None for sample in whole)
    for a, b, c in zip(whole, alone, backwards, strict=True):
        assert a.request == b.request == c.request
        assert (a.structure is None) == (b.structure is None) == (c.structure is None)
        if a.structure is not None and b.structure is not None and c.structure is not None:
            assert same(a.structure, b.structure)
            assert same(a.structure, c.structure)


def test_seeds_matter() -> None:
    model = CrysBFN.load(SHIPPED)
    first, again, other = (model.sample(formula="SrTiO3", num=3, steps=12, seed=seed) for seed in (0, 0, 1))
    assert len(first) == len(other) == 3
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    assert not any(same(a, b) for a in first for b in other)
    assert not same(first[0], first[1])


@pytest.mark.parametrize("steps", [1, 2, 10, 73])
def test_any_number_of_steps(csp_run: Path, dng_run: Path, steps: int) -> None:
    """Every request is answered, by a structure of its formula or by a reason; with steps enough by
    structures."""
    for model, words in (
        (CrysBFN.load(str(csp_run)), {"formula": "SrTiO3", "formula_units": 1}),
        (CrysBFN.load(str(dng_run)), {"formula": None}),
        (CrysBFN.load(SHIPPED), {"formula": "SrTiO3"}),
    ):
        samples = model.samples(model.requests(num=2, seed=0, **words), steps=steps)
        assert len(samples) == 2
        assert all((s.structure is None) == bool(s.reason) for s in samples)
        if words["formula"]:
            assert all(s.crystal.composition.reduced_formula == "SrTiO3" for s in samples if s.crystal)
    if steps > 2:  # the shipped model's
        assert all(s.crystal is not None for s in samples)


def test_de_novo_sizes_follow_the_training_cells(dng_run: Path) -> None:
    statistics = load_model(str(dng_run)).model.statistics
    sizes = [request.num_atoms for request in de_novo(statistics, num=2000, seed=3)]
    assert set(sizes) <= set(statistics.atoms_per_cell)
    total = sum(statistics.atoms_per_cell.values())
    for size, seen in statistics.atoms_per_cell.items():
        share = seen / total
        assert abs(sizes.count(size) / 2000 - share) < 5 * (share * (1 - share) / 2000) ** 0.5  # 1e-6 each


def test_formula_units_give_cells_seen_in_training(csp_run: Path) -> None:
    statistics = load_model(str(csp_run)).model.statistics
    requests = for_formulas(["NaCl"], statistics, num=50, seed=0)
    assert {request.num_atoms for request in requests} <= set(statistics.atoms_per_cell)
    assert {
        request.num_atoms for request in for_formulas(["NaCl"], statistics, num=3, seed=0, formula_units=5)
    } == {10}


def test_formulas() -> None:
    assert parse_formula("SrTiO3") == {38: 1, 22: 1, 8: 3}
    assert parse_formula("Ca(OH)2") == {20: 1, 8: 2, 1: 2}
    assert parse_formula("Na4Cl4") == {11: 1, 17: 1}
    for text in ("SrTiO\u2083", "Sr\u00a0Ti\u00a0O\uff13", "SrTiO_3", "SrTiO<sub>3</sub>"):
        assert parse_formula(text) == {38: 1, 22: 1, 8: 3}
    for text, z in (("O3", 8), ("N", 7), ("Cl4", 17), ("Si0.5", 14)):  # an element, not its molecule
        assert parse_formula(text) == {z: 1}
    for text in ("", "Xx2", "hello world", "Na-Cl", "O0", "LiO0", "Li(O0)2"):
        with pytest.raises(UsageError, match="formula"):
            parse_formula(text)


def test_requests_that_the_model_cannot_meet(csp_run: Path, dng_run: Path) -> None:
    csp, dng = CrysBFN.load(str(csp_run)), CrysBFN.load(str(dng_run))
    with pytest.raises(UsageError, match="not trained on Og"):
        csp.requests(formula="OgO", num=1, seed=0)
    with pytest.raises(UsageError, match="--formula-units"):
        csp.requests(formula="Na7Cl6", num=1, seed=0)
    with pytest.raises(UsageError, match="name one"):
        csp.requests(formula=None, num=1, seed=0)
    with pytest.raises(UsageError, match="leave --formula out"):
        dng.requests(formula="NaCl", num=1, seed=0)
    with pytest.raises(UsageError, match="--sampler wrong"):
        list(generate(csp.model, csp.requests(formula="NaCl", num=1, seed=0), steps=2, sampler="wrong"))


def test_the_folder_keeps_the_order_and_names_what_failed(csp_run: Path, tmp_path: Path) -> None:
    loaded = load_model(str(csp_run))
    requests = [CrystalRequest(id="mat-1", seed=k, num_atoms=2, numbers=(11, 17)) for k in range(4)]
    salt = Structure.from_spacegroup(
        "Pm-3m", [[3.0, 0, 0], [0, 3, 0], [0, 0, 3]], ["Na", "Cl"], [[0] * 3, [0.5] * 3]
    )
    samples = [
        Sample(request=r, structure=None if k == 1 else salt, reason="flat" if k == 1 else None)
        for k, r in enumerate(requests)
    ]
    record = SamplingRecord(
        model=loaded, steps=5, sampler=None, temperature=None, consensus=1, seed=0, seconds=1.0, requested=4
    )
    write_folder(tmp_path / "out", samples, record)
    frames = read(tmp_path / "out" / "samples.extxyz", index=":")
    assert [frame.info["seed"] for frame in frames] == [0, 2, 3]
    assert {frame.info["formula"] for frame in frames} == {"NaCl"}
    assert sorted(p.name for p in (tmp_path / "out" / "cif").iterdir()) == [
        "mat-1_0_NaCl.cif",
        "mat-1_2_NaCl.cif",
        "mat-1_3_NaCl.cif",
    ]
    summary = json.loads((tmp_path / "out" / "samples.json").read_text())
    assert summary["model"]["sha256"] == loaded.checksum
    assert summary["rejected"] == [{"number": 1, "id": "mat-1", "seed": 1, "draws": 1, "reason": "flat"}]
    group = read_predictions(str(tmp_path / "out")).by_id["mat-1"]
    assert [structure is None for structure in group] == [False, True, False, False]


@pytest.mark.parametrize("shipped", [SHIPPED, "kldm-perov-small"])
def test_the_shipped_models_know_what_a_perovskite_is(shipped: str) -> None:
    """Most of ten candidates for SrTiO3 have no two atoms too close, and a volume of the right order."""
    structures = CrystalGenerator.load(shipped).sample(formula="SrTiO3", num=10, steps=50, seed=0)
    volumes = [s.volume for s in structures if s.distance_matrix[~np.eye(5, dtype=bool)].min() > 1.5]
    assert len(volumes) >= 7
    assert 45 < float(np.median(volumes)) < 110  # cubic SrTiO3 has 59.5 cubic angstrom
