import gzip
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.data import DataError, Reject
from epitaxy.data.molecules import (
    MoleculeDataset,
    holds_molecules,
    prepare_molecules,
    read_molecules,
    records,
)
from epitaxy.data.molecules._molecule import split_key

SPLITS = ("train", "val", "test")


def sdf(title: str, height: float = 0.1) -> str:
    """A record of carbon monoxide."""
    return (
        f"{title}\n\n\n  2  1  0  0  0  0  0  0  0  0999 V2000\n"
        f"    0.0000    0.0000{height:10.4f} C   0  0\n    0.0000    0.0000   -1.0000 O   0  0\n"
        "  1  2  3  0\nM  END\n$$$$\n"
    )


def xyz(comment: str) -> str:
    return f"1\n{comment}\nHe 0 0 0\n"


def names(path: Path) -> list[str]:
    return [record.id for record in read_molecules(path)]


def test_one_molecule_has_its_file_s_name_and_several_have_their_own(tmp_path):
    (tmp_path / "a.xyz").write_text(xyz("id=inside"))
    (tmp_path / "b.sdf").write_text(sdf("first") + sdf("") + sdf("third") + sdf("first"))
    (tmp_path / "c.mol").touch()
    (tmp_path / "d.extxyz.gz").write_bytes(gzip.compress((xyz("no name") + xyz("name=x")).encode()))
    (tmp_path / "e.1.SDF").write_text(sdf("title"))
    (tmp_path / "notes.txt").write_text("no molecule")
    (tmp_path / "._b.sdf").write_bytes(b"\x00\x05\x16\x07")
    found = list(read_molecules(tmp_path))
    assert [r.id for r in found] == ["a", "first", "b-2", "third", "first~2", "c", "d-1", "x", "e.1"]
    refused = [r for r in found if isinstance(r, Reject)]
    assert [(r.id, r.source) for r in refused] == [("c", str(tmp_path / "c.mol"))]
    assert "is empty" in refused[0].reason


def test_a_broken_record_is_named_wherever_it_stands(tmp_path):
    broken = sdf("bad").replace(" C ", " Q ")
    (tmp_path / "alone.sdf").write_text(broken)
    (tmp_path / "first.sdf").write_text(broken + sdf("good"))
    (tmp_path / "untitled.sdf").write_text(sdf("fine") + broken.replace("bad", ""))
    found = list(read_molecules(tmp_path))
    assert [(r.id, isinstance(r, Reject)) for r in found] == [
        ("alone", True), ("bad", True), ("good", False), ("fine", False), ("untitled-2", True),
    ]  # fmt: skip
    assert all("unknown element 'Q'" in r.reason for r in found if isinstance(r, Reject))
    assert [r.source for r in found[:2]] == [
        f"{tmp_path / name}: record 1 (bad)" for name in ("alone.sdf", "first.sdf")
    ]


def test_a_file_that_ends_too_early_keeps_what_came_before_and_stops_no_other(tmp_path):
    whole = gzip.compress("".join(sdf(f"m{i}", i / 999) for i in range(3000)).encode())
    (tmp_path / "a.sdf.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "b.sdf").write_text(sdf("b"))
    *before, cut, after = read_molecules(tmp_path)
    assert [r.id for r in before] == [f"m{i}" for i in range(len(before))]
    assert len(before) > 100
    assert isinstance(cut, Reject)
    assert (cut.id, cut.source) == ("a", str(tmp_path / "a.sdf.gz"))
    assert "no complete gzip file" in cut.reason
    assert after.id == "b"


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=2, max_size=5), min_size=1, max_size=4))
def test_a_collection_in_chunks_has_the_names_it_has_in_one_file(chunks):
    texts = ["".join(sdf(title) for title in chunk) for chunk in chunks]
    with tempfile.TemporaryDirectory() as place:
        whole, folder = Path(place, "whole.sdf"), Path(place, "chunks")
        folder.mkdir()
        whole.write_text("".join(texts))
        for number, text in enumerate(texts):
            (folder / f"{number}.sdf.gz").write_bytes(gzip.compress(text.encode()))
        assert names(folder) == names(whole)


