"""Files that say something other than they seem to: nothing is taken for a molecule that it is not."""

import contextlib
import gzip
import io
import tracemalloc
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.data import DataError, Reject
from epitaxy.data.errors import UnusableRecordError
from epitaxy.data.molecules import MoleculeDataset, RawMolecule, read_molecules, records
from epitaxy.data.molecules._molecule import Molecule, number_of
from epitaxy.data.molecules._words import real

ATOMS = "O 0 0 0.1173\nH 0 0.7572 -0.4692\nH 0 -0.7572 -0.4692\n"
WATER = f"3\nid=water\n{ATOMS}"
BOX = 'Lattice="10 0 0 0 10 0 0 0 10"'
QM9 = (
    "3\ngdb 3\t799.58812\t437.90386\t282.94545\t1.8511\t6.31\t-0.2928\t0.0687\t0.3615\t19.0002\t0.021375"
    "\t-76.404702\t-76.401867\t-76.400922\t-76.422349\t6.002\t\n"
    "O\t-0.0343604951\t 0.9775395708\t 0.0076015923\t-0.589706\n"
    "H\t 0.0647664923\t 0.0205721989\t 1.5346*^-3\t 0.294853\n"
    "H\t 0.8717903737\t 1.3007924048\t 6.931*^-4\t 0.294853\n"
    "1671.4222\t3803.6305\t3907.698\nO\tO\t\nInChI=1S/H2O/h1H2\tInChI=1S/H2O/h1H2\n"
)
V2000 = """water
     RDKit          3D

  3  2  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.1173 O   0  0  0  0  0  0  0  0  0  0  0  0
    0.0000    0.7572   -0.4692 H   0  0  0  0  0  0  0  0  0  0  0  0
    0.0000   -0.7572   -0.4692 H   0  0  0  0  0  0  0  0  0  0  0  0
  1  2  1  0
  1  3  1  0
M  END
$$$$
"""
V3000 = """v3
     RDKit          3D

  0  0  0     0  0            999 V3000
M  V30 BEGIN CTAB
M  V30 COUNTS 4 2 0 0 0
M  V30 BEGIN ATOM
M  V30 1 O 0 0 0.1173 0 CHG=1
M  V30 2 H 0 0.7572 -0.4692 0 MASS=2
M  V30 3 H 0 -0.7572 -
M  V30 -0.4692 0
M  V30 5 H 0.9 0 0.5 0
M  V30 END ATOM
M  V30 BEGIN BOND
M  V30 1 1 1 2
M  V30 2 1 1 5
M  V30 END BOND
M  V30 END CTAB
M  END
$$$$
"""


def read(path, content, **options):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [
        record.molecule.numbers.tolist() if isinstance(record, RawMolecule) else record.reason
        for record in read_molecules(path, **options)
    ]


def refused(found: object, words: str) -> bool:
    return isinstance(found, str) and words in found


@pytest.mark.parametrize(
    "said",
    [
        'pbc="True True True"', 'pbc="T T T"', 'pbc="T T F"', "pbc=T T T", "pbc=F F T", "pbc=1",
        'pbc="1 1 1"',
        "pbc=True", "PBC='true true true'", "pbc=[True, False, False]", 'pbc="[T,T,T]"', 'pbc="yes"',
        "pbc=xyz", "Lattice", "lattice", "periodic=True",
    ],
)  # fmt: skip
def test_periodic_in_any_spelling(tmp_path, said):
    comment = BOX.replace("Lattice", said) if said.lower() == "lattice" else f"{BOX} {said} energy=1"
    found, after = read(tmp_path / "a.xyz", f"3\n{comment}\n{ATOMS}{WATER}")
    assert refused(found, "periodic")
    assert after == [8, 1, 1]


