import gzip
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.data import DataError, Reject, _limits
from epitaxy.data.molecules import read_molecules
from epitaxy.data.molecules._molecule import distinct, number_of, split_key

WATER = """water
  made by hand      3D
a comment
  3  2  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.1000 O   0  0  0  0  0  0  0  0  0  0  0  0
    0.7600    0.0000   -0.4800 H   0  0  0  0  0  0  0  0  0  0  0  0
   -0.7600    0.0000   -0.4800 H   0  0  0  0  0  0  0  0  0  0  0  0
  1  2  1  0
  1  3  1  0
M  END
> <mu>
1.85

>  25 <note> (7)
two words

$$$$
"""
V3000 = """carbon monoxide


  0  0  0     0  0            999 V3000
M  V30 BEGIN CTAB
M  V30 COUNTS 2 1 0 0 0
M  V30 BEGIN ATOM
M  V30 1 C 0 0 -0.65 0
M  V30 2 O 0 0 -
M  V30 0.48 0 CHG=0
M  V30 END ATOM
M  V30 BEGIN BOND
M  V30 1 3 1 2
M  V30 END BOND
M  V30 END CTAB
M  END
$$$$
"""


def read(path, text, **options):
    path.write_text(text)
    found = list(read_molecules(path, **options))
    return [r for r in found if not isinstance(r, Reject)], [r for r in found if isinstance(r, Reject)]


def test_sdf_of_both_kinds(tmp_path):
    (water, monoxide), rejects = read(tmp_path / "a.sdf", WATER + V3000)
    assert rejects == []
    assert (water.id, monoxide.id) == ("water", "carbon monoxide")
    assert water.molecule.numbers.tolist() == [8, 1, 1]
    assert water.molecule.positions[1].tolist() == [0.76, 0.0, -0.48]
    assert water.properties == {"mu": 1.85}
    assert monoxide.molecule.numbers.tolist() == [6, 8]
    assert monoxide.molecule.positions[:, 2].tolist() == [-0.65, 0.48]


CUT = "\n".join(WATER.splitlines()[:6]) + "\n$$$$\n"
BROKEN = {
    "cut short: 3 atoms": CUT,
    "'    0.7600    0.0000      oops H": WATER.replace("0.0000   -0.4800 H", "0.0000      oops H", 1),
    "unknown element 'Q'": WATER.replace(" O ", " Q "),
    "unknown element 'R#'": WATER.replace(" O ", " R#"),
    "is no counts line": WATER.replace("  3  2  0", "  x  2  0"),
    "is no bond between its 3 atoms": WATER.replace("  1  3  1  0", "  1  9  1  0"),
    "cut short, before its counts line": "water\n\n$$$$\n",
    "it is empty": "\n$$$$\n",
    "two connection tables": WATER.replace("$$$$\n", "") + WATER,
    "not a finite number": WATER.replace("    0.7600", "       nan"),
    "two atoms on one spot: atoms 1 and 2": WATER.replace("   -0.7600", "    0.7600"),
    "has no atoms": "nothing\n\n\n  0  0  0  0  0  0  0  0  0  0999 V2000\nM  END\n$$$$\n",
    "1 atoms are announced and 2": V3000.replace("COUNTS 2 1", "COUNTS 1 1"),
    "no complete COUNTS and ATOM": V3000.replace("M  V30 END ATOM\n", ""),
    "cut short, within its bonds": V3000.replace("M  V30 END BOND\n", ""),
    "drawing (2D)": "\n".join(
        line[:20] + "    0.0000" + line[30:] if line.endswith("0  0  0  0") else line.replace("3D", "2D")
        for line in WATER.splitlines()
    )
    + "\n",
}  # fmt: skip


