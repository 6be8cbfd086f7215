import json
import logging
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.data import DATASETS, CrystalDataset, DataError
from epitaxy.data.molecules import MoleculeDataset, MoleculeStatistics, prepare_molecules, read_molecules
from epitaxy.data.molecules._molecule import split_key

NAMES = ["CH4", "H2O", "C6H6", "N2", "CH3OH", "NaCl"]


def small() -> MoleculeDataset:
    return MoleculeDataset.from_atoms(
        [molecule(name) for name in NAMES],
        ids=NAMES,
        properties={"mu": [0, 1.85, 0, 0, 1.7, math.nan], "unknown": [math.nan] * 6},
    )


def collection(folder: Path, records: int = 40, *, name: str = "train.xyz") -> Path:
    """A file with a water a record, the seventh of every ten broken."""
    lines = []
    for i in range(records):
        symbol = "Xx" if i % 10 == 7 else "O"
        lines.append(f"3\nid=water-{i} number={i}\n{symbol} 0 0 {i / 100}\nH 0.76 0 -0.5\nH -0.76 0 -0.5\n")
    (folder / name).write_text("".join(lines))
    return folder


def test_preparation_happens_once_and_names_its_rejects(tmp_path):
    collection(tmp_path)
    seen = []
    first = prepare_molecules(tmp_path, progress=lambda *step: seen.append(step))
    assert (first.molecules, first.rejects, first.reused) == (36, 4, False)
    assert seen[-1] == (40, None)
    rejects = [json.loads(line) for line in first.rejects_path.read_text().splitlines()]
    assert [r["source"] for r in rejects] == [f"{tmp_path / 'train.xyz'}: frame {n}" for n in (8, 18, 28, 38)]
    assert all("unknown element 'Xx'" in r["reason"] for r in rejects)
    again = prepare_molecules(tmp_path, progress=lambda *_: pytest.fail("prepared twice"))
    assert again.reused
    assert again.folder == first.folder
    assert prepare_molecules(tmp_path, hydrogens=False).folder != first.folder
    assert prepare_molecules(tmp_path, max_atoms=3).folder != first.folder
    (tmp_path / "train.xyz").open("a").write("\n")
    assert prepare_molecules(tmp_path).folder != first.folder


@pytest.mark.parametrize(
    "name", ["positions.bin", "numbers.bin", "table.npz", "ids.json", "manifest.json", "rejects.jsonl"]
)
def test_a_damaged_cache_is_prepared_again_with_a_warning(tmp_path, name, caplog):
    folder = prepare_molecules(collection(tmp_path)).folder
    sound = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / name).write_bytes(sound[name][:-3])
    with caplog.at_level(logging.WARNING, logger="epitaxy.data"):
        assert len(MoleculeDataset.load(tmp_path)) == 36
    assert "damaged" in caplog.text
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == sound


def test_interrupted_work_leaves_nothing_and_starts_again(tmp_path):
    def interrupt(done: int, total: int | None) -> None:
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_molecules(collection(tmp_path), progress=interrupt)
    assert [p for p in Path(os.environ["EPITAXY_CACHE"]).rglob("*") if p.is_file()] == []
    assert prepare_molecules(tmp_path).molecules == 36


def test_nothing_usable_says_the_first_reason(tmp_path):
    (tmp_path / "all.xyz").write_text("1\n\nXx 0 0 0\n")
    with pytest.raises(DataError, match=r"none of the 1 records .* unknown element 'Xx'.*frame 1"):
        prepare_molecules(tmp_path / "all.xyz")
    assert [p for p in Path(os.environ["EPITAXY_CACHE"]).rglob("*") if p.is_file()] == []


def test_a_loaded_dataset_is_what_the_file_says(tmp_path):
    collection(tmp_path)
    dataset = MoleculeDataset.load(tmp_path)
    read = [r for r in read_molecules(tmp_path / "train.xyz") if hasattr(r, "molecule")]
    assert dataset.ids == tuple(r.id for r in read)
    np.testing.assert_allclose(
        dataset.positions.numpy(), np.concatenate([r.molecule.positions for r in read]), atol=1e-6
    )
    assert dataset.properties["number"].tolist() == [r.properties["number"] for r in read]
    bare = MoleculeDataset.load(tmp_path, hydrogens=False)
    assert bare.numbers.unique().tolist() == [8]
    assert bare.prepared is not None
    assert not bare.prepared.hydrogens


