"""Folders and archives by the same rules: what is read, what it is called, what is passed over and said."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from epitaxy.data import DataError, Record, Reject, prepare, read_structures, write_extxyz

SHADOWS = {"._a.cif": b"\0\5\26\7", "__MACOSX/._b.cif": b"\0", ".DS_Store": b"\0", ".hidden/x.cif": b"x"}


def unpack(folder: Path, members: dict[str, bytes]) -> Path:
    for name, content in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in sorted(members.items()):
            archive.writestr(name, content)
    return path


def tarred(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for name, content in sorted(members.items()):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def read(path: Path, **words):
    notes: list[str] = []
    return list(read_structures(path, notes=notes, **words)), notes


@pytest.fixture
def members(tmp_path, rocksalt, rocksalt_cif) -> dict[str, bytes]:
    cif, poscar = rocksalt_cif.encode(), rocksalt.to(fmt="poscar").encode()
    write_extxyz(tmp_path / "w.extxyz", [rocksalt] * 2, [{"id": "own"}, {}])
    write_extxyz(tmp_path / "o.extxyz", [rocksalt], [{}])
    files = {
        "a.cif": cif,
        "b.cif.gz": gzip.compress(cif),
        "b.vasp": poscar,
        "c.mcif": cif,
        "deep/er/POSCAR": poscar,
        "deep/POSCAR.bz2": bz2.compress(poscar),
        "many.extxyz": (tmp_path / "w.extxyz").read_bytes(),
        "one.extxyz.xz": lzma.compress((tmp_path / "o.extxyz").read_bytes()),
        "z/CONTCAR": poscar,
        "notes.txt": b"x",
        "id_prop.csv": b"x",
    }
    return files | SHADOWS


def test_a_folder_and_an_archive_are_read_alike(tmp_path, members):
    ids = ["a", "b.cif.gz", "b.vasp", "c", "deep-POSCAR", "deep-er-POSCAR", "own", "many-2", "one", "CONTCAR"]
    places = [
        unpack(tmp_path / "folder", members),
        zipped(tmp_path / "x.zip", members),
        tarred(tmp_path / "x.tar.gz", members),
    ]
    for place in places:
        found, notes = read(place)
        assert [r.id for r in found] == ids, place
        assert all(isinstance(r, Record) for r in found)
        assert len(notes) == 1
        assert notes[0].startswith("2 files are not read (1 .csv, 1 .txt; the first: id_prop.csv)")


def test_files_beside_those_that_are_read_are_told_of_by_prepare(tmp_path, members):
    folder = unpack(tmp_path / "folder", members)
    first = prepare(folder)
    assert first.crystals == 10
    assert "2 files are not read" in first.notes[0]
    assert prepare(folder).reused
    (folder / "deep" / "er" / "more.cif").write_bytes(members["a.cif"])
    assert prepare(folder).crystals == 11  # a file within a subfolder is content too


def test_a_broken_file_costs_itself(tmp_path, members):
    broken = {
        "g.cif.gz": b"no gzip",
        "h.cif": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "i.vasp": b"<!DOCTYPE html><html>404</html>",
        "j.extxyz.gz": gzip.compress(b"2\n")[:-6],
        "k.cif": b"\xff\xfe broken",
        "l.cif": b"",
    }
    for place in (unpack(tmp_path / "f", members | broken), zipped(tmp_path / "x.zip", members | broken)):
        found, _ = read(place)
        assert {r.id for r in found if isinstance(r, Reject)} == set("ghijkl"), place
        reasons = {r.id: r.reason for r in found if isinstance(r, Reject)}
        assert "no complete gzip file" in reasons["g"]
        assert "git lfs pull" in reasons["h"]
        assert "web page" in reasons["i"]
        assert sum(isinstance(r, Record) for r in found) == 10


def test_archives_that_were_joined_lose_nothing_in_silence(tmp_path, members):
    for name, pack in (("x.zip", zipped), ("x.tar", tarred)):
        one = pack(tmp_path / name, members).read_bytes()
        (tmp_path / name).write_bytes(one + one)
        with pytest.raises(DataError, match=r"one after another|were joined"):
            read(tmp_path / name)


def test_a_member_that_is_there_twice_is_named(tmp_path, rocksalt_cif):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for content in (rocksalt_cif.encode(), b"another"):
            info = tarfile.TarInfo("a.cif")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    found, _ = read(tmp_path / "x.tar")
    assert [type(r) for r in found] == [Record, Reject]
    assert "used before" in found[1].reason


def test_candidates_of_one_id_may_be_asked_for(tmp_path, rocksalt_cif):
    path = tmp_path / "x.csv"
    path.write_text("id,cif\n" + f'a,"{rocksalt_cif}"\n' * 2)
    assert [type(r) for r in read(path)[0]] == [Record, Reject]
    assert [type(r) for r in read(path, repeated=True)[0]] == [Record, Record]


@pytest.mark.parametrize(
    "name", ["x.npz", "x.docx", "x.csv", "x.json", "x.jsonl", "x.extxyz", "x.tar", "x.zip"]
)
@pytest.mark.parametrize("content", [b"version https://git-lfs.github.com/spec/v1\n", b"<html>404</html>"])
def test_what_stands_in_for_a_file_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"git lfs pull|web page"):
        read(tmp_path / name)


def test_what_is_no_file_is_named_and_never_waited_for(tmp_path, members):
    """A pipe would be read without end, and a broken link was passed over without a word."""
    folder = unpack(tmp_path / "f", members)
    (folder / "dead.cif").symlink_to(tmp_path / "nowhere.cif")
    (folder / "alive.cif").symlink_to(folder / "a.cif")
    os.mkfifo(folder / "pipe.cif")
    found, _ = read(folder)
    reasons = {r.id: r.reason for r in found if isinstance(r, Reject)}
    assert reasons.keys() == {"dead", "pipe"}
    assert "is a link to a file that is not there" in reasons["dead"]
    assert "is a pipe, a device or a folder, and no file" in reasons["pipe"]
    assert "alive" in {r.id for r in found if isinstance(r, Record)}
    assert (prepare(folder).crystals, prepare(folder).rejects) == (11, 2)
    for name in ("dead.cif", "pipe.cif"):
        for reader in (prepare, lambda path: list(read_structures(path))):
            with pytest.raises(DataError, match=r"cif (is a pipe|is a link|does not exist)"):
                reader(folder / name)
    for name in ("pipe.zip", "pipe.csv", "pipe.extxyz", "pipe.txt"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(DataError, match=f"{name} is a pipe"):
            list(read_structures(tmp_path / name))


def test_links_to_folders_are_not_followed_and_told_of(tmp_path, members):
    folder = unpack(tmp_path / "f", {"a.cif": members["a.cif"]})
    unpack(tmp_path / "elsewhere", members)
    before = prepare(folder)
    (folder / "more").symlink_to(tmp_path / "elsewhere")
    (folder / "round").symlink_to(folder)
    _, notes = read(folder)
    assert notes == [
        "2 links to folders are not followed (the first: more); put the folders themselves there"
    ]
    after = prepare(folder)
    assert (after.crystals, after.notes, before.notes) == (1, tuple(notes), ())
    (folder / "a.cif").unlink()
    with pytest.raises(DataError, match=r"holds no CIF .* 2 links to folders are not followed"):
        read(folder)