@pytest.mark.parametrize("reason", BROKEN)
def test_a_broken_record_in_the_middle_is_named_and_the_rest_is_read(tmp_path, reason):
    usable, (reject,) = read(tmp_path / "a.sdf", V3000 + BROKEN[reason] + WATER.replace("water", "last", 1))
    assert [r.id for r in usable] == ["carbon monoxide", "last"]
    assert reason in reject.reason
    assert reject.source.startswith(f"{tmp_path / 'a.sdf'}: record 2")
    if BROKEN[reason].startswith("water"):
        assert reject.source.endswith("record 2 (water)")
        assert reject.id == "water"


def test_the_last_record_needs_no_delimiter_and_titles_may_be_missing(tmp_path):
    text = WATER.replace("water", "", 1) + WATER.replace("$$$$\n", "").replace("water", "", 1)
    usable, _ = read(tmp_path / "a.mol", text)
    assert [r.id for r in usable] == ["record-1", "record-2"]


def test_other_line_ends_and_other_encodings(tmp_path):
    path = tmp_path / "a.sdf"
    path.write_bytes((WATER + V3000).replace("water", "wäter").replace("\n", "\r\n").encode("latin-1"))
    assert [r.id for r in read_molecules(path)] == ["wäter", "carbon monoxide"]


def test_numbers_that_touch_each_other(tmp_path):
    text = WATER.replace("    0.7600    0.0000   -0.4800 H", " 1000.0000-1000.0000-2000.0000 H", 1)
    (water,), _ = read(tmp_path / "a.sdf", text)
    assert water.molecule.positions[1].tolist() == [1000.0, -1000.0, -2000.0]


@pytest.mark.parametrize(
    ("name", "text"), [("a.sdf.gz", WATER), ("a.xyz.gz", "1\nid=water\nO 0 0 0\n"), ("A.MOL.GZ", WATER)]
)
def test_gzipped_and_cut(tmp_path, name, text):
    path = tmp_path / name
    path.write_bytes(gzip.compress((text * 60).encode()))
    found = list(read_molecules(path))
    assert len(found) == 60
    assert {split_key(r.id) for r in found} == {"water"}
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="no complete gzip file"):
        list(read_molecules(path))


@pytest.mark.parametrize("name", ["a.sdf", "a.xyz"])
def test_an_empty_file(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"is empty; give at least one (record|molecule)"):
        list(read_molecules(tmp_path / name))


def test_a_record_without_end_is_not_kept_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(_limits, "LARGEST_MOLECULE", 2000)
    endless = "junk\n" * 10_000
    usable, (reject,) = read(tmp_path / "a.sdf", WATER + "title\n" + endless + "$$$$\n" + V3000)
    assert [r.id for r in usable] == ["water", "carbon monoxide"]
    assert "longer than" in reject.reason
    assert reject.source.endswith("record 2 (title)")


def test_conformers_keep_their_name_and_their_split(tmp_path):
    moved = WATER.replace("0.1000 O", "0.2000 O")
    usable, _ = read(tmp_path / "a.sdf", WATER + moved + V3000 + moved)
    assert [r.id for r in usable] == ["water", "water~2", "carbon monoxide", "water~3"]
    assert {split_key(r.id) for r in usable} == {"water", "carbon monoxide"}


@given(st.lists(st.sampled_from(["a", "a~2", "a~3", "b"]), max_size=12))
def test_names_become_distinct_and_first_ones_stay(names):
    seen: dict[str, int] = {}
    found = [distinct(name, seen) for name in names]
    assert len(set(found)) == len(names)
    assert all(f == n or f.startswith(n + "~") for f, n in zip(found, names, strict=True))


def test_hydrogens_are_left_out_on_demand(tmp_path):
    hydrogen = "2\nid=hydrogen\nH 0 0 0\nD 0 0 0.74\n"
    (tmp_path / "h.xyz").write_text(hydrogen + "3\nid=water\nO 0 0 0.1\nH 0.76 0 -0.48\n1 -0.76 0 -0.48\n")
    first, second = read_molecules(tmp_path / "h.xyz")
    assert (first.molecule.numbers.tolist(), second.molecule.numbers.tolist()) == ([1, 1], [8, 1, 1])
    refused, water = read_molecules(tmp_path / "h.xyz", hydrogens=False, max_atoms=1)
    assert isinstance(refused, Reject)
    assert "no atoms but hydrogen" in refused.reason
    assert water.molecule.numbers.tolist() == [8]
    _, refused = read_molecules(tmp_path / "h.xyz", max_atoms=2)
    assert "3 atoms, more than the limit of 2" in refused.reason


