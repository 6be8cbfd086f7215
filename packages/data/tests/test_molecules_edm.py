import numpy as np
import pytest
from ase import Atoms

from epitaxy.data import DATASETS, DataError
from epitaxy.data.molecules import MoleculeDataset, edm, edm_split, write_edm_splits, write_sdf


@pytest.fixture
def small(monkeypatch):
    """QM9 of 50 molecules, of which 10 are uncharacterised."""
    monkeypatch.setattr(edm, "MOLECULES", 50)
    monkeypatch.setattr(edm, "UNCHARACTERIZED", 10)
    monkeypatch.setattr(edm, "TRAIN", 30)


def sources(folder, *, leave_out=()):
    listing = folder / "uncharacterized.txt"
    rows = "".join(f"{n:6d}  CC  CCC  0.1\n" for n in range(5, 55, 5))
    listing.write_text(f"List of\n\nIndex  B3LYP\n=====\n{rows}------\n")
    numbers = [n for n in range(1, 51) if n not in leave_out]
    dataset = MoleculeDataset.from_atoms(
        [Atoms("He", positions=[[0, 0, n]]) for n in numbers], [f"gdb_{n}" for n in numbers]
    )
    write_sdf(folder / "gdb9.sdf", dataset.batch(range(len(numbers))))
    (folder / "xyz").mkdir()
    values = " ".join(["0.5"] * 15)
    for n in numbers:
        text = f"1\ngdb {n} {values}\nHe 0 0 {n} 0\n1.0\nHe\nInChI\n"
        (folder / "xyz" / f"dsgdb9nsd_{n:06d}.xyz").write_text(text)
    return listing


def test_splits_from_sdf_and_xyz_are_the_same(small, tmp_path):
    listing = sources(tmp_path)
    sizes = write_edm_splits(tmp_path / "gdb9.sdf", listing, tmp_path / "a" / "qm9")
    assert sizes == {"train": 30, "val": 6, "test": 4}
    assert write_edm_splits(tmp_path / "xyz", listing, tmp_path / "b" / "qm9") == sizes
    seen = []
    for split in ("train", "val", "test"):
        first, second = (MoleculeDataset.load("qm9", split, root=tmp_path / x) for x in "ab")
        assert first.ids == second.ids
        assert first.positions[:, 2].tolist() == [float(name.removeprefix("gdb_")) for name in first.ids]
        assert second.properties["alpha"].tolist() == [0.5] * len(second)
        seen += first.ids
    assert sorted(seen) == sorted(f"gdb_{n}" for n in range(1, 51) if n % 5)


def test_what_is_missing_is_named(small, tmp_path):
    listing = sources(tmp_path, leave_out=(7, 9, 10))
    with pytest.raises(DataError, match=r"2 of QM9's 40 characterised molecules .* number 7"):
        write_edm_splits(tmp_path / "gdb9.sdf", listing, tmp_path / "qm9")
    listing.write_text("1 x\n2 y\n")
    with pytest.raises(DataError, match="lists 2 molecules, not the published 10"):
        write_edm_splits(tmp_path / "gdb9.sdf", listing, tmp_path / "qm9")
    (tmp_path / "xyz" / "dsgdb9nsd_000001.xyz").write_text("1\n\nHe 0\n")
    (tmp_path / "other").mkdir()
    sound = sources(tmp_path / "other")
    with pytest.raises(DataError, match=r"000001\.xyz: frame 1: .* the splits need every molecule"):
        write_edm_splits(tmp_path / "xyz", sound, tmp_path / "qm9")
    assert not (tmp_path / "qm9").exists()


def test_the_parts_have_edm_s_sizes():
    parts = edm_split(np.arange(1, edm.MOLECULES - edm.UNCHARACTERIZED + 1))
    assert {name: len(part) for name, part in parts.items()} == dict(DATASETS["qm9"].counts)
    assert len(np.unique(np.concatenate(list(parts.values())))) == 130_831


@pytest.mark.real_data
def test_the_rule_is_that_of_the_data(real_data):
    """The test split is complete, and numbers keep their order among the characterised ones.

    So a test molecule's number less its rank is how many uncharacterised ones come before it: never less
    than for the molecule before, and 3,054 at most. A wrong permutation fails at once.
    """
    with np.load(real_data / "qm9" / "test.npz") as stored:
        numbers = np.sort(stored["index"].astype(np.int64))
    ranks = edm_split(np.arange(1, 130_832))["test"]
    before = numbers - ranks
    assert before[0] >= 0
    assert before[-1] <= edm.UNCHARACTERIZED
    assert (np.diff(before) >= 0).all()