@pytest.mark.parametrize(
    "said", ['pbc="F F F"', "pbc=F F F", 'pbc="False False False"', "pbc=0", "pbc=[F, F, F]"]
)
def test_a_box_that_is_not_periodic(tmp_path, said):
    assert read(tmp_path / "a.xyz", f"3\n{BOX} {said}\n{ATOMS}") == [[8, 1, 1]]


FRAMES = {
    "bohr": WATER.replace("id=water", "units bohr"),
    "an atom is where its comment": f"3\n{ATOMS}",
    "2 atoms are announced and more follow": WATER.replace("3\n", "2\n", 1),
    "cut short: 4 atoms": WATER.replace("3\n", "4\n", 1),
    "cut short: 99999999999 atoms": WATER.replace("3\n", "99999999999\n", 1),
    "are these elements or line numbers": "3\n\n1 8 0 0 0.12\n2 1 0 0.76 -0.47\n3 1 0 -0.76 -0.47\n",
    "is no number of atoms": WATER.replace("3\n", "3 water\n", 1),
    "'-3'": WATER.replace("3\n", "-3\n", 1),
    "is no line of an atom": WATER.replace("0.1173", "0,1173"),
    "'O 0 0 9": WATER.replace("0.1173", "9" * 5000),
    "not a finite number": WATER.replace("0.1173", "1e999"),
    "beyond 1,000,000": WATER.replace("0.1173", "1e308"),
    "nearer than any bond": WATER.replace("0.7572", "0.1"),
    "a dummy": WATER.replace("O 0", "Bq 0"),
    "a dummy,": WATER.replace("O 0", "Gh(O) 0"),
    "name of an atom of H": WATER.replace("H 0 0.7", "HO1 0 0.7"),
    "unknown element 'Wat'": WATER.replace("O 0", "Wat 0"),
    "give 'species'": WATER.replace("id=water", f"Properties=species:S:{'9' * 5000}:pos:R:3"),
    "'species' '99999999' columns": WATER.replace("id=water", "Properties=species:S:99999999:pos:R:3"),
    "no line of 5 columns": WATER.replace("id=water", "Properties=species:S:1:pos:R:3:q:R:1"),
    "name no species and pos": WATER.replace("id=water", "Properties=species:S:1:pos:R:2:q:R:1"),
    "'CO' is either": WATER.replace("O 0", "CO 0"),
    "unknown element 'W1'": WATER.replace("O 0", "W1 0"),
    "it is periodic": WATER.replace("id=water", '{"cell": [[9, 0, 0], [0, 9, 0], [0, 0, 9]]}'),
    "says 'coordinates in a.u": WATER.replace("id=water", "coordinates in a.u."),
    "says 'unit\": \"au'": WATER.replace("id=water", '{"unit": "au"}'),
    "name different elements": WATER.replace("id=water", "Properties=species:S:1:Z:I:1:pos:R:3")
    .replace("O 0", "O 7 0")
    .replace("H 0", "H 1 0"),
    "2 atoms are announced and more": QM9.replace("3\n", "2\n", 1),
    "longer than": WATER.replace("id=water\nO", "id=water\n" + "x" * (1 << 21) + "\nO"),
}


@pytest.mark.parametrize("words", FRAMES)
def test_a_doubtful_frame_is_named_and_the_next_one_read(tmp_path, words):
    first, found, last = read(tmp_path / "a.xyz", WATER + FRAMES[words] + WATER)
    assert (first, last) == ([8, 1, 1], [8, 1, 1])
    assert refused(found, words)