def test_chunks_are_split_by_molecule_and_not_by_file(tmp_path):
    for chunk in range(4):
        titles = [f"mol-{chunk}-{i}" for i in range(50) for _ in range(2)] + ["in every chunk"]
        (tmp_path / f"chunk-{chunk}.sdf").write_text("".join(sdf(title) for title in titles))
    parts = {split: MoleculeDataset.load(tmp_path, split) for split in SPLITS}
    families = {split: {split_key(name) for name in part.ids} for split, part in parts.items()}
    assert sum(len(part) for part in parts.values()) == 404
    assert sum(len(family) for family in families.values()) == 201  # so no family is in two splits
    assert {split: len(family) for split, family in families.items()} == {"train": 155, "val": 30, "test": 16}


def test_subfolders_are_read_in_order_and_named(tmp_path):
    for name in ("b/2/m.xyz", "b/10/m.xyz", "a/m.xyz", "m.xyz", ".hidden/m.xyz", "b/2/.m.xyz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(xyz("a molecule"))
    (tmp_path / "a" / "pair.xyz").write_text(xyz("id=own") + xyz("none"))
    assert names(tmp_path) == ["a/m", "own", "a/pair-2", "b/10/m", "b/2/m", "m"]
    sources = [record.source for record in read_molecules(tmp_path)]
    assert sources[3] == f"{tmp_path / 'b/10/m.xyz'}: frame 1"


def test_the_cache_knows_subfolders_and_names_but_not_other_files(tmp_path):
    below = tmp_path / "below"
    below.mkdir()
    (below / "a.xyz").write_text(xyz("") + xyz("id=b"))
    first = prepare_molecules(tmp_path)
    (below / "notes.txt").write_text("of no account")
    assert prepare_molecules(tmp_path).reused
    (below / "a.xyz").write_text(xyz("") + xyz("id=c"))
    changed = prepare_molecules(tmp_path)
    (below / "a.xyz").rename(below / "z.xyz")
    renamed = prepare_molecules(tmp_path)
    assert len({first.folder, changed.folder, renamed.folder}) == 3
    assert not changed.reused
    assert not renamed.reused


def test_gzipped_files_of_the_splits(tmp_path):
    for split in SPLITS:
        (tmp_path / f"{split}.xyz.gz").write_bytes(gzip.compress(xyz(f"id={split}").encode()))
    assert [MoleculeDataset.load(tmp_path, split).ids for split in SPLITS] == [(s,) for s in SPLITS]


def test_a_folder_without_molecules_at_any_depth(tmp_path):
    (tmp_path / "below").mkdir()
    with pytest.raises(DataError, match="holds no SDF or XYZ file; name them"):
        read_molecules(tmp_path)
    with pytest.raises(DataError, match="holds no SDF or XYZ file; name them"):
        prepare_molecules(tmp_path)


def test_a_chunk_is_read_two_records_ahead_at_most(tmp_path, monkeypatch):
    parsed = []
    parse = records.parse_frame
    monkeypatch.setattr(records, "parse_frame", lambda frame: parsed.append(frame.number) or parse(frame))
    (tmp_path / "chunk.xyz.gz").write_bytes(gzip.compress(xyz("no name").encode() * 50))
    for number, record in enumerate(read_molecules(tmp_path), start=1):
        assert record.id == f"chunk-{number}"
        assert parsed == list(range(1, max(number, 2) + 1))
    assert number == 50


def test_what_a_folder_holds_besides_is_told_of(tmp_path):
    (tmp_path / "a.xyz").write_text("1\n\nHe 0 0 0\n")
    (tmp_path / "b.mol2").write_text("x")
    (tmp_path / "dead.xyz").symlink_to(tmp_path / "nowhere.xyz")
    (tmp_path / "round").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.sdf")
    made = prepare_molecules(tmp_path)
    assert (made.molecules, made.rejects) == (1, 2)
    assert made.notes[0].startswith("1 files are not read (1 .mol2; the first: b.mol2)")
    assert made.notes[1].startswith("1 links to folders are not followed (the first: round)")
    assert prepare_molecules(tmp_path).notes == made.notes
    rejects = made.rejects_path.read_text()
    assert "is a link to a file that is not there" in rejects
    assert "is a pipe, a device or a folder" in rejects


def test_a_folder_of_cifs_is_one_of_crystals_whatever_else_it_holds(tmp_path):
    (tmp_path / "a.xyz").write_text("1\n\nHe 0 0 0\n")
    assert holds_molecules(tmp_path)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.cif").write_text("x")
    assert not holds_molecules(tmp_path)