def test_files_called_valid_are_the_val_split(tmp_path):
    collection(tmp_path)
    collection(tmp_path, 5, name="valid.xyz")
    assert len(MoleculeDataset.load(tmp_path, "val")) == 5
    with pytest.raises(DataError, match="no test split"):
        MoleculeDataset.load(tmp_path, "test")


def test_conformers_stay_in_one_split(tmp_path):
    rows = "".join(f"1\nid=m{i % 60}\nHe 0 0 {i}\n" for i in range(240))
    (tmp_path / "all.xyz").write_text(rows)
    parts = [MoleculeDataset.load(tmp_path / "all.xyz", split) for split in ("train", "val", "test")]
    assert sum(map(len, parts)) == 240
    families = [{split_key(name) for name in part.ids} for part in parts]
    assert all(len(part) == 4 * len(family) for part, family in zip(parts, families, strict=True))
    assert "conformers together" in parts[0].note


def test_a_batch_and_a_subset_are_what_was_asked_for():
    dataset = small()
    batch = dataset.batch([2, 0], dtype=torch.float64)
    assert batch.ids == ("C6H6", "CH4")
    assert batch.segments.counts.tolist() == [12, 5]
    assert batch.numbers.dtype == torch.int64
    np.testing.assert_allclose(batch.positions[:12].numpy(), molecule("C6H6").positions, atol=1e-6)
    part = dataset.subset(torch.tensor([5, 1]))
    assert part.ids == ("NaCl", "H2O")
    assert part.properties["mu"].isnan().tolist() == [True, False]
    assert part.properties["mu"].dtype == torch.float64
    assert torch.equal(part.batch([1]).positions, dataset.batch([1]).positions)
    with pytest.raises(IndexError):
        dataset.batch([6])
    with pytest.raises(DataError, match="no molecules"):
        dataset.subset([])


def test_back_to_ase():
    for name, atoms in zip(NAMES, small().molecules(), strict=True):
        assert atoms.get_chemical_formula() == molecule(name).get_chemical_formula()
        np.testing.assert_allclose(atoms.positions, molecule(name).positions, atol=1e-6)
    assert small().molecule(3).numbers.tolist() == [7, 7]


def test_pyg_data():
    view = small().to_pyg()
    assert len(view) == 6
    assert view[1].z.tolist() == [8, 1, 1]
    assert view[1].id == "H2O"


@given(st.integers(0, 2**31))
def test_random_parts_are_disjoint_and_whole(seed):
    parts = small().split((2, 1), seed)
    assert [len(part) for part in parts] == [4, 2]
    assert sorted(name for part in parts for name in part.ids) == sorted(NAMES)


@pytest.mark.parametrize(
    ("atoms", "ids", "message"),
    [
        ([], None, "0 molecules need at least one"),
        ([Atoms("H"), Atoms("H")], ["a", "a"], "one id of its own"),
        ([Atoms("H2")], ["twin"], "molecule twin cannot be used: two atoms on one spot"),
        ([Atoms()], ["void"], "molecule void cannot be used: it has no atoms"),
    ],
)
def test_what_is_no_dataset(atoms, ids, message):
    with pytest.raises(DataError, match=message):
        MoleculeDataset.from_atoms(atoms, ids)


def test_statistics_are_those_of_the_data():
    found = MoleculeStatistics.of(small())
    assert found.molecules == 6
    assert found.atoms_per_molecule == {2: 2, 3: 1, 5: 1, 6: 1, 12: 1}
    assert found.vocabulary.symbols == ("H", "C", "N", "O", "Na", "Cl")
    assert found.elements == {1: 16, 6: 8, 7: 2, 8: 2, 11: 1, 17: 1}
    assert found.hydrogens
    assert set(found.properties) == {"mu"}
    assert (found.properties["mu"].known, found.properties["mu"].max) == (5, 1.85)
    centred = np.concatenate([m.positions - m.positions.mean(axis=0) for m in map(molecule, NAMES)])
    assert found.position_scale == pytest.approx(math.sqrt((centred**2).mean()), rel=1e-5)
    assert MoleculeStatistics.from_json(found.to_json()) == found