def test_legal_spellings(tmp_path):
    frames = [
        WATER.replace("0.1173", "1.173D-1"),
        WATER.replace("O 0", "O1 0").replace("H 0 0", "D 0 0").replace("H 0 -", "T 0 -"),
        WATER.replace("O 0", "O2- 0").replace("H 0 0", "H12 0 0"),
        WATER.replace("O 0", "8 0").replace("H 0", "1 0"),
        WATER.replace("id=water", "-1 1"),
        WATER.replace("id=water", "Eau pure à 20 °C"),
        WATER.replace("id=water", "alpha=13.2 bohr^3"),
        WATER.replace("id=water", "energy -76.4 a.u."),
        WATER.replace("id=water", '{"pbc": [false, false, false], "charge": 0}'),
        WATER.replace("0.1173", "1.173*^-1"),
    ]
    text = "\ufeff" + "\n".join(frames)
    for content in (text.encode(), text.replace("\n", "\r\n").encode(), text.replace("\n", "\r").encode()):
        assert read(tmp_path / "a.xyz", content) == [[8, 1, 1]] * len(frames)
    assert read(tmp_path / "a.xyz", text[1:].encode("latin-1")) == [[8, 1, 1]] * len(frames)
    assert read(tmp_path / "a.xyz.gz", gzip.compress(text.encode())) == [[8, 1, 1]] * len(frames)
    assert read(tmp_path / "a.xyz", WATER.replace("-0.", "\u22120.")) == [[8, 1, 1]]
    with pytest.raises(DataError, match="UTF-16"):
        read(tmp_path / "a.xyz", text.encode("utf-16"))


def test_qm9_files_one_after_the_other(tmp_path):
    path = tmp_path / "a.xyz"
    assert read(path, QM9 * 3) == [[8, 1, 1]] * 3
    assert read(path, QM9 + WATER + QM9) == [[8, 1, 1]] * 3
    bare = "\n".join(QM9.splitlines()[:5]) + "\n"
    assert read(path, bare + QM9) == [[8, 1, 1]] * 2
    assert [type(x) for x in read(path, QM9 + "something else\n")] == [list, str]
    first, short, last = read(path, QM9 + QM9.replace("gdb 3", "gdb 4", 1).replace("\t6.002", "", 1) + QM9)
    assert first == last == [8, 1, 1]
    assert refused(short, "14 of 15 properties")


@pytest.mark.parametrize("cut", range(1, len(WATER)))
def test_an_xyz_file_cut_anywhere_gives_no_other_molecule(tmp_path, cut):
    molecules = [r for r in read_cut(tmp_path, WATER + WATER[:cut]) if isinstance(r, RawMolecule)]
    assert len(molecules) == 1 or cut == len(WATER) - 1  # but for the line end nothing is missing


def read_cut(tmp_path, text):
    (tmp_path / "a.xyz").write_text(text)
    return list(read_molecules(tmp_path / "a.xyz"))


@pytest.mark.parametrize("cut", range(1, len(V2000) - 6))
def test_an_sdf_file_cut_anywhere_gives_no_other_molecule(tmp_path, cut):
    found = read(tmp_path / "a.sdf", V2000 + V2000[:cut])
    assert found[0] == [8, 1, 1]
    assert all(isinstance(x, str) for x in found[1:])


def test_an_sdf_file_that_ends_within_a_data_field(tmp_path):
    fields = V2000.replace("$$$$\n", "> <gap>\n0.2512\n\n$$$$\n")
    whole = [fields, fields.removesuffix("\n"), fields.removesuffix("$$$$\n"), V2000.removesuffix("\n$$$$\n")]
    assert [read(tmp_path / "a.sdf", text) for text in whole] == [[[8, 1, 1]]] * 4
    for cut in range(len(V2000) - 4, len(fields) - 7):
        assert refused(read(tmp_path / "a.sdf", fields[:cut])[0], "cut short") or fields[cut - 1] == "\n"