QM9 = """5
gdb 1\t157.7118\t157.70997\t157.70699\t0.\t13.21\t-0.3877\t0.1171\t0.5048\t35.3641\t0.044749\
\t-40.47893\t-40.476062\t-40.475117\t-40.498597\t6.469
C\t-0.0126981359\t 1.0858041578\t 0.0080009958\t-0.535689
H\t 0.002150416\t-0.0060313176\t 0.0019761204\t 0.133921
H\t 1.0117308433\t 1.4637511618\t 2.765*^-4\t 0.133922
H\t-0.540815069\t 1.4475266138\t-0.8766437152\t 0.133923
H\t-0.5238136345\t 1.4379326443\t 0.9063972942\t 0.133923
1341.307\t1341.3284\t1341.365\t1562.6731\t1562.7453\t3038.3205\t3151.6034\t3151.6788\t3151.7078
C\tC
InChI=1S/CH4/h1H4\tInChI=1S/CH4/h1H4
"""


def test_qm9_as_it_was_published(tmp_path):
    (methane,), rejects = read(tmp_path / "dsgdb9nsd_000001.xyz", QM9)
    assert rejects == []
    assert methane.id == "gdb_1"
    assert methane.molecule.positions[2, 2] == 2.765e-4
    assert (methane.properties["alpha"], methane.properties["Cv"]) == (13.21, 6.469)


def test_extended_xyz(tmp_path):
    text = (
        '2\nProperties=charge:R:1:pos:R:3:species:S:1 id="0012" energy=-1.5 method=mp2 pbc="F F F"\n'
        "0.5 0 0 0 C\n-0.5 0 0 1.13 O\n"
        "1\nplain comment, no pairs\nHe 0 0 0\n"
    )
    (monoxide, helium), _ = read(tmp_path / "a.xyz", text)
    assert (monoxide.id, helium.id) == ("0012", "frame-2")
    assert monoxide.molecule.positions.tolist() == [[0, 0, 0], [0, 0, 1.13]]
    assert monoxide.properties == {"energy": -1.5}


def test_a_byte_of_another_encoding_spoils_its_own_frame_at_most(tmp_path):
    path = tmp_path / "a.xyz"
    frames = ["1\nin Å, id=one\nHe 0 0 0\n", "1\nid=two\nÅr 0 0 0\n", "1\nid=three\nAr 0 0 0\n"]
    path.write_bytes("".join(frames).encode("latin-1"))
    one, broken, three = read_molecules(path)
    assert (one.id, three.id) == ("one", "three")
    assert "unknown element" in broken.reason


def test_broken_frames(tmp_path):
    text = (
        "1\n\nXx 0 0 0\n1\n\nC 0 0\n1\npbc=\"T T T\"\nC 0 0 0\n1\nProperties=forces:R:3\nC 0 0 0\n"
        "1\nid=good\nC 0 0 0\n3\nid=cut\nC 0 0 0\n"
    )  # fmt: skip
    (good,), rejects = read(tmp_path / "a.xyz", text)
    assert good.id == "good"
    said = ["unknown element 'Xx'", "is no line of an atom", "periodic", "no species and pos", "cut short"]
    assert all(word in reject.reason for word, reject in zip(said, rejects, strict=True))
    assert [reject.source[-7:] for reject in rejects] == [f"frame {n}" for n in (1, 2, 3, 4, 6)]