@pytest.mark.parametrize("text", ["{}", "[]", "nonsense", '{"format": 1}', '{"format": 99}'])
def test_what_is_no_statistics(text):
    with pytest.raises(DataError, match="compute them again"):
        MoleculeStatistics.from_json(text)


def test_the_embedded_set():
    parts = {split: MoleculeDataset.load("g2", split) for split in ("train", "val", "test")}
    names = [name for part in parts.values() for name in part.ids]
    assert len(names) == len(set(names)) == 148
    assert {split: len(part) for split, part in parts.items()} == {"train": 116, "val": 17, "test": 15}
    train = MoleculeStatistics.of(parts["train"])
    assert train.properties["enthalpy"].known == 116
    place = next(part for part in parts.values() if "CH4" in part.ids)
    methane = place.batch([place.ids.index("CH4")])
    assert methane.numbers.tolist() == [6, 1, 1, 1, 1]
    assert float(methane.properties["enthalpy"]) == pytest.approx(-17.9)
    np.testing.assert_allclose(methane.positions.numpy(), molecule("CH4").positions, atol=1e-6)


def test_crystals_and_molecules_are_told_apart():
    with pytest.raises(DataError, match="g2 holds molecules, not crystals; crystals are in prototypes"):
        CrystalDataset.load("g2")
    with pytest.raises(DataError, match="mp_20 holds crystals, not molecules; molecules are in qm9, g2"):
        MoleculeDataset.load("mp_20")
    with pytest.raises(DataError, match="qm9 is not on this machine"):
        MoleculeDataset.load("qm9")
    with pytest.raises(DataError, match="neither a known dataset"):
        MoleculeDataset.load("qm8")


STREAM = """
import resource, sys
from epitaxy.data.molecules import prepare_molecules
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(prepare_molecules(sys.argv[1]).molecules, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_large_collection_is_not_held_in_memory(tmp_path):
    """19 MB of atoms as read (10,000 records of 60 atoms) raise the peak by less than half of that."""
    rng = np.random.default_rng(0)
    body = "".join(f"C {x:.3f} {y:.3f} {z:.3f}\n" for x, y, z in rng.uniform(-9, 9, (60, 3)))
    with (tmp_path / "train.xyz").open("w") as file:
        for i in range(10_000):
            file.write(f"60\nid=m{i}\n{body}")
    done = subprocess.run(
        [sys.executable, "-c", STREAM, str(tmp_path)], capture_output=True, text=True, check=True
    )
    molecules, kilobytes = map(int, done.stdout.split())
    assert molecules == 10_000
    assert kilobytes < 10_000 * 60 * 32 / 1024 / 2


@pytest.mark.real_data
def test_qm9_in_edm_s_splits(real_data):
    dataset = MoleculeDataset.load("qm9", "test", root=real_data)
    assert len(dataset) == DATASETS["qm9"].counts["test"]
    assert dataset.prepared is not None
    assert dataset.prepared.rejects == 0
    assert dataset.ids[0] == "gdb_11"
    statistics = MoleculeStatistics.of(dataset)
    assert statistics.vocabulary.symbols == ("H", "C", "N", "O", "F")
    assert (min(statistics.atoms_per_molecule), max(statistics.atoms_per_molecule)) == (7, 29)
    assert set(DATASETS["qm9"].properties) == set(statistics.properties)
    assert statistics.properties["alpha"].mean == pytest.approx(75.27, abs=0.01)
    val = MoleculeDataset.load("qm9", "val", root=real_data, hydrogens=False)
    assert int(val.numbers.min()) == 6
    assert bool(val.properties["alpha"].isnan().any())