ANY = ["*", "R#", "R", "R1", "A", "Q", "L", "LP", "X", "Xx", "Pol", "Mod", "Du", "Bq", "AH", "M", "Lp"]
TABLES = {
    **{f"unknown element {s!r}, a dummy": V2000.replace("173 O  ", f"173 {s:<3}") for s in ANY},
    "announced, and '  1  3": V2000.replace("  3  2  0", "  3  1  0"),
    "is no bond": V2000.replace("  3  2  0", "  2  2  0"),
    "is no bond between": V2000.replace("  1  3  1", "  1  1  1"),
    "before its M  END": V2000.replace("M  END\n", ""),
    "drawing (2D)": V2000.replace("3D", "2D").replace(" 0.1173", " 0.0000").replace("-0.4692", " 0.0000"),
    "nothing says 3D": V2000.replace("3D", "  ").replace(" 0.1173", " 0.0000").replace("-0.4692", " 0.0000"),
    "have 2 hydrogens": V2000.replace("O   0  0  0  0", "O   0  0  0  3"),
    "have 3 hydrogens": V3000.replace("CHG=1", "CHG=1 HCOUNT=3"),
    "'2 1 1 9' is no bond": V3000.replace("2 1 1 5", "2 1 1 9"),
    "2 bonds are announced and 1": V3000.replace("M  V30 2 1 1 5\n", ""),
    "2 bonds are announced and 0": V3000.replace("BEGIN BOND", "BEGIN X").replace("END BOND", "END X"),
    "no complete COUNTS": V3000.replace("COUNTS 4 2 0 0 0", "COUNTS 4"),
    "two of its atoms have one number": V3000.replace("V30 5 H", "V30 3 H"),
    "END CTAB": V3000.replace("M  V30 END CTAB\n", ""),
    "unknown element '[C,N]', a dummy": V3000.replace("5 H", "5 [C,N]"),
    "is no line of an atom": V2000.replace("0.7572", "1_0.52"),
    "beyond 1,000,000": V3000.replace("0.9 0", "1e308 0"),
    "its atom 1 stands for 'Ph'": V2000.replace("M  END", "A    1\nPh\nM  END"),
    "its atom 1 stands for 'OH'": V2000.replace("M  END", "A    1\nOH\nM  END"),
    "its atom 2 stands for 'O1'": V2000.replace("M  END", "A    2\nO1\nM  END"),
    "it has R groups": V2000.replace("M  END", "M  RGP  1   1   1\nM  END"),
    "a polymer's repeating unit": V2000.replace("M  END", "M  STY  1   1 SRU\nM  END"),
    "its comment says 'bohr'": V2000.replace("\n\n", "\nlengths in bohr\n", 1),
    "longer than 16 MB": V2000.replace("M  END\n", "M  END\n> <note>\n" + "x" * (1 << 21) + "\n\n"),
}


@pytest.mark.parametrize("words", TABLES)
def test_a_doubtful_table_is_named_and_the_next_one_read(tmp_path, words):
    found, last = read(tmp_path / "a.sdf", TABLES[words] + V3000)
    assert last == [8, 1, 1, 1]
    assert refused(found, words)


def test_charges_isotopes_and_planes_change_no_atom(tmp_path):
    flat = V2000.replace(" 0.1173", " 0.0000").replace("-0.4692", " 0.0000")
    marked = V2000.replace("M  END", "M  CHG  1   1   1\nM  ISO  2   2   2   3   2\nM  END")
    dollars = V2000.replace("$$$$", "> <price>\n$$$$100\n\n$$$$").replace(" H  ", " D  ", 1)
    old = V2000.replace("\n", "\r")
    named = V2000.replace("M  END", "A    1\nO1\nA    2\nHG\nM  STY  1   1 DAT\nM  END")
    assert read(tmp_path / "a.sdf", flat + marked + dollars + named + old) == [[8, 1, 1]] * 5


def test_data_fields(tmp_path):
    fields = {"gap": "0.25", "comma": "1,5", "d": "1.0D-3", "inf": "inf", "long": "9" * 5000, "once": "1"}
    text = "".join(
        f"> <{name}>\n{value}\n\n" for name, value in (*fields.items(), ("twice", 1), ("twice", 2))
    )
    (tmp_path / "a.sdf").write_text(V2000.replace("$$$$", text + "$$$$"))
    (record,) = read_molecules(tmp_path / "a.sdf")
    assert record.properties == {"gap": 0.25, "d": 0.001, "once": 1.0}


