import time
from collections import Counter

import numpy as np
import pytest
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from epitaxy.data import CrystalDataset
from epitaxy.data._crystal import check
from epitaxy.data.prototypes import prototype_records
from epitaxy.data.prototypes.table import PROTOTYPES

SPACE_GROUPS = {
    "rocksalt": 225,
    "cscl": 221,
    "zincblende": 216,
    "wurtzite": 186,
    "nias": 194,
    "fluorite": 225,
    "antifluorite": 225,
    "rutile": 136,
    "anatase": 141,
    "cdi2": 164,
    "reo3": 221,
    "li3bi": 225,
    "corundum": 167,
    "lanthana": 164,
    "perovskite": 221,
    "antiperovskite": 221,
    "half_heusler": 216,
    "chalcopyrite": 122,
    "layered": 166,
    "matlockite": 129,
    "elpasolite": 225,
    "k2ptcl6": 225,
}

# conventional a, angstrom, from the literature (ICSD, room temperature)
MEASURED = {
    "rocksalt-NaCl": 5.640,
    "rocksalt-MgO": 4.212,
    "cscl-CsCl": 4.123,
    "zincblende-ZnS": 5.409,
    "fluorite-CaF2": 5.463,
    "antifluorite-Li2O": 4.619,
    "rutile-TiO2": 4.594,
    "perovskite-SrTiO3": 3.905,
    "corundum-Al2O3": 4.759,
    "k2ptcl6-K2PtCl6": 9.751,
    "layered-LiCoO2": 2.816,
    "wurtzite-ZnO": 3.250,
    "anatase-TiO2": 3.785,
    "reo3-WO3": 3.77,
    "elpasolite-K2NaAlF6": 8.12,
    "chalcopyrite-CuGaS2": 5.35,
}

RECORDS = {record.id: record for record in prototype_records()}


def test_there_are_enough_each_once_and_quickly():
    start = time.process_time()
    records = prototype_records()
    assert time.process_time() - start < 10
    assert len(records) >= 600
    assert len({r.id for r in records}) == len(records)
    sizes = Counter(len(r.payload.numbers) for r in records)
    assert min(sizes) == 2
    assert max(sizes) <= 12
    assert {r.id.split("-")[0] for r in records} == set(SPACE_GROUPS) == {p.name for p in PROTOTYPES}


@pytest.mark.parametrize("name", SPACE_GROUPS)
def test_each_prototype_has_its_space_group(name):
    record = next(r for r in RECORDS.values() if r.id.startswith(f"{name}-"))
    structure = record.payload.structure()
    assert SpacegroupAnalyzer(structure, symprec=1e-3).get_space_group_number() == SPACE_GROUPS[name]
    assert len(structure.get_primitive_structure(tolerance=0.01)) == len(structure)


@pytest.mark.parametrize("name", MEASURED)
def test_lattice_constants_are_those_of_real_compounds(name):
    structure = RECORDS[name].payload.structure()
    conventional = SpacegroupAnalyzer(structure, symprec=1e-3).get_conventional_standard_structure()
    assert conventional.lattice.a == pytest.approx(MEASURED[name], rel=0.05)


def test_every_crystal_is_usable_and_spaced_like_a_crystal():
    for record in RECORDS.values():
        check(record.payload, max_atoms=12)
        lattice, positions, _ = record.payload
        shifts = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3), axis=-1).reshape(-1, 1, 1, 3)
        distances = np.linalg.norm((positions[:, None] - positions[None] + shifts) @ lattice, axis=-1)
        assert distances[distances > 1e-6].min() > 1.3, record.id


def test_properties_are_what_they_say():
    record = RECORDS["rocksalt-NaCl"]
    structure = record.payload.structure()
    assert record.properties["density"] == pytest.approx(float(structure.density), rel=1e-6)
    assert record.properties["volume_per_atom"] == pytest.approx(structure.volume / 2)


def test_the_embedded_dataset_has_splits_and_is_cached():
    parts = {split: CrystalDataset.load("prototypes", split) for split in ("train", "val", "test")}
    assert sum(len(p) for p in parts.values()) == len(RECORDS)
    assert min(len(p) for p in parts.values()) > 50
    assert parts["train"].prepared is not None
    assert parts["train"].prepared.rejects == 0
    assert parts["test"].prepared is not None
    assert parts["test"].prepared.reused