@pytest.mark.parametrize(("name", "message"), [("a.pdb", "unknown kind"), ("none.sdf", "does not exist")])
def test_what_is_no_collection(tmp_path, name, message):
    (tmp_path / "a.pdb").touch()
    with pytest.raises(DataError, match=message):
        list(read_molecules(tmp_path / name))
    (tmp_path / "a.pdb").unlink()
    with pytest.raises(DataError, match="holds no SDF or XYZ file"):
        list(read_molecules(tmp_path))


@pytest.mark.parametrize("padded", [False, True])
def test_npz_side_by_side_and_padded(tmp_path, padded):
    counts = np.array([2, 3], dtype=np.uint8)
    numbers, positions = np.array([6, 8, 8, 1, 1], dtype=np.uint8), np.arange(15.0).reshape(5, 3)
    if padded:
        mask = np.arange(3) < counts[:, None]
        wide, places = np.zeros((2, 3), dtype=np.uint8), np.zeros((2, 3, 3))
        wide[mask], places[mask] = numbers, positions
        numbers, positions = wide, places
    path = tmp_path / "test.npz"
    np.savez(
        path, num_atoms=counts, charges=numbers, positions=positions, index=np.array([4, 9]),
        mu=np.array([0.1, math.nan], dtype=np.float32), smiles=np.array([b"[C-]#[O+]", b"O"]),
    )  # fmt: skip
    first, second = read_molecules(path)
    assert (first.id, second.id) == ("gdb_4", "gdb_9")
    assert first.molecule.numbers.tolist() == [6, 8]
    assert second.molecule.positions.tolist() == [[6, 7, 8], [9, 10, 11], [12, 13, 14]]
    assert first.properties == {"mu": pytest.approx(0.1)}
    assert math.isnan(second.properties["mu"])


@pytest.mark.parametrize("number", [0, 119, 200])
def test_a_number_that_is_no_element_is_a_named_record(tmp_path, number):
    path = tmp_path / "a.npz"
    np.savez(path, num_atoms=[1, 2], charges=[8, 6, number], positions=np.arange(9.0).reshape(3, 3))
    usable, reject = read_molecules(path)
    assert usable.molecule.numbers.tolist() == [8]
    assert f"the number {number}" in reject.reason


def test_what_is_no_npz_of_molecules(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(b"PK nonsense")
    with pytest.raises(DataError, match="no complete npz"):
        list(read_molecules(path))
    np.savez(path, charges=np.zeros(1))
    with pytest.raises(DataError, match="has no num_atoms, positions, only charges"):
        list(read_molecules(path))
    np.savez(path, num_atoms=np.array([2]), charges=np.zeros(3), positions=np.zeros((3, 3)))
    with pytest.raises(DataError, match="it is damaged"):
        list(read_molecules(path))
    np.savez(path, num_atoms=np.zeros(0), charges=np.zeros(0), positions=np.zeros((0, 3)))
    with pytest.raises(DataError, match="is empty"):
        list(read_molecules(path))


@pytest.mark.parametrize(("symbol", "number"), [("CL", 17), ("cl", 17), ("D", 1), ("17", 17), ("Og", 118)])
def test_symbols(symbol, number):
    assert number_of(symbol) == number


@pytest.mark.parametrize("name", ["x.sdf", "x.xyz", "x.npz", "x.mol"])
@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 12\n", "git lfs pull"),
        ("<!DOCTYPE html><html></html>", "download it again"),
    ],
)
def test_what_stands_where_a_file_should_be_is_named(tmp_path, name, content, what):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=what):
        list(read_molecules(tmp_path / name))
    if not name.endswith("npz"):
        (reject,) = read_molecules(tmp_path)
        assert what in reject.reason


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.json.gz"])
def test_json_of_molecules_is_refused_with_what_to_write_instead(tmp_path, name):
    (tmp_path / name).write_text('[{"@class": "Molecule", "sites": []}]')
    with pytest.raises(DataError, match=r"write molecules as \.xyz or \.sdf"):
        read_molecules(tmp_path / name)