def columns(**changed):
    sound = {
        "num_atoms": np.array([2, 1, 2]),
        "charges": np.array([6, 8, 2, 6, 8]),
        "positions": np.arange(15.0).reshape(5, 3),
        "index": np.array([7, 8, 9]),
    }
    return sound | changed


def padded(**changed):
    places = np.arange(18.0).reshape(3, 2, 3)
    return columns(charges=np.array([[6, 8], [2, 0], [6, 8]]), positions=places) | changed


def read_npz(path, arrays):
    np.savez(path, **arrays)
    return [
        r.molecule.numbers.tolist() if isinstance(r, RawMolecule) else r.reason for r in read_molecules(path)
    ]


@pytest.mark.parametrize(
    "arrays",
    [
        columns(num_atoms=np.array([2, 1, 1.9])),
        columns(num_atoms=np.array([3, -1, 3])),
        columns(num_atoms=np.array([2, np.nan, 2])),
        columns(num_atoms=np.array([2**62, 2**62, 2**62])),
        columns(num_atoms=np.array([2e30, 1, 2])),
        columns(num_atoms=np.array([[2, 1, 2]])),
        columns(num_atoms=np.array(["2", "1", "2"])),
        columns(charges=np.array(["C", "O", "He", "C", "O"])),
        columns(charges=np.ones((5, 1))),
        columns(positions=np.zeros((5, 2))),
        columns(positions=np.zeros(15)),
        columns(positions=np.zeros((5, 3), dtype=complex)),
        columns(positions=np.array(None)),
        columns(index=np.array([1, 2])),
        padded(charges=np.ones((2, 2))),
    ],
)
def test_an_npz_file_whose_arrays_do_not_belong_together(tmp_path, arrays):
    with pytest.raises(DataError, match=str(tmp_path)):
        read_npz(tmp_path / "a.npz", arrays)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (columns(charges=np.array([6, 8, 2.9, 6, 8])), "2.9 is no whole number"),
        (columns(charges=np.array([6, 8, 1e30, 6, 8])), "is no whole number"),
        (columns(charges=np.array([6, 8, -2, 6, 8])), "the number -2"),
        (columns(index=np.array([7, 8.5, 9])), "8.5 is no whole number"),
        (columns(positions=np.where(np.arange(15) == 7, 1e308, np.arange(15.0)).reshape(5, 3)), "beyond"),
        (
            columns(positions=np.where(np.arange(15) == 7, np.nan, np.arange(15.0)).reshape(5, 3)),
            "not a finite",
        ),
        (padded(num_atoms=np.array([2, 1.5, 2])), "its number of atoms is 1.5"),
        (padded(num_atoms=np.array([2, 3, 2])), "its number of atoms is 3"),
        (padded(num_atoms=np.array([2, -1, 2])), "its number of atoms is -1"),
        (padded(num_atoms=np.array([2, 0, 2])), "no atoms"),
        (padded(charges=np.array([[6, 8], [2, 8], [6, 8]])), "charges stand beyond these"),
    ],
)
def test_one_row_of_an_npz_file_is_named_and_the_others_read(tmp_path, arrays, words):
    first, found, last = read_npz(tmp_path / "a.npz", arrays)
    assert (first, last) == ([6, 8], [6, 8])
    assert refused(found, words)


def test_whole_numbers_of_another_dtype_are_read_as_they_are(tmp_path):
    arrays = columns(num_atoms=np.array([2.0, 1.0, 2.0]), charges=np.array([6, 8, 2, 6, 8], dtype=np.float32))
    assert read_npz(tmp_path / "a.npz", arrays) == [[6, 8], [2], [6, 8]]


def test_a_header_that_claims_more_than_there_is_makes_no_room_for_it(tmp_path):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "<f8", "fortran_order": False, "shape": (10**12, 3)}
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("positions.npy", buffer.getvalue())
    with pytest.raises(DataError, match="not of the size that its header says"):
        list(read_molecules(tmp_path / "a.npz"))


def test_an_archive_beyond_the_limit_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("epitaxy.data.molecules._arrays.LARGEST_NPZ", 100)
    with pytest.raises(DataError, match="more than the limit of 100"):
        read_npz(tmp_path / "a.npz", columns())


def test_one_endless_line_is_refused_without_being_kept(tmp_path):
    path = tmp_path / "a.xyz.gz"
    path.write_bytes(gzip.compress(b"x" * (100 << 20), 9))
    tracemalloc.start()
    with pytest.raises(DataError, match="unpacks to over 250 times its size"):
        list(read_molecules(path))
    assert tracemalloc.get_traced_memory()[1] < 50 << 20
    tracemalloc.stop()


def test_any_error_within_a_record_is_that_record_s_alone(tmp_path, monkeypatch):
    sound, seen = records.parse_sdf, []

    def once(lines):
        seen.append(lines)
        if len(seen) == 1:
            raise RecursionError("maximum recursion depth exceeded")
        return sound(lines)

    monkeypatch.setattr(records, "parse_sdf", once)
    found, last = read(tmp_path / "a.sdf", V2000 * 2)
    assert refused(found, "RecursionError: maximum recursion")
    assert last == [8, 1, 1]


@given(st.binary(max_size=300), st.integers(0, len(V2000)), st.sampled_from([V2000, V3000, QM9, WATER]))
def test_bytes_put_anywhere_never_raise_anything_else(tmp_path_factory, junk, place, text):
    folder = tmp_path_factory.mktemp("junk")
    for name in ("a.sdf", "a.xyz"):
        path = folder / name
        path.write_bytes(text[:place].encode() + junk + text[place:].encode())
        with contextlib.suppress(DataError):  # such as an empty file, or one of UTF-16
            assert all(isinstance(record, RawMolecule | Reject) for record in read_molecules(path))


@pytest.mark.parametrize(
    ("numbers", "positions", "words"),
    [
        (np.array([1, 1]), np.zeros((3, 3)), "shape"),
        (np.array([[1, 1]]), np.zeros((1, 3)), "shape"),
        (np.array([0]), np.zeros((1, 3)), "no element"),
        (np.array([1]), np.full((1, 3), np.inf), "finite"),
        (np.array([1]), np.full((1, 3), 1e9), "beyond"),
    ],
)
def test_a_molecule_checks_itself(numbers, positions, words):
    # the tests' jaxtyping hook looks at shapes before the molecule does
    with pytest.raises((UnusableRecordError, TypeError), match=f"{words}|Type-check error"):
        Molecule(numbers, positions)


def test_a_dataset_checks_itself():
    sound = MoleculeDataset.from_atoms([Atoms("CO", [[0, 0, 0], [0, 0, 1.1]]), Atoms("He")])
    with pytest.raises(ValueError, match="counts must have shape"):
        replace(sound, ids=("a",))
    with pytest.raises(ValueError, match="positions must have shape"):
        replace(sound, counts=sound.counts + 1)


@pytest.mark.parametrize("word", ["1_0", "0x1", "", ".", "1e", "1.2.3", "1,5", "9" * 65, "١"])
def test_what_is_no_number(word):
    with pytest.raises(ValueError, match="is no number"):
        real(word)


@given(st.floats(allow_nan=False))
def test_every_double_is_read_back(value):
    assert real(repr(value)) == value
    assert real(repr(value).replace("e", "D")) == value


@pytest.mark.parametrize(("symbol", "number"), [("C12", 6), ("Cl3", 17), ("Na+", 11), ("ca", 20), ("D1", 1)])
def test_labels_and_ions(symbol, number):
    assert number_of(symbol) == number
